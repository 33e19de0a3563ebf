/* follower - reads the stream behind what was taken, for ever.
 *
 * An XREAD waits at the server for what comes next. It bounds what it brings by a count alone; so
 * where much may wait already (a session has begun, an answer was full, a worker lagged) a range
 * comes first, which is bounded in bytes, because positions count them; and where that is empty,
 * the one next record, which may be large, or of another run.
 *
 * Committed is what has come here: the server has it, and from now on this hub can put it back. So
 * everything that may be shown goes through take(): it is entered in the roll of who is there and
 * in the spare, its publishers are answered, and it is mailed, in this order.
 *
 * Each record names its predecessor. Where that is not what was taken, what lies between is lost to
 * this hub: the workers are mailed an empty batch that begins where the record does, which ends
 * their streams (transport.h), and all goes on from there. */

#include "transport/redis/follower.h"

#include "base/alloc.h"
#include "base/log.h"
#include "metrics/metrics.h"

#include <stdlib.h>

enum {
    BLOCK_MS = 1000,
    MOST_RECORDS = 512,
    PIECE_BYTES = 256 * 1024,
    FIRST_MEAN = 1024,
};

enum follower_question {
    ASK_STANDS, /* is what was taken a place of the order? */
    ASK_RANGE,
    ASK_ONE,
    ASK_END,
    ASK_NEWS,
};

void
follower_init(struct follower *f, struct session *session, struct broadcast *broadcast,
              struct spare *spare, struct sender *sender, struct roll *roll)
{
    *f = (struct follower){.session = session,
                           .broadcast = broadcast,
                           .spare = spare,
                           .sender = sender,
                           .roll = roll,
                           .mean = FIRST_MEAN};
}

void
follower_fini(struct follower *f)
{
    free(f->origins);
    *f = (struct follower){0};
}

/* --- batches ---------------------------------------------------------------------------------- */

/* Everything that workers hear goes through here. */
static void
mail(struct follower *f, struct batch **b)
{
    broadcast_batch(f->broadcast, *b);
    batch_unref(b);
}

/* What was taken so far, in a batch: now it is committed. */
static void
take(struct follower *f)
{
    struct batch *b = f->batch;
    f->batch = NULL;
    if (b == NULL)
        return;
    if (b->count == 0) {
        batch_unref(&b);
        return;
    }
    b->upto = b->updates[b->count - 1]->position;
    roll_take(f->roll, b, f->origins);
    spare_add(f->spare, b, f->origins);
    sender_reached(f->sender, b->upto);
    mail(f, &b);
}

static void
break_at(struct follower *f, struct position at)
{
    take(f);
    if (f->spare->end.run) {
        metrics_count(METRIC_redis_breaks);
        log_line(LOG_WARN, "redis_break",
                 "taken=%llu-%llu now=%llu-%llu msg=\"what the store has does not follow what this "
                 "hub has shown: streams end, and are told\"",
                 (unsigned long long)f->spare->end.run, (unsigned long long)f->spare->end.sequence,
                 (unsigned long long)at.run, (unsigned long long)at.sequence);
    }
    struct batch *b = batch_new(0);
    b->after = b->upto = at;
    spare_restart(f->spare, at);
    roll_forget(f->roll);
    sender_reached(f->sender, at);
    mail(f, &b);
}

static void
begin_batch(struct follower *f, uint32_t room)
{
    f->batch = batch_new(room);
    f->batch->count = 0;
    f->batch->after = f->spare->end;
    if (f->room < room) {
        f->origins = xrealloc(f->origins, room * sizeof *f->origins);
        f->room = room;
    }
}

static struct position
reached(const struct follower *f)
{
    const struct batch *b = f->batch;
    return b && b->count ? b->updates[b->count - 1]->position : f->spare->end;
}

/* False: no memory. */
static bool
take_record(struct follower *f, const struct entry *r, uint32_t left)
{
    if (position_cmp(r->before, reached(f)) != 0)
        break_at(f, r->before);
    if (f->batch == NULL)
        begin_batch(f, left);
    struct update *u = sender_confirm(f->sender, r);
    if (u == NULL)
        u = entry_update(r);
    if (u == NULL)
        return false;
    f->origins[f->batch->count] = r->origin;
    f->batch->updates[f->batch->count++] = u;
    f->batch->bytes += u->size;
    return true;
}

/* An entry that is none of ours stands in our stream: what is behind it is read all the same. */
static void
step_over(struct follower *f, struct position at)
{
    static struct log_limit limit;
    uint64_t more;
    if (log_allowed(&limit, &more))
        log_line(LOG_ERROR, "redis_foreign_entry", "position=%llu-%llu suppressed=%llu",
                 (unsigned long long)at.run, (unsigned long long)at.sequence,
                 (unsigned long long)more);
    break_at(f, at);
}

/* Those of a list of entries. */
static void
take_entries(struct follower *f, const struct resp *entries)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < entries->count; i++) {
        struct entry r;
        bool is_ours = entry_read(&entries->items[i], &r);
        if (position_cmp(r.position, reached(f)) <= 0) {
            session_fail(f->session, "order", "the stream goes backwards");
            break;
        }
        if (!is_ours || !take_record(f, &r, entries->count - i))
            step_over(f, r.position);
        bytes += r.id.len + r.topics.len + r.event.len + ENTRY_OVERHEAD;
    }
    take(f);
    metrics_add(METRIC_redis_reads, entries->count > 0);
    metrics_add(METRIC_redis_read_updates, entries->count);
    if (entries->count)
        f->mean = (uint32_t)(bytes / entries->count) + 1;
    broadcast_send(f->broadcast);
}

/* --- questions -------------------------------------------------------------------------------- */

static void
on_stands(void *owner, const struct resp *a)
{
    struct follower *f = owner;
    f->is_asked = false;
    if (a->kind != RESP_NIL && a->kind != RESP_TEXT) {
        session_fail_with(f->session, "asking for what was taken", a);
        return;
    }
    f->next = ASK_RANGE;
    if (a->kind == RESP_NIL)
        break_at(f, f->session->end);
}

static void
on_range(void *owner, const struct resp *a)
{
    struct follower *f = owner;
    f->is_asked = false;
    if (a->kind != RESP_ARRAY) {
        session_fail_with(f->session, "reading", a);
        return;
    }
    f->next = a->count ? ASK_RANGE : f->next == ASK_RANGE ? ASK_ONE : ASK_END;
    f->is_doubted &= a->count == 0;
    take_entries(f, a);
}

/* Where all behind what was taken has been removed, nothing will ever come that tells of it. */
static void
on_end(void *owner, const struct resp *a)
{
    struct follower *f = owner;
    struct position end;
    f->is_asked = false;
    if (a->kind != RESP_TEXT || !entry_place_read(a->text, &end)) {
        session_fail_with(f->session, "asking for the end", a);
        return;
    }
    if (position_cmp(end, f->spare->end) < 0) {
        session_fail(f->session, "behind", "the store ends before what this hub has taken");
        return;
    }
    bool is_further = position_cmp(end, f->spare->end) > 0, is_sure = f->is_doubted;
    f->next = is_further && !is_sure ? ASK_ONE : ASK_NEWS;
    f->is_doubted = is_further && !is_sure;
    if (is_further && is_sure)
        break_at(f, end);
}

/* [[stream, entries]], or nothing. */
static void
on_news(void *owner, const struct resp *a)
{
    struct follower *f = owner;
    f->is_asked = false;
    if (a->kind == RESP_NIL) {
        f->next = ASK_END;
        return;
    }
    if (a->kind != RESP_ARRAY || a->count != 1 || a->items[0].kind != RESP_ARRAY ||
        a->items[0].count != 2 || a->items[0].items[1].kind != RESP_ARRAY) {
        session_fail_with(f->session, "waiting for what is published", a);
        return;
    }
    const struct resp *entries = &a->items[0].items[1];
    f->next = entries->count >= f->most ? ASK_RANGE : ASK_NEWS;
    take_entries(f, entries);
}

static void
ask_stands(struct follower *f, uint64_t now_ms)
{
    char text[ENTRY_PLACE_LEN];
    struct buf *out = session_ask(f->session, TALK_LIVE, now_ms, on_stands, f);
    script_begin(out, SCRIPT_FIND, &f->session->keys, true, 3);
    resp_add_number(out, f->session->run);
    resp_add(out, SLICE(""));
    resp_add(out, entry_place_write(f->spare->end, text));
}

static void
ask_range(struct follower *f, uint64_t now_ms)
{
    char from[ENTRY_PLACE_LEN + 1] = "(", upto[ENTRY_PLACE_LEN];
    struct position end = f->spare->end;
    entry_place_write(end, from + 1);
    end.sequence += PIECE_BYTES;
    struct buf *out = session_ask(f->session, TALK_LIVE, now_ms, on_range, f);
    resp_begin(out, 4);
    resp_add(out, SLICE("XRANGE"));
    resp_add(out, slice_of(f->session->keys.stream));
    resp_add(out, slice_of(from));
    resp_add(out, entry_place_write(end, upto));
}

/* The next record, however large, and of whichever run. */
static void
ask_one(struct follower *f, uint64_t now_ms)
{
    char from[ENTRY_PLACE_LEN + 1] = "(";
    entry_place_write(f->spare->end, from + 1);
    struct buf *out = session_ask(f->session, TALK_LIVE, now_ms, on_range, f);
    resp_begin(out, 6);
    resp_add(out, SLICE("XRANGE"));
    resp_add(out, slice_of(f->session->keys.stream));
    resp_add(out, slice_of(from));
    resp_add(out, SLICE("+"));
    resp_add(out, SLICE("COUNT"));
    resp_add(out, SLICE("1"));
}

static void
ask_end(struct follower *f, uint64_t now_ms)
{
    struct buf *out = session_ask(f->session, TALK_LIVE, now_ms, on_end, f);
    resp_begin(out, 3);
    resp_add(out, SLICE("HGET"));
    resp_add(out, slice_of(f->session->keys.head));
    resp_add(out, SLICE("end"));
}

static void
ask_news(struct follower *f, uint64_t now_ms)
{
    char from[ENTRY_PLACE_LEN];
    f->is_doubted = false;
    f->most = PIECE_BYTES / f->mean;
    f->most = f->most < 1 ? 1 : f->most > MOST_RECORDS ? MOST_RECORDS : f->most;
    struct buf *out = session_ask(f->session, TALK_LIVE, now_ms + BLOCK_MS, on_news, f);
    resp_begin(out, 8);
    resp_add(out, SLICE("XREAD"));
    resp_add(out, SLICE("COUNT"));
    resp_add_number(out, f->most);
    resp_add(out, SLICE("BLOCK"));
    resp_add_number(out, BLOCK_MS);
    resp_add(out, SLICE("STREAMS"));
    resp_add(out, slice_of(f->session->keys.stream));
    resp_add(out, entry_place_write(f->spare->end, from));
}

void
follower_work(struct follower *f, uint64_t now_ms)
{
    static void (*const ask[])(struct follower *, uint64_t) = {
        [ASK_STANDS] = ask_stands, [ASK_RANGE] = ask_range, [ASK_ONE] = ask_one,
        [ASK_END] = ask_end,       [ASK_NEWS] = ask_news,
    };
    if (f->session->state != SESSION_OPEN || f->session->failed || f->is_asked ||
        !roll_is_ready(f->roll))
        return;
    if (broadcast_lags(f->broadcast)) {
        f->next = f->next == ASK_NEWS ? ASK_RANGE : f->next;
        return;
    }
    f->is_asked = true;
    ask[f->next](f, now_ms);
}

/* What was taken may be no part of what the store has now. */
void
follower_opened(struct follower *f)
{
    struct position taken = f->spare->end, end = f->session->end;
    f->is_asked = f->is_doubted = false;
    f->next = position_cmp(taken, end) == 0 ? ASK_RANGE : ASK_STANDS;
    if (taken.run && position_cmp(taken, end) <= 0)
        return;
    f->next = ASK_RANGE;
    break_at(f, end);
}

void
follower_ended(struct follower *f)
{
    f->is_asked = false;
}
