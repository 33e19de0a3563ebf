/* fold - all of a store, once, at the start: who was there is what its begins and ends add up to.
 *
 * What one gets wrong: what lies before damage counts here, although nobody can read it any more. A
 * begin that is known can be ended, once too often at worst; one that is not known stays for ever
 * on the pages that heard it. */

#include "transport/disk/fold.h"

#include "transport/disk/damage.h"
#include "transport/disk/disk_record.h"
#include "transport/disk/segment_name.h"

#include <errno.h>
#include <string.h>

struct folding {
    uint64_t run;
    void (*each)(void *, const struct fold_record *);
    void *context;
    bool no_memory;
};

static void
on_record(void *context, const struct disk_record *r, struct block here)
{
    struct folding *f = context;
    (void)here;
    struct update *u = f->no_memory ? NULL : disk_record_update(r, f->run);
    f->no_memory = u == NULL;
    if (u == NULL)
        return;
    f->each(f->context, &(struct fold_record){.kind = r->kind, .update = u, .time_ms = r->time_ms});
    update_unref(&u);
}

/* A file whose header does not check holds nothing that can be read, and was said to be broken. */
static bool
fold_segment(struct segments *h, struct segment *s, struct folding *f, struct error *err)
{
    struct segment_scan scan;
    char name[SEGMENT_NAME];
    if (s->header.crc == 0)
        return true;
    segment_name(name, s->header.first, ".log");
    f->run = s->header.first.run;
    uint64_t length = s->lost && s->count == 0 ? 0 : s->length; /* before a break: not known */
    enum damage_look look = damage_look_through(h, s, length, on_record, f, &scan);
    if (look == DAMAGE_UNREADABLE && errno != ENOENT)
        return error_set(err, "%s/%s: %s", h->folder.path, name, strerror(errno));
    if (f->no_memory)
        return error_set(err, "%s/%s: no memory", h->folder.path, name);
    if (look != DAMAGE_NONE && !s->damaged && !s->lost &&
        damage_judge(h, s, "records that do not check") == DAMAGE_NOT_NOW)
        return error_set(err, "%s/%s: cannot be read now", h->folder.path, name);
    return true;
}

bool
fold_all(struct segments *h, void (*each)(void *, const struct fold_record *), void *context,
         struct error *err)
{
    struct folding f = {.each = each, .context = context};
    LIST_EACH(node, next, &h->held)
    {
        if (!fold_segment(h, segments_at(node), &f, err))
            return false;
    }
    return true;
}
