/* stream - what a client was given, to the byte.
 *
 *     NEW -> OPENING -> HEADED -> LIVE -> ENDING -> GONE -> freed      any but NEW -> GONE
 *
 * A piece that the socket does not take is kept whole in `rest`, so what was begun is always
 * finished, and a place counts as taken with the bytes of the record, not with those in the
 * kernel. The link sees to it that no second one comes meanwhile (PAUSE), or that there are not
 * too many where the hub knows no PAUSE. Before LIVE there is no socket, which counts as full. */

#include "mod_alipes/stream.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    CURSOR_MAX = 65536, /* of a header's value */
    PARAMS_MAX = 65000, /* one record */
    TICKET_PAIR = sizeof "ALIPES_TICKET" + 5,
};

static const char *const end_words[] = {
#define X(name, word) word,
    STREAM_ENDS(X)
#undef X
};

const char *
stream_end_word(enum stream_end end)
{
    return end_words[end];
}

struct stream *
stream_new(bool is_chunked)
{
    struct stream *s = aligned_alloc(64, (sizeof *s + 63) / 64 * 64);
    if (s == NULL)
        return NULL;
    *s = (struct stream){0};
    s->watched.kind = WATCHED_STREAM;
    list_init(&s->node);
    list_init(&s->queue);
    s->client.fd = -1;
    buf_init(&s->params, PARAMS_MAX);
    buf_init(&s->body, STREAM_BODY);
    buf_init(&s->cursor, CURSOR_MAX);
    buf_init(&s->rest, STREAM_REST);
    s->offset = WIRE_ALL;
    s->begun_ms = clock_wall_ms();
    s->is_chunked = is_chunked;
    return s;
}

void
stream_free(struct stream **s)
{
    if (*s == NULL)
        return;
    list_unlink(&(*s)->node);
    list_unlink(&(*s)->queue);
    arrival_free(&(*s)->arrival);
    if ((*s)->again)
        buf_fini(&(*s)->again->head);
    free((*s)->again);
    buf_fini(&(*s)->params);
    buf_fini(&(*s)->body);
    buf_fini(&(*s)->cursor);
    buf_fini(&(*s)->rest);
    free(*s);
    *s = NULL;
}

void
piece_make(struct piece *p, struct buf *frame, struct slice bytes)
{
    *p = (struct piece){0};
    if (bytes.len == 0)
        return; /* an empty chunk would be the last */
    buf_clear(frame);
    buf_addf(frame, "%zx\r\n", bytes.len);
    size_t head = frame->len;
    buf_add(frame, bytes);
    buf_add(frame, SLICE("\r\n"));
    p->framed = buf_slice(frame);
    p->bare = slice_head(slice_from(p->framed, head), bytes.len);
}

bool
stream_is_flushed(const struct stream *s)
{
    return s->rest.len == 0;
}

bool
stream_is_torn(const struct stream *s)
{
    return s->offset != WIRE_ALL;
}

static enum stream_took
keep(struct stream *s, struct slice rest)
{
    buf_add(&s->rest, rest);
    return s->rest.failed ? STREAM_TOOK_OVER : STREAM_TOOK_PART;
}

enum stream_took
stream_take(struct stream *s, const struct piece *p)
{
    struct slice bytes = s->is_chunked ? p->framed : p->bare;
    if (bytes.len == 0)
        return STREAM_TOOK_ALL;
    if (s->client.fd < 0 || s->rest.len)
        return keep(s, bytes);
    ssize_t taken = client_write(&s->client, bytes);
    if (taken < 0)
        return STREAM_TOOK_LOST;
    s->bytes += (uint64_t)taken;
    return (size_t)taken == bytes.len ? STREAM_TOOK_ALL : keep(s, slice_from(bytes, (size_t)taken));
}

enum stream_took
stream_flush(struct stream *s)
{
    if (s->rest.len == 0)
        return STREAM_TOOK_ALL;
    ssize_t taken = client_write(&s->client, buf_slice(&s->rest));
    if (taken < 0)
        return STREAM_TOOK_LOST;
    s->bytes += (uint64_t)taken;
    buf_drop(&s->rest, (size_t)taken);
    if (s->rest.len)
        return STREAM_TOOK_PART;
    buf_fini(&s->rest);
    return STREAM_TOOK_ALL;
}

void
stream_move(struct stream *s, const struct place *place, size_t length, bool more, uint32_t marks)
{
    bool goes_on = stream_is_torn(s) && memcmp(place, &s->place, sizeof *place) == 0;
    s->place = *place;
    s->is_placed = true;
    s->marks = marks;
    s->offset = !more ? WIRE_ALL : (goes_on ? s->offset : 0) + (uint32_t)length;
}

/* As the hub's own: Firefox forgets an id that comes without an event. */
void
stream_farewell(const struct stream *s, unsigned retry_ms, struct buf *text)
{
    char cursor[WIRE_CURSOR];
    if (!s->is_placed) {
        buf_addf(text, "retry: %u\n\n", retry_ms);
        return;
    }
    wire_cursor(&s->place, cursor);
    if (s->is_browser)
        buf_addf(text, "event: alipes\nretry: %u\nid: %s\ndata: \n\n", retry_ms, cursor);
    else
        buf_addf(text, "retry: %u\nid: %s\n\n", retry_ms, cursor);
}

void
stream_keep_ticket(struct stream *s, struct slice ticket)
{
    struct buf exact;
    buf_init(&exact, PARAMS_MAX);
    buf_reserve(&exact, s->params.len + ticket.len + TICKET_PAIR);
    buf_add(&exact, buf_slice(&s->params));
    wire_add_pair(&exact, SLICE("ALIPES_TICKET"), ticket);
    if (exact.failed) {
        buf_fini(&exact); /* comes back as a new one */
        return;
    }
    buf_fini(&s->params);
    buf_fini(&s->cursor);
    s->params = exact;
}
