/* joint_writer - one counter of positions, two stores, one outcome.
 *
 * A batch is written into each store for which it has something, with a write and a sync each, and
 * only then entered in both: so what one store shows is on the disk in the other. Where one part
 * fails, the other is withdrawn; its segment is left, as that of the failed one is. Nothing else is
 * committed before the next header of both says where the one before ends: else what failed
 * ("unknown") might come back after a crash behind the back of whoever heard of what came later.
 *
 * What one gets wrong: how long a subscription lasts nobody knows, so retention would one day take
 * its begin, and no start would know of it. Before that it is written again, at the end, where only
 * a start reads it. */

#include "transport/disk/joint_writer.h"

#include "base/alloc.h"
#include "base/log.h"
#include "transport/active_update.h"
#include "transport/disk/retention.h"

#include <stdlib.h>

enum {
    CARRIED_AT_ONCE = 1024,
    TICK_MS = 1000, /* by age, floors stand in the way at any time */
};

enum side {
    SIDE_PUBLISHED,
    SIDE_ACTIVE,
    SIDES,
};

/* What a commit has for one store. */
struct part {
    struct store *store;
    enum writer_readiness readiness;
    uint32_t count, fits, used;
    bool is_written;
    struct update *const *updates; /* borrowed */
};

struct plan {
    struct part parts[SIDES];
    uint64_t sequence;
    uint32_t count; /* updates of both */
};

static enum side
side_of(const struct update *u)
{
    return u->kind == UPDATE_PUBLISHED ? SIDE_PUBLISHED : SIDE_ACTIVE;
}

static void
say(const struct error *err, const char *what)
{
    static struct log_limit limit;
    uint64_t more;
    if (log_allowed(&limit, &more))
        log_line(LOG_ERROR, "history_failed", "suppressed=%llu what=\"%s\" error=%s",
                 (unsigned long long)more, what, LOG_SLICE(slice_of(err->text)));
}

/* Without a second store all is for the first, and stays where it is. */
static void
split(struct joint *j, struct plan *p, struct update *const *updates, uint32_t count)
{
    p->parts[SIDE_PUBLISHED] = (struct part){.store = j->published, .count = count};
    p->parts[SIDE_PUBLISHED].updates = updates;
    p->parts[SIDE_ACTIVE] = (struct part){.store = j->active};
    if (j->active == NULL)
        return;
    uint32_t counts[SIDES] = {0};
    for (uint32_t i = 0; i < count; i++) {
        enum side side = side_of(updates[i]);
        j->parts[side][counts[side]++] = updates[i];
    }
    for (int i = 0; i < SIDES; i++) {
        p->parts[i].updates = j->parts[i];
        p->parts[i].count = counts[i];
    }
}

/* What of these goes at once: up to the first that its store has no room for. */
static void
plan(struct joint *j, struct plan *p, struct update *const *updates, uint32_t count)
{
    struct error err;
    split(j, p, updates, count);
    p->sequence = j->next_sequence;
    for (int i = 0; i < SIDES; i++) {
        struct part *part = &p->parts[i];
        if (part->count)
            part->readiness = writer_begin(&part->store->writer, part->updates, part->count,
                                           &p->sequence, &part->fits, &err);
    }
    for (p->count = 0; p->count < count; p->count++) {
        struct part *part = &p->parts[side_of(updates[p->count])];
        if (part->used == part->fits)
            break;
        part->used++;
    }
}

/* Into both, or into none. */
static bool
write_parts(struct plan *p)
{
    struct error err;
    bool ok = true;
    for (int i = 0; ok && i < SIDES; i++) {
        struct part *part = &p->parts[i];
        if (part->used)
            ok = part->is_written =
                writer_write(&part->store->writer, part->updates, part->used, &err);
    }
    for (int i = 0; i < SIDES; i++) {
        struct part *part = &p->parts[i];
        if (part->is_written && ok)
            writer_enter(&part->store->writer);
        else if (part->is_written)
            writer_withdraw(&part->store->writer);
    }
    return ok;
}

static struct batch *
make_batch(const struct joint *j, struct update *const *updates, uint32_t count)
{
    struct batch *b = batch_new(count);
    b->after = j->last;
    b->upto = updates[count - 1]->position;
    for (uint32_t i = 0; i < count; i++) {
        b->updates[i] = update_ref(updates[i]);
        b->bytes += updates[i]->size;
    }
    return b;
}

static void
move_committed(struct joint *j, struct position p)
{
    j->last = p;
    if (j->active == NULL)
        return; /* who reads asks the one store alone */
    pthread_mutex_lock(&j->lock);
    j->committed = p;
    pthread_mutex_unlock(&j->lock);
}

bool
joint_is_well(struct joint *j)
{
    return writer_is_well(&j->published->writer) &&
           (j->active == NULL || writer_is_well(&j->active->writer));
}

/* What failed in one store must not come back behind what is shown of the other. */
static bool
is_settled(struct joint *j)
{
    return writer_settle(&j->published->writer) && writer_settle(&j->active->writer);
}

enum writer_readiness
joint_commit(struct joint *j, struct update *const *updates, uint32_t count, struct batch **ret,
             uint32_t *ret_count)
{
    struct plan p;
    *ret = NULL;
    *ret_count = count;
    if (j->active && !is_settled(j))
        return WRITER_FAILED;
    plan(j, &p, updates, count);
    if (p.count == 0) {
        enum side side = side_of(updates[0]);
        /* Where begins and ends cannot be kept, what is published behind them can. */
        if (p.parts[side].readiness != WRITER_FAILED || side == SIDE_ACTIVE)
            *ret_count = 1;
        return p.parts[side].readiness;
    }
    *ret_count = p.count;
    for (uint32_t i = 0; i < p.count; i++)
        updates[i]->position = (struct position){j->published->segments.run, p.sequence + i};
    j->next_sequence = p.sequence + p.count;
    if (!write_parts(&p))
        return WRITER_FAILED;
    *ret = make_batch(j, updates, p.count);
    if (j->active)
        registry_commit(j->registry, *ret);
    move_committed(j, (*ret)->upto);
    if (p.parts[SIDE_ACTIVE].used) {
        joint_set_floor(j);
        joint_carry(j, 2 * p.parts[SIDE_ACTIVE].used + 64);
    }
    return WRITER_READY;
}

/* --- what lasts ---------------------------------------------------------------------------------
 */

/* False: it cannot be done now. */
static bool
carry(struct joint *j, struct active **actives, uint32_t count)
{
    struct update *updates[CARRIED_AT_ONCE];
    struct writer *w = &j->active->writer;
    struct error err;
    uint32_t made = 0, fits = 0;
    uint64_t sequence = j->next_sequence;
    while (made < count && (updates[made] = active_update(actives[made], false, SLICE(""))) != NULL)
        made++;
    bool ok = made && writer_begin(w, updates, made, &sequence, &fits, &err) == WRITER_READY;
    if (ok) {
        writer_number(w, updates, fits, sequence);
        j->next_sequence = sequence + fits;
        ok = writer_carry(w, updates, fits, &err);
    }
    for (uint32_t i = 0; i < made; i++) {
        if (ok && i < fits)
            registry_recorded(j->registry, actives[i], updates[i]->position);
        update_unref(&updates[i]);
    }
    return ok;
}

bool
joint_carry(struct joint *j, uint32_t room)
{
    struct active *actives[CARRIED_AT_ONCE];
    struct position upto;
    uint32_t count = 0;
    if (j->active == NULL || !retention_wants(&j->active->segments, &upto))
        return false;
    if (room > CARRIED_AT_ONCE)
        room = CARRIED_AT_ONCE;
    count = (uint32_t)registry_recorded_before(j->registry, upto, actives, room);
    bool ok = count && carry(j, actives, count);
    for (uint32_t i = 0; i < count; i++)
        active_unref(&actives[i]);
    if (ok)
        joint_set_floor(j);
    return ok;
}

/* --- start, tick and stop -----------------------------------------------------------------------
 */

uint64_t
joint_tick(struct joint *j)
{
    uint64_t again = writer_tick(&j->published->writer);
    if (j->active == NULL)
        return again;
    uint64_t of_active = writer_tick(&j->active->writer);
    if (of_active < again)
        again = of_active;
    return again < TICK_MS ? again : TICK_MS;
}

void
joint_stop(struct joint *j)
{
    struct error err;
    if (j->active && !writer_stop(&j->active->writer, j->next_sequence, &err))
        say(&err, "the stop");
}
