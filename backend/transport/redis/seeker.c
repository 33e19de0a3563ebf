/* seeker - two queues, and what is under way for them.
 *
 *     stretch   made for the first read that wants what is behind a position; further reads of the
 *               same join it; freed with its answer
 *
 * Nothing is read behind what this hub has taken, though the store may have it: it is not committed
 * here (DESIGN.md, section 8.1). What one gets wrong: a range may be empty because the next record
 * is large, or of another run; so it is asked for alone before anything is said. And whatever is
 * read must begin where it was asked for: the first record names its predecessor, and if that is
 * another, the reader is gone. */

#include "transport/redis/seeker.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "transport/position_id.h"

#include <stdlib.h>

enum {
    PIECE_BYTES = 64 * 1024,
    MOST_ASKED = 128,
    RECENT_BYTES = 4 << 20,
    TRIES = 3,
};

struct stretch {
    struct list node;
    struct position after; /* unknown: what was removed is asked for first */
    struct list reads;
    bool is_single, from_removed;
    unsigned tries;
};

static const struct position unknown = {UINT64_MAX, UINT64_MAX};

void
seeker_init(struct seeker *s, struct session *session, struct broadcast *broadcast,
            const struct spare *spare)
{
    *s = (struct seeker){
        .session = session, .broadcast = broadcast, .spare = spare, .is_whole = true};
    list_init(&s->finds);
    list_init(&s->asked_finds);
    list_init(&s->ahead);
    list_init(&s->reads);
    list_init(&s->asked_reads);
}

static void
forget_recent(struct seeker *s)
{
    for (unsigned i = 0; i < SEEKER_RECENT; i++)
        batch_unref(&s->recent[i]);
    s->recent_bytes = 0;
}

void
seeker_fini(struct seeker *s)
{
    forget_recent(s);
}

void
seeker_take(struct seeker *s, struct list *finds, struct list *reads)
{
    list_splice(&s->finds, finds);
    list_splice(&s->reads, reads);
}

static bool
is_open(const struct seeker *s)
{
    return s->session->state == SESSION_OPEN && !s->session->failed;
}

/* --- look-ups --------------------------------------------------------------------------------- */

static struct transport_find *
find_at(struct list *node)
{
    return CONTAINER_OF(node, struct transport_find, message.node);
}

static void
answer_find(struct seeker *s, struct transport_find *f, bool failed, const struct position *at)
{
    list_unlink(&f->message.node);
    f->failed = failed;
    f->is_lacking = false;
    f->found = at != NULL;
    if (at)
        f->position = *at;
    broadcast_answer(s->broadcast, f->origin, &f->message);
}

static bool
read_place_id(const struct seeker *s, struct slice id, struct position *ret)
{
    return s->session->has_key && position_id_read(&s->session->key, id, ret);
}

/* False: the store is to be asked. */
static bool
find_here(struct seeker *s, struct transport_find *f)
{
    struct position at;
    bool found = read_place_id(s, f->id, &at) ? spare_has_place(s->spare, at)
                                              : spare_find(s->spare, f->id, &at);
    if (found)
        answer_find(s, f, false, &at);
    return found;
}

static void
on_found(void *owner, const struct resp *a)
{
    struct seeker *s = owner;
    struct transport_find *f = find_at(s->asked_finds.next);
    s->asked--;
    if (s->session->failed)
        return; /* what failed still stands first */
    if (a->kind == RESP_NIL) {
        answer_find(s, f, false, NULL);
    } else if (a->kind == RESP_TEXT && entry_place_read(a->text, &f->position)) {
        if (list_is_empty(&s->ahead))
            s->ahead_ms = clock_mono_ms();
        list_unlink(&f->message.node);
        list_append(&s->ahead, &f->message.node);
    } else if (a->kind == RESP_ERROR && slice_starts(a->text, SLICE("NOSCRIPT"))) {
        s->is_whole = true;
        list_unlink(&f->message.node);
        list_append(&s->finds, &f->message.node);
    } else {
        session_fail_with(s->session, "looking up", a);
    }
}

static void
ask_find(struct seeker *s, struct transport_find *f, uint64_t now_ms)
{
    char text[ENTRY_PLACE_LEN];
    struct position at;
    struct buf *out = session_ask(s->session, TALK_READ, now_ms, on_found, s);
    script_begin(out, SCRIPT_FIND, &s->session->keys, s->is_whole, 3);
    s->is_whole = false;
    resp_add_number(out, s->session->run);
    entry_add_id(out, f->id);
    resp_add(out, read_place_id(s, f->id, &at) ? entry_place_write(at, text) : SLICE(""));
    s->asked++;
    list_unlink(&f->message.node);
    list_append(&s->asked_finds, &f->message.node);
}

/* What is found behind what this hub has taken is not committed here before it is read back; which
 * takes no time, or never happens. */
static void
answer_reached(struct seeker *s, uint64_t now_ms)
{
    bool is_late = now_ms >= s->ahead_ms + s->session->settings->timeout_ms;
    LIST_EACH(node, after, &s->ahead)
    {
        struct transport_find *f = find_at(node);
        struct position at = f->position;
        if (position_cmp(at, s->spare->end) <= 0)
            answer_find(s, f, false, &at);
        else if (is_late)
            answer_find(s, f, true, NULL);
    }
}

/* Those that waited for Redis as long as for any answer of it come back later. */
static bool
is_away_long(const struct seeker *s, uint64_t now_ms)
{
    return s->session->away_ms && now_ms >= s->session->away_ms + s->session->settings->timeout_ms;
}

static void
work_finds(struct seeker *s, uint64_t now_ms)
{
    answer_reached(s, now_ms);
    LIST_EACH(node, after, &s->finds)
    {
        struct transport_find *f = find_at(node);
        if (find_here(s, f))
            continue;
        if (is_open(s) && s->asked < MOST_ASKED)
            ask_find(s, f, now_ms);
        else if (is_away_long(s, now_ms))
            answer_find(s, f, true, NULL);
    }
}

/* --- reads ------------------------------------------------------------------------------------ */

static struct transport_read *
read_at(struct list *node)
{
    return CONTAINER_OF(node, struct transport_read, message.node);
}

/* The piece is borrowed. */
static void
answer_read(struct seeker *s, struct transport_read *r, bool gone, struct batch *piece)
{
    list_unlink(&r->message.node);
    r->gone = gone;
    r->piece = piece && !gone ? batch_ref(piece) : NULL;
    broadcast_answer(s->broadcast, r->origin, &r->message);
}

static void
answer_stretch(struct seeker *s, struct stretch *t, bool gone, struct batch *piece)
{
    while (!list_is_empty(&t->reads))
        answer_read(s, read_at(t->reads.next), gone, piece);
}

static struct batch *
find_recent(const struct seeker *s, struct position after)
{
    for (unsigned i = 0; i < SEEKER_RECENT; i++) {
        struct batch *b = s->recent[i];
        if (b && position_cmp(b->after, after) <= 0 && position_cmp(b->upto, after) > 0)
            return b;
    }
    return NULL;
}

/* Takes the reference. */
static void
keep_recent(struct seeker *s, struct batch *b)
{
    struct batch **place = &s->recent[s->next_recent++ % SEEKER_RECENT];
    if (s->recent_bytes + b->bytes > RECENT_BYTES)
        forget_recent(s);
    s->recent_bytes -= *place ? (*place)->bytes : 0;
    batch_unref(place);
    *place = b;
    s->recent_bytes += b->bytes;
}

/* False: the store is to be asked. */
static bool
read_here(struct seeker *s, struct transport_read *r)
{
    struct batch *piece = NULL;
    if (r->from_removed)
        return false;
    if (position_cmp(r->after, s->spare->begin) >= 0)
        piece = spare_after(s->spare, r->after);
    else if ((piece = find_recent(s, r->after)) == NULL)
        return false;
    answer_read(s, r, false, piece);
    return true;
}

/* What of the entries follows `after`, one upon the other. NULL: nothing does. */
static struct batch *
piece_of(const struct resp *entries, struct position after)
{
    struct batch *b = batch_new(entries->count);
    struct entry r;
    b->after = b->upto = after;
    b->count = 0;
    while (b->count < entries->count && entry_read(&entries->items[b->count], &r) &&
           position_cmp(r.before, b->upto) == 0) {
        struct update *u = entry_update(&r);
        if (u == NULL)
            break;
        b->updates[b->count++] = u;
        b->upto = r.position;
        b->bytes += u->size;
    }
    if (b->count == 0)
        batch_unref(&b);
    return b;
}

static void ask_stretch(struct seeker *s, struct stretch *t, uint64_t now_ms);
static void ask_removed(struct seeker *s, struct stretch *t, uint64_t now_ms);

static void
end_stretch(struct stretch *t)
{
    list_unlink(&t->node);
    free(t);
}

static void
on_piece(void *owner, const struct resp *a)
{
    struct seeker *s = owner;
    struct stretch *t = CONTAINER_OF(s->asked_reads.next, struct stretch, node);
    s->asked--;
    if (s->session->failed)
        return; /* what failed still stands first */
    if (a->kind != RESP_ARRAY) {
        session_fail_with(s->session, "reading", a);
        return;
    }
    if (a->count == 0 && !t->is_single) {
        t->is_single = true;
        ask_stretch(s, t, clock_mono_ms());
        return;
    }
    struct batch *piece = piece_of(a, t->after);
    if (piece == NULL && t->from_removed && ++t->tries < TRIES) {
        ask_removed(s, t, clock_mono_ms()); /* retention has moved in between */
        return;
    }
    answer_stretch(s, t, piece == NULL, piece);
    if (piece)
        keep_recent(s, piece);
    end_stretch(t);
}

static void
ask_stretch(struct seeker *s, struct stretch *t, uint64_t now_ms)
{
    char from[ENTRY_PLACE_LEN + 1] = "(", text[ENTRY_PLACE_LEN];
    struct position upto = t->after, taken = s->spare->end;
    upto.sequence += PIECE_BYTES;
    if (t->is_single || position_cmp(upto, taken) > 0)
        upto = taken;
    entry_place_write(t->after, from + 1);
    struct buf *out = session_ask(s->session, TALK_READ, now_ms, on_piece, s);
    resp_begin(out, t->is_single ? 6 : 4);
    resp_add(out, SLICE("XRANGE"));
    resp_add(out, slice_of(s->session->keys.stream));
    resp_add(out, slice_of(from));
    resp_add(out, entry_place_write(upto, text));
    if (t->is_single) {
        resp_add(out, SLICE("COUNT"));
        resp_add(out, SLICE("1"));
    }
    s->asked++;
    list_unlink(&t->node);
    list_append(&s->asked_reads, &t->node);
}

/* What retention has left begins there. */
static void
on_removed(void *owner, const struct resp *a)
{
    struct seeker *s = owner;
    struct stretch *t = CONTAINER_OF(s->asked_reads.next, struct stretch, node);
    s->asked--;
    if (s->session->failed)
        return; /* what failed still stands first */
    if (a->kind != RESP_TEXT || !entry_place_read(a->text, &t->after)) {
        session_fail_with(s->session, "reading from the earliest", a);
        return;
    }
    LIST_EACH(node, after, &t->reads)
    {
        struct transport_read *r = read_at(node);
        r->from_removed = false;
        r->told = (struct transport_told){true, t->after, t->after};
        r->after = t->after;
        read_here(s, r);
    }
    t->is_single = false;
    if (list_is_empty(&t->reads))
        end_stretch(t);
    else
        ask_stretch(s, t, clock_mono_ms());
}

static void
ask_removed(struct seeker *s, struct stretch *t, uint64_t now_ms)
{
    struct buf *out = session_ask(s->session, TALK_READ, now_ms, on_removed, s);
    t->after = unknown;
    resp_begin(out, 3);
    resp_add(out, SLICE("HGET"));
    resp_add(out, slice_of(s->session->keys.head));
    resp_add(out, SLICE("rem"));
    s->asked++;
    list_unlink(&t->node);
    list_append(&s->asked_reads, &t->node);
}

/* One that is on its way to the same place. */
static struct stretch *
find_stretch(const struct seeker *s, struct position place, bool from_removed)
{
    LIST_EACH(node, after, &s->asked_reads)
    {
        struct stretch *t = CONTAINER_OF(node, struct stretch, node);
        if (position_cmp(t->after, place) == 0 && t->from_removed == from_removed)
            return t;
    }
    return NULL;
}

static void
ask_read(struct seeker *s, struct transport_read *r, uint64_t now_ms)
{
    struct position place = r->from_removed ? unknown : r->after;
    struct stretch *t = find_stretch(s, place, r->from_removed);
    list_unlink(&r->message.node);
    if (t) {
        list_append(&t->reads, &r->message.node);
        return;
    }
    t = xalloc(sizeof *t);
    *t = (struct stretch){.after = place, .from_removed = r->from_removed};
    list_init(&t->node);
    list_init(&t->reads);
    list_append(&t->reads, &r->message.node);
    if (r->from_removed)
        ask_removed(s, t, now_ms);
    else
        ask_stretch(s, t, now_ms);
}

static void
work_reads(struct seeker *s, uint64_t now_ms)
{
    LIST_EACH(node, after, &s->reads)
    {
        struct transport_read *r = read_at(node);
        if (!read_here(s, r) && is_open(s) && s->asked < MOST_ASKED)
            ask_read(s, r, now_ms);
    }
}

/* --- a turn ----------------------------------------------------------------------------------- */

void
seeker_work(struct seeker *s, uint64_t now_ms)
{
    work_finds(s, now_ms);
    work_reads(s, now_ms);
    broadcast_send(s->broadcast);
}

uint64_t
seeker_deadline(const struct seeker *s)
{
    uint64_t timeout = s->session->settings->timeout_ms;
    if (!list_is_empty(&s->ahead))
        return s->ahead_ms + timeout;
    if (list_is_empty(&s->finds) || s->session->away_ms == 0)
        return UINT64_MAX;
    return s->session->away_ms + timeout;
}

void
seeker_opened(struct seeker *s)
{
    s->is_whole = true;
}

/* What was under way is asked again. */
void
seeker_ended(struct seeker *s)
{
    struct list *node;
    list_splice(&s->finds, &s->asked_finds);
    list_splice(&s->finds, &s->ahead);
    while ((node = list_shift(&s->asked_reads)) != NULL) {
        struct stretch *t = CONTAINER_OF(node, struct stretch, node);
        list_splice(&s->reads, &t->reads);
        free(t);
    }
    s->asked = 0;
    forget_recent(s);
}

void
seeker_stop(struct seeker *s)
{
    seeker_ended(s);
    while (!list_is_empty(&s->finds))
        answer_find(s, find_at(s->finds.next), true, NULL);
    while (!list_is_empty(&s->reads))
        answer_read(s, read_at(s->reads.next), true, NULL);
}
