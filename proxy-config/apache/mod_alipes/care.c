/* care - one stream between its hub and its client.
 *
 * PAUSE and RESUME: once the client takes no more, the hub is told, and what comes until it
 * answers is passed over; RESUME goes out when it has answered and `rest` is empty, with the place
 * up to which the client has (or will have) everything.
 *
 * Re-attachment: the request once more, with the ticket of its first head and the id of its place.
 * The new head is thrown away. A stream that is paused or torn is paused at once, and goes on by
 * RESUME, which alone can begin within an event. A hub that does not take it just there is
 * refused: the client comes back by itself and is told what it missed. */

#include "mod_alipes/care.h"

#include "base/alloc.h"
#include "mod_alipes/journal.h"
#include "mod_alipes/tally.h"

#include <fastcgi.h>
#include <stdlib.h>

#define LAST_CHUNK SLICE("0\r\n\r\n")

enum {
    LISTENING = EPOLLIN | EPOLLRDHUP,
    ENDED = EPOLLRDHUP | EPOLLHUP | EPOLLERR,
};

static void
set_paused(struct stream *s, bool paused)
{
    if (s->is_paused != paused)
        tally_add(TALLY_PAUSED, paused ? 1 : -1);
    s->is_paused = paused;
    s->is_silent = false;
}

/* Nothing of it is left here but its number, which the hub gives back. */
static void
bury(struct line *l, struct stream *s)
{
    if (s->arrival)
        return; /* a worker has it */
    s->state = STREAM_GONE;
    if (s->id && l->is_up)
        return;
    line_unnumber(l, s);
    list_unlink(&s->node);
    list_unlink(&s->queue);
    list_append(&l->closing, &s->node);
}

static void
close_client(struct line *l, struct stream *s, bool clean)
{
    if (s->client.fd < 0)
        return;
    watch(l->epoll, s->client.fd, &s->watched, 0);
    journal_write(s);
    client_close(&s->client, clean);
    tally_add(TALLY_STREAMS, -1);
}

static void
stop_returning(struct line *l, struct stream *s)
{
    if (s->again == NULL)
        return;
    buf_fini(&s->again->head);
    free(s->again);
    s->again = NULL;
    l->returning--;
}

/* Who is sent away because this child ends comes back at once: to the hub it is lost with the
 * connection, so nobody sees it leave and come. */
static void
abort_request(struct line *l, struct stream *s)
{
    bool comes_back = s->end == STREAM_END_STOPPED && l->is_multicast;
    if (s->is_asked)
        line_say(l, comes_back ? WIRE_PAUSE : FCGI_ABORT_REQUEST, s->id);
    s->is_asked = false;
}

static void
finish(struct line *l, struct stream *s, bool clean)
{
    abort_request(l, s);
    stop_returning(l, s);
    set_paused(s, false);
    list_unlink(&s->queue);
    close_client(l, s, clean);
    bury(l, s);
}

void
care_leave(struct line *l, struct stream *s, enum stream_end end)
{
    s->end = end;
    arrival_free(&s->arrival);
    finish(l, s, false);
}

/* --- writing ---------------------------------------------------------------------------------- */

static void
listen_to(struct line *l, struct stream *s)
{
    uint32_t events = stream_is_flushed(s) ? 0 : EPOLLOUT;
    /* A TLS write that waits may hold up reading, too (an update of keys that is not out). */
    bool is_deaf = s->state == STREAM_ENDING || (s->client.ssl && events);
    events |= is_deaf ? EPOLLRDHUP : LISTENING;
    if (s->client.fd >= 0)
        watch(l->epoll, s->client.fd, &s->watched, events);
}

/* What a covered stream has is settled, for no mark moves it from here on. */
static void
settle_place(struct line *l, struct stream *s)
{
    if (s->is_covered && s->marks != l->marks)
        stream_move(s, &l->mark, 0, false, l->marks);
    s->is_covered = false;
}

static void
pause_hub(struct line *l, struct stream *s)
{
    if (!l->is_multicast || s->is_paused || s->state == STREAM_ENDING)
        return;
    settle_place(l, s);
    set_paused(s, true);
    line_say(l, WIRE_PAUSE, s->id);
}

static void
resume_hub(struct line *l, struct stream *s)
{
    if (s->state != STREAM_LIVE || !s->is_paused || !s->is_silent || !stream_is_flushed(s) ||
        !s->is_asked || s->again)
        return;
    set_paused(s, false);
    wire_add_resume(&l->out, s->id, &s->place, s->offset);
}

/* False: it is over. */
static bool
took(struct line *l, struct stream *s, enum stream_took t)
{
    if (t == STREAM_TOOK_LOST || t == STREAM_TOOK_OVER) {
        if (s->state == STREAM_LIVE || s->state == STREAM_ENDING) {
            care_leave(l, s, t == STREAM_TOOK_LOST ? STREAM_END_LEFT : STREAM_END_SLOW);
            return false;
        }
        s->is_over = true; /* where a worker still has it */
        s->end = STREAM_END_SLOW;
        return false;
    }
    if (t == STREAM_TOOK_PART)
        pause_hub(l, s);
    listen_to(l, s);
    return true;
}

static bool
give(struct line *l, struct stream *s, const struct piece *p)
{
    l->delivered++;
    return took(l, s, stream_take(s, p));
}

static bool
give_text(struct line *l, struct stream *s, struct slice text)
{
    struct piece p;
    piece_make(&p, &l->frame, text);
    return give(l, s, &p);
}

/* --- an end ----------------------------------------------------------------------------------- */

/* What waits goes out, then the last chunk. */
static void
begin_end(struct line *l, struct stream *s)
{
    const struct piece last = {.framed = LAST_CHUNK};
    s->state = STREAM_ENDING;
    if (took(l, s, stream_take(s, &last)) && stream_is_flushed(s))
        finish(l, s, true);
}

void
care_end(struct line *l, struct stream *s, enum stream_end end)
{
    struct buf text;
    if (s->state == STREAM_HEADED || s->state == STREAM_OPENING) {
        s->is_over = true;
        s->end = end;
        if (s->state == STREAM_OPENING)
            arrival_answer(s->arrival, end == STREAM_END_AWAY ? VERDICT_AWAY : VERDICT_BUSY);
    }
    if (s->state != STREAM_LIVE)
        return;
    s->end = end;
    list_unlink(&s->queue);
    settle_place(l, s);
    if (stream_is_torn(s)) { /* a clean end would make half an event a whole one */
        finish(l, s, false);
        return;
    }
    abort_request(l, s);
    s->state = STREAM_ENDING;
    buf_init(&text, 256);
    stream_farewell(s, line_retry_ms(l), &text);
    if (give_text(l, s, buf_slice(&text)))
        begin_end(l, s);
    buf_fini(&text);
}

void
care_over(struct line *l, struct stream *s, bool is_overload)
{
    bool was_heard = !s->is_paused && !s->again;
    s->is_asked = false;
    line_unnumber(l, s);
    if (s->state == STREAM_OPENING) {
        if (is_overload)
            arrival_answer(s->arrival, VERDICT_BUSY);
        else
            arrival_over(s->arrival);
    } else if (s->state == STREAM_HEADED) {
        s->is_over = true;
        s->end = s->is_paused && s->is_placed ? STREAM_END_REFUSED : STREAM_END_ENDED;
    } else if (s->state == STREAM_LIVE && was_heard && !stream_is_torn(s)) {
        s->end = STREAM_END_ENDED;
        begin_end(l, s);
    } else if (s->state == STREAM_LIVE) {
        stop_returning(l, s);
        care_end(l, s, was_heard ? STREAM_END_ENDED : STREAM_END_REFUSED);
    } else if (s->state == STREAM_GONE) {
        bury(l, s);
    }
}

/* --- asking ----------------------------------------------------------------------------------- */

static void
add_request(struct line *l, struct stream *s, struct slice cursor)
{
    wire_add_request(&l->out, s->id, buf_slice(&s->params), cursor, buf_slice(&s->body));
    s->is_asked = true;
}

void
care_ask(struct line *l, struct stream *s)
{
    if (!line_number(l, s)) {
        arrival_answer(s->arrival, VERDICT_BUSY);
        return;
    }
    s->state = STREAM_OPENING;
    s->is_placed = s->is_covered = false;
    add_request(l, s, buf_slice(&s->cursor));
}

void
care_ask_again(struct line *l, struct stream *s)
{
    struct buf cursor;
    bool is_held = s->is_paused || stream_is_torn(s) || !stream_is_flushed(s);
    if ((s->id == 0 && !line_number(l, s)) || (s->again = try_alloc(sizeof *s->again)) == NULL) {
        line_unnumber(l, s);
        care_end(l, s, STREAM_END_REFUSED);
        return;
    }
    l->returning++;
    buf_init(&s->again->head, ARRIVAL_REPLY);
    wire_cursor(&s->place, s->again->asked);
    buf_init(&cursor, SIZE_MAX);
    wire_add_pair(&cursor, SLICE("HTTP_LAST_EVENT_ID"), slice_of(s->again->asked));
    add_request(l, s, buf_slice(&cursor));
    buf_fini(&cursor);
    set_paused(s, is_held);
    if (is_held)
        line_say(l, WIRE_PAUSE, s->id);
}

/* The head of a re-attachment. */
static void
read_again(struct line *l, struct stream *s, struct slice content)
{
    struct head head;
    buf_add(&s->again->head, content);
    enum parse parsed = head_read(buf_slice(&s->again->head), &head);
    if (parsed == PARSE_MORE && !s->again->head.failed)
        return;
    bool is_taken = parsed == PARSE_OK && head.is_stream && head.ticket.len &&
                    slice_eq(head.granted, slice_of(s->again->asked));
    stop_returning(l, s);
    if (!is_taken) {
        care_end(l, s, STREAM_END_REFUSED);
        return;
    }
    tally_add(TALLY_REATTACHED, 1);
    resume_hub(l, s);
}

static void
read_reply(struct line *l, struct stream *s, struct slice content)
{
    struct arrival *a = s->arrival;
    struct slice body;
    if (arrival_verdict(a) != VERDICT_NONE || !arrival_take(a, content, &body))
        return;
    if (a->head.ticket.len)
        stream_keep_ticket(s, a->head.ticket);
    s->state = STREAM_HEADED;
    arrival_answer(a, VERDICT_STREAM);
    give_text(l, s, body);
}

void
care_reply(struct line *l, struct stream *s, struct slice content)
{
    if (s->again)
        read_again(l, s, content);
    else if (s->state == STREAM_OPENING)
        read_reply(l, s, content);
    else if ((s->state == STREAM_HEADED || s->state == STREAM_LIVE) && !s->is_paused)
        give_text(l, s, content);
}

/* --- what the hub says ------------------------------------------------------------------------ */

void
care_paused(struct line *l, struct stream *s)
{
    s->is_silent = s->is_paused;
    resume_hub(l, s);
}

void
care_mark(struct line *l, struct stream *s, const struct place *place)
{
    if (s->is_paused)
        return;
    stream_move(s, place, 0, false, l->marks);
    s->is_covered = true;
}

void
care_event(struct line *l, struct stream *s, const struct multicast *m, const struct piece *p)
{
    if (s->is_paused || s->is_over || s->state < STREAM_OPENING || s->state > STREAM_LIVE)
        return;
    if (!m->is_text)
        stream_move(s, &m->place, m->text.len, m->more, l->marks);
    if (m->text.len)
        give(l, s, p);
}

bool
care_hub_lost(struct line *l, struct stream *s)
{
    s->is_asked = false;
    stop_returning(l, s);
    settle_place(l, s);
    line_unnumber(l, s);
    switch (s->state) {
    case STREAM_OPENING:
        if (arrival_verdict(s->arrival) != VERDICT_NONE)
            return false; /* the worker reads what follows */
        s->state = STREAM_NEW;
        buf_clear(&s->arrival->reply);
        s->arrival->head = (struct head){0};
        return true;
    case STREAM_HEADED:
    case STREAM_LIVE:
        if (l->is_multicast && s->is_placed)
            return !s->is_over;
        care_end(l, s, STREAM_END_LOST);
        return false;
    case STREAM_GONE:
        bury(l, s);
        return false;
    default:
        return false;
    }
}

/* --- its client ------------------------------------------------------------------------------- */

void
care_taken(struct line *l, struct stream *s)
{
    s->client = s->arrival->client;
    arrival_free(&s->arrival);
    s->state = STREAM_LIVE;
    tally_add(TALLY_STREAMS, 1);
    tally_add(TALLY_OPENED, 1);
    if (!took(l, s, stream_flush(s)))
        return;
    if (s->watched.events == 0) { /* no memory for that: its end would not be heard */
        care_leave(l, s, STREAM_END_LOST);
        return;
    }
    resume_hub(l, s);
    if (!s->is_over)
        return;
    if (s->end == STREAM_END_ENDED && !stream_is_torn(s))
        begin_end(l, s); /* with the hub's own last words */
    else
        care_end(l, s, s->end);
}

static void
hear(struct line *l, struct stream *s)
{
    enum heard heard = client_hear(&s->client);
    if (heard == HEARD_LEFT)
        care_leave(l, s, STREAM_END_LEFT);
    else if (heard == HEARD_TOO_MUCH)
        care_end(l, s, STREAM_END_SAID);
}

void
care_client(struct line *l, struct stream *s, uint32_t events)
{
    if (s->client.fd < 0)
        return; /* closed earlier in this turn */
    if (events & EPOLLOUT) {
        if (!took(l, s, stream_flush(s)))
            return;
        resume_hub(l, s);
        if (s->state == STREAM_ENDING && stream_is_flushed(s)) {
            finish(l, s, true);
            return;
        }
    }
    if ((s->state == STREAM_LIVE || s->state == STREAM_ENDING) && events & ENDED)
        care_leave(l, s, s->state == STREAM_LIVE ? STREAM_END_LEFT : s->end);
    else if (s->state == STREAM_LIVE && events & EPOLLIN)
        hear(l, s);
}
