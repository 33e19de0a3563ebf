/* find - where an update with this id is.
 *
 * The segments are asked from the oldest on: the table or the filter in memory, then the sorted
 * index, then the record itself. */

#include "transport/disk/find.h"

#include "base/alloc.h"
#include "transport/disk/damage.h"
#include "transport/disk/disk_record.h"
#include "transport/disk/file.h"
#include "transport/disk/indexing.h"
#include "transport/position_id.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

enum {
    TRIES = 16, /* while files move, or are well only at the second look */
};

enum answer {
    ANSWER_NO,
    ANSWER_YES,
    ANSWER_NOT_NOW, /* what was to be read could not be */
};

/* False: the index could not be read. */
static bool
search_index(const struct segments *h, const struct segment *s, const struct segment_entries *e,
             uint64_t hash, uint32_t *ret)
{
    int fd = segment_open_file(s, &h->folder, ".idx", O_RDONLY);
    bool ok = fd >= 0 && segment_index_search(fd, e, hash, ret);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* Asks held segments, oldest first, until one says something else than no; they are used meanwhile
 * and the lock is not held. */
static enum answer
ask_segments(struct segments *h, enum answer (*ask)(struct segments *, struct segment *, void *),
             void *context)
{
    enum answer answer = ANSWER_NO;
    pthread_mutex_lock(&h->lock);
    struct list *node = h->held.next;
    while (node != &h->held && answer == ANSWER_NO) {
        struct segment *s = segments_at(node);
        if (s->lost || s->count == 0) {
            node = node->next;
            continue;
        }
        segment_use(s);
        pthread_mutex_unlock(&h->lock);
        answer = ask(h, s, context);
        pthread_mutex_lock(&h->lock);
        if (answer == ANSWER_NOT_NOW && (s->lost || s->dropped))
            answer = ANSWER_NO; /* for good, meanwhile */
        /* Removed meanwhile, and all before it: what is oldest now comes next. */
        node = s->dropped ? h->held.next : s->node.next;
        segment_leave(s);
    }
    pthread_mutex_unlock(&h->lock);
    return answer;
}

/* Where the hash may be. An index that cannot be read is made again, from the records. */
static enum answer
offset_of(struct segments *h, struct segment *s, uint64_t hash, uint32_t *ret)
{
    for (int tries = 0; tries < TRIES && indexing_make_ready(h, s); tries++) {
        pthread_mutex_lock(&h->lock);
        bool indexed = s->indexed, may = indexed && id_filter_may_have(&s->filter, hash);
        struct segment_entries entries = s->entries;
        *ret = indexed ? 0 : id_table_find(&s->table, hash);
        pthread_mutex_unlock(&h->lock);
        if (!may || search_index(h, s, &entries, hash, ret))
            return *ret ? ANSWER_YES : ANSWER_NO;
        indexing_forget(h, s);
    }
    return ANSWER_NOT_NOW;
}

static enum answer
has_hash(struct segments *h, struct segment *s, void *context)
{
    uint32_t offset;
    return offset_of(h, s, *(uint64_t *)context, &offset);
}

/* Where that cannot be told the id is taken for known. At worst its cursor is answered as unknown
 * one day, which is said; the other mistake would lead a cursor past updates in silence. */
bool
find_may_be_held(struct segments *h, uint64_t hash)
{
    return ask_segments(h, has_hash, &hash) != ANSWER_NO;
}

struct wanted {
    struct slice id;
    uint64_t hash;
    bool is_later; /* an earlier one with this id is gone */
    struct position position;
};

/* The record at an offset. *bytes is the caller's to free. */
static bool
read_record(struct segments *h, struct segment *s, uint64_t length, uint32_t offset, char **bytes,
            struct disk_record *r)
{
    char head[DISK_RECORD_HEAD];
    *bytes = NULL;
    int fd = segment_open_file(s, &h->folder, ".log", O_RDONLY);
    bool ok = fd >= 0 && file_read_at(fd, head, sizeof head, offset) == DISK_RECORD_HEAD;
    size_t len = ok ? disk_record_peek(head).length : 0;
    ok = ok && len >= DISK_RECORD_HEAD && offset + len <= length && (*bytes = try_alloc(len)) &&
         file_read_at(fd, *bytes, len, offset) == (ssize_t)len &&
         disk_record_read(SLICE_OF(*bytes, len), s->header.salt, r) == DISK_RECORD_OK;
    if (fd >= 0)
        close(fd);
    return ok;
}

static enum answer
has_id(struct segments *h, struct segment *s, void *context)
{
    struct wanted *w = context;
    struct disk_record r;
    char *bytes;
    uint32_t offset;
    for (int tries = 0; tries < TRIES; tries++) {
        enum answer answer = offset_of(h, s, w->hash, &offset);
        if (answer != ANSWER_YES)
            return answer;
        pthread_mutex_lock(&h->lock);
        uint64_t length = s->length;
        bool counts = offset >= s->valid.offset;
        pthread_mutex_unlock(&h->lock);
        if (!counts)
            return ANSWER_NO;
        bool ok = read_record(h, s, length, offset, &bytes, &r), same = ok && slice_eq(r.id, w->id);
        if (same) {
            w->is_later = r.flags & DISK_RECORD_ID_KNOWN;
            w->position = (struct position){s->header.first.run, r.sequence};
        }
        free(bytes);
        if (ok)
            return same ? ANSWER_YES : ANSWER_NO;
        /* The record, or the place that the index gave. */
        if (damage_judge(h, s, "a record that does not check") != DAMAGE_NOT_NOW)
            indexing_forget(h, s);
    }
    return ANSWER_NOT_NOW;
}

bool
find_position(struct segments *h, struct slice id, bool *ret_found, struct position *ret)
{
    if (!position_id_read(&h->key, id, ret))
        return false;
    pthread_mutex_lock(&h->lock);
    struct position last = h->removed.position;
    if (!list_is_empty(&h->held))
        last = segment_last(segments_at(h->held.prev));
    *ret_found = position_cmp(*ret, h->removed.position) >= 0 && position_cmp(*ret, last) <= 0;
    pthread_mutex_unlock(&h->lock);
    return true;
}

bool
find_id(struct segments *h, struct slice id, bool *ret_found, struct position *ret)
{
    struct wanted w = {.id = id, .hash = hash_keyed(&h->key, id)};
    pthread_mutex_lock(&h->lock);
    bool removed = h->removed.id && slice_eq(id, SLICE_OF(h->removed.id, h->removed.id_len));
    *ret = h->removed.position;
    pthread_mutex_unlock(&h->lock);
    *ret_found = true;
    if (removed)
        return true;
    enum answer answer = ask_segments(h, has_id, &w);
    *ret_found = answer == ANSWER_YES && !w.is_later;
    *ret = w.position;
    return answer != ANSWER_NOT_NOW;
}
