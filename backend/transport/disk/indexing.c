/* indexing - what is known of a segment that was found at the start, and what is left beside one
 * that is sealed, so that it is known the next time.
 *
 * What one gets wrong: a segment may be removed while its index is being written. */

#include "transport/disk/indexing.h"

#include "transport/disk/damage.h"
#include "transport/disk/file.h"
#include "transport/disk/segment_name.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    LOOKS = 2 /* at one that does not check, before it is left for later */
};

/* Is it that of this segment, as its successor describes it? */
static bool
is_of(const struct segment_index *x, const struct segment *s)
{
    return position_cmp(x->first, s->header.first) == 0 && x->salt == s->header.salt &&
           x->length == s->length && x->count == s->count && x->span == s->span;
}

static void
take_index(struct segments *h, struct segment *s, const struct segment_index *x,
           struct id_filter filter)
{
    pthread_mutex_lock(&h->lock);
    s->blocks = (struct block *)x->blocks;
    s->block_count = s->block_cap = x->block_count;
    s->last_offset = x->last_offset;
    s->filter = filter;
    s->entries = segment_index_entries(x);
    s->indexed = s->ready = true;
    pthread_mutex_unlock(&h->lock);
}

static bool
load(struct segments *h, struct segment *s)
{
    char *bytes;
    size_t len;
    struct segment_index x;
    struct id_filter filter;
    if (!segment_read_file(s, &h->folder, ".idx", 0, &bytes, &len))
        return false;
    bool is_read = segment_index_read(SLICE_OF(bytes, len), &x);
    bool ok = is_read && is_of(&x, s) && segment_index_filter(SLICE_OF(bytes, len), &x, &filter);
    if (ok)
        take_index(h, s, &x, filter);
    else if (is_read)
        free((void *)x.blocks);
    free(bytes);
    return ok;
}

/* What a rebuild gathers, apart from the segment: others look at that meanwhile. */
static void
on_record(void *context, const struct disk_record *r, struct block here)
{
    struct segment *gathered = context;
    uint64_t hash = hash_keyed(&gathered->header.key, r->id);
    segment_add_record(gathered, here, disk_record_is_hidden(r->kind) ? NULL : &hash);
}

/* Damage counts once it was judged: what one look alone saw is not taken over. */
static bool
take_over(struct segments *h, struct segment *s, struct segment *gathered,
          const struct segment_scan *scan)
{
    pthread_mutex_lock(&h->lock);
    bool agrees = !scan->damaged || (s->damaged && s->valid.offset == scan->valid.offset);
    if (agrees) {
        s->blocks = gathered->blocks;
        s->block_count = gathered->block_count;
        s->block_cap = gathered->block_cap;
        s->last_offset = gathered->last_offset;
        s->table = gathered->table;
        s->ready = true;
        gathered->blocks = NULL;
        gathered->table = (struct id_table){0};
    }
    pthread_mutex_unlock(&h->lock);
    return agrees;
}

static bool
rebuild(struct segments *h, struct segment *s)
{
    struct segment_scan scan;
    for (int looks = 0; looks < LOOKS; looks++) {
        struct segment *gathered = segment_new(&s->header);
        enum damage_look look = damage_look_through(h, s, s->length, on_record, gathered, &scan);
        bool ready = look != DAMAGE_UNREADABLE && take_over(h, s, gathered, &scan);
        segment_free(gathered);
        if (ready)
            return true;
        if (damage_judge(h, s, "records that do not check") == DAMAGE_NOT_NOW)
            break;
    }
    return false;
}

void
indexing_forget(struct segments *h, struct segment *s)
{
    pthread_mutex_lock(&h->lock);
    if (s->indexed) {
        free(s->blocks);
        id_filter_free(&s->filter);
        s->blocks = NULL;
        s->block_count = s->block_cap = 0;
        s->indexed = s->ready = false;
    }
    pthread_mutex_unlock(&h->lock);
}

bool
indexing_make_ready(struct segments *h, struct segment *s)
{
    pthread_mutex_lock(&h->load_lock);
    pthread_mutex_lock(&h->lock);
    bool ready = s->ready, useless = s->lost || s->dropped;
    pthread_mutex_unlock(&h->lock);
    if (!ready && !useless)
        ready = load(h, s) || rebuild(h, s);
    pthread_mutex_unlock(&h->load_lock);
    return ready;
}

/* --- sealing ------------------------------------------------------------------------------------
 */

bool
indexing_seal(struct segments *h, struct segment *s)
{
    char name[SEGMENT_NAME];
    pthread_mutex_lock(&h->lock);
    struct segment_index x = {.first = s->header.first,
                              .salt = s->header.salt,
                              .count = s->count,
                              .span = s->span,
                              .last_offset = s->last_offset,
                              .block_count = s->block_count,
                              .entry_count = s->table.count,
                              .length = s->length,
                              .last_time_ms = s->last_time_ms,
                              .blocks = s->blocks};
    pthread_mutex_unlock(&h->lock);
    /* Neither changes any more: it is not written, and only this thread seals. */
    bool cut = segment_cut(s, &h->folder, x.length);
    struct id_entry *entries = id_table_sorted(&s->table);
    struct id_filter filter = {0};
    char *bytes = entries || x.entry_count == 0 ? segment_index_make(&x, entries) : NULL;
    size_t size = segment_index_size(x.block_count, x.entry_count);
    segment_name(name, x.first, ".idx");
    bool ok = cut && bytes && id_filter_init(&filter, x.entry_count) &&
              file_replace(h->folder.fd, name, SLICE_OF(bytes, size));
    for (uint32_t i = 0; ok && i < x.entry_count; i++)
        id_filter_add(&filter, entries[i].hash);
    pthread_mutex_lock(&h->lock);
    uint64_t space = x.length + (ok ? size : 0);
    if (cut && !s->dropped && space < s->space) {
        h->used -= s->space - space;
        s->space = space;
    }
    if (ok) {
        s->filter = filter;
        s->entries = segment_index_entries(&x);
        s->indexed = true;
        id_table_free(&s->table);
        if (s->dropped) /* removed meanwhile: what was just written goes too */
            unlinkat(h->folder.fd, name, 0);
    }
    pthread_mutex_unlock(&h->lock);
    if (!ok)
        id_filter_free(&filter);
    free(entries);
    free(bytes);
    return ok;
}
