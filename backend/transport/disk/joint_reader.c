/* joint_reader - pieces of two stores in one order.
 *
 * What one gets wrong: between the commits of two parts of a batch one store has more than the
 * other. So what is committed in both is asked first, and a piece tells nothing behind it. Who
 * wants what is published alone needs no such care: nothing of the other store is missing for him.
 *
 * A store tells "gone" of what it has removed itself; up to where a stream was told that it misses
 * some, it is asked for what comes behind that. */

#include "transport/disk/joint_reader.h"

#include "transport/disk/find.h"
#include "transport/merge.h"

enum {
    TRIES = 16, /* while retention moves */
};

static struct position
later(struct position a, struct position b)
{
    return position_cmp(a, b) >= 0 ? a : b;
}

/* An id may be in both, and the earliest counts; but not one behind which published updates are
 * gone: that is unknown, as any that was removed with them. */
static void
find_beside(struct joint *j, struct transport_find *f)
{
    bool found;
    struct position p;
    struct position removed = segments_removed(&j->published->segments);
    f->failed |= !find_id(&j->active->segments, f->id, &found, &p);
    if (found && position_cmp(p, removed) >= 0 && (!f->found || position_cmp(p, f->position) < 0)) {
        f->found = true;
        f->position = p;
    }
    f->is_lacking =
        f->found && position_cmp(f->position, segments_removed(&j->active->segments)) < 0;
}

void
joint_find(struct joint *j, struct transport_find *f)
{
    f->is_lacking = false;
    f->failed = !find_id(&j->published->segments, f->id, &f->found, &f->position);
    if (j->active && !f->failed)
        find_beside(j, f);
}

/* From the first read on, a stream that was told misses what was removed by then. */
static void
tell(struct joint *j, struct transport_read *r)
{
    r->told.is_set = true;
    r->told.active = segments_removed(&j->active->segments);
    if (!r->from_removed)
        return;
    r->told.published = r->after = segments_removed(&j->published->segments);
    if (position_cmp(r->told.active, r->after) < 0)
        r->after = r->told.active;
}

/* False: gone. */
static bool
read_store(struct store *s, struct position after, struct position told, struct batch **ret)
{
    struct position from = later(after, told);
    bool gone;
    reader_read(&s->reader, false, &from, &gone, ret);
    return !gone;
}

static struct position
committed(struct joint *j)
{
    pthread_mutex_lock(&j->lock);
    struct position p = j->committed;
    pthread_mutex_unlock(&j->lock);
    return p;
}

/* *ret_gone: retention has come by, or it cannot be read now. */
static struct batch *
read_both(struct joint *j, const struct transport_read *r, bool *ret_gone)
{
    struct position end = committed(j), at = r->after, upto = at;
    struct batch *published, *active = NULL, *merged = NULL;
    do {
        at = upto; /* what stands there is shown to nobody */
        *ret_gone = !read_store(j->published, at, r->told.published, &published) ||
                    !read_store(j->active, at, r->told.active, &active);
        if (*ret_gone) {
            batch_unref(&published);
            batch_unref(&active);
            return NULL;
        }
        merged = merge_pieces(published, active, at, end, &upto);
    } while (merged == NULL && position_cmp(upto, at) > 0);
    return merged;
}

void
joint_read(struct joint *j, struct transport_read *r)
{
    if (j->active == NULL || r->scope == READ_PUBLISHED) {
        reader_read(&j->published->reader, r->from_removed, &r->after, &r->gone, &r->piece);
        return;
    }
    bool tells = !r->told.is_set && (r->from_removed || r->scope == READ_ALL_THAT_IS_THERE);
    for (int tries = 0; tries < TRIES; tries++) {
        if (tells)
            tell(j, r);
        r->piece = read_both(j, r, &r->gone);
        if (!r->gone || !tells)
            return;
    }
}
