/* joint - two stores are opened as one history, and closed.
 *
 * What was active when the hub ended, however it did, is what begins and ends add up to. Those may
 * come back: whoever starts us holds their ends back for a while. */

#include "transport/disk/joint.h"

#include "base/alloc.h"
#include "base/log.h"
#include "transport/disk/chores.h"
#include "transport/disk/retention.h"

#include <stdlib.h>

/* What the records of the second store come to. */
struct folded {
    struct registry *registry;
    struct position last; /* of those that are shown */
    struct buf id;
};

static void
on_record(void *context, const struct fold_record *r)
{
    struct folded *f = context;
    if (r->kind == DISK_RECORD_STOP)
        return;
    registry_restore(f->registry, r->update);
    if (disk_record_is_hidden(r->kind))
        return;
    f->last = r->update->position;
    buf_clear(&f->id);
    buf_add(&f->id, r->update->id);
}

static struct store_settings
settings_of(const struct transport_settings *s)
{
    return (struct store_settings){.path = s->path,
                                   .max_events = s->max_events,
                                   .max_bytes = s->max_bytes,
                                   .max_age_ms = s->max_age_ms,
                                   .sync_interval_ms = s->sync_interval_ms,
                                   .cache_bytes = s->tail_bytes,
                                   .unsafe_filesystem = s->unsafe_filesystem};
}

/* Where both end; and the id that was shown last, as far as it is known: of the second store also
 * where that is removed, and what was written again is all it holds. */
static void
settle_end(struct joint *j, const struct folded *f)
{
    const struct segment_header *of_published = &j->published->segments.open->header;
    struct position last = writer_last(&j->active->writer);
    const struct removed *removed = &j->active->segments.removed;
    struct position shown = f->last.run ? f->last : removed->position;
    struct slice id = of_published->before_id;
    if (!of_published->has_before_id || position_cmp(shown, of_published->before) > 0)
        id = f->last.run ? buf_slice(&f->id) : SLICE_OF(removed->id, removed->id_len);
    if (position_cmp(last, j->last) > 0)
        j->last = last;
    if (j->active->writer.at.next_sequence > j->next_sequence)
        j->next_sequence = j->active->writer.at.next_sequence;
    registry_start_at(j->registry, j->last, id);
}

static bool
open_active(struct joint *j, const struct transport_settings *s, struct error *err)
{
    struct folded f = {.registry = NULL};
    struct store_settings own = settings_of(s);
    own.max_events = UINT64_MAX / 2; /* bytes and age bound it */
    own.max_bytes = s->subscriptions_max_bytes;
    own.max_age_ms = s->subscriptions_max_age_ms;
    own.fold = on_record;
    own.fold_context = &f;
    buf_init(&f.id, SIZE_MAX);
    f.registry = j->registry = registry_new(s->subscriptions_max_bytes);
    j->active = store_open_beside(j->published, &own, err);
    if (j->active) {
        settle_end(j, &f);
        j->committed = j->last;
        joint_set_floor(j);
    }
    buf_fini(&f.id);
    return j->active != NULL;
}

struct joint *
joint_open(const struct transport_settings *s, struct error *err)
{
    const struct store_settings settings = settings_of(s);
    struct joint *j = xalloc(sizeof *j);
    pthread_mutex_init(&j->lock, NULL);
    j->published = store_open(&settings, err);
    if (j->published) {
        j->last = j->committed = writer_last(&j->published->writer);
        j->next_sequence = j->published->writer.at.next_sequence;
    }
    if (j->published && !s->subscriptions && store_has_beside(j->published))
        log_line(LOG_INFO, "history_left_alone",
                 "folder=%s msg=\"its folder subscriptions: they are off\"",
                 LOG_SLICE(slice_of(s->path)));
    if (j->published == NULL || (s->subscriptions && !open_active(j, s, err)))
        joint_close(&j);
    return j;
}

void
joint_close(struct joint **ref)
{
    struct joint *j = *ref;
    *ref = NULL;
    if (j == NULL)
        return;
    store_close(&j->active);
    store_close(&j->published);
    registry_free(&j->registry);
    pthread_mutex_destroy(&j->lock);
    free(j);
}

void
joint_stat(struct joint *j, struct transport_stat *ret)
{
    segments_stat(&j->published->segments, ret);
    if (j->active == NULL)
        return;
    struct transport_stat of_active;
    segments_stat(&j->active->segments, &of_active);
    ret->subscriptions_events = of_active.events;
    ret->subscriptions_bytes = of_active.bytes;
}

void
joint_set_floor(struct joint *j)
{
    struct position floor = {UINT64_MAX, UINT64_MAX};
    registry_floor(j->registry, &floor);
    retention_set_floor(&j->active->segments, floor);
}

uint64_t
joint_keep(struct joint *j)
{
    /* First of this: an end that is lost with the machine is made up for, a begin is not. */
    uint64_t of_active = j->active ? chores_do(&j->active->segments) : UINT64_MAX;
    uint64_t again = chores_do(&j->published->segments);
    return of_active < again ? of_active : again;
}
