/* recover - what a folder holds, at the start.
 *
 * Each header names its predecessor's last position and accepted length, so only headers are read,
 * and the last file: the time to ready does not depend on the size of the history. The last file is
 * walked to its tear; what was not known to be on the disk when it was written is written again and
 * synced (a read proves nothing after a failed sync), and never is anything appended to it.
 *
 * What one gets wrong: a call that fails says nothing of what is there. Whatever cannot be looked
 * at is a start that fails, in words; taken for missing it would be a break in the history. */

#include "base/alloc.h"
#include "base/log.h"
#include "transport/log/file.h"
#include "transport/log/lock.h"
#include "transport/log/store_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TRIES = 100, /* beside a hub whose history is no more than a file */
};

static bool
read_header(struct store *st, struct found *f, struct error *err)
{
    char name[SEGMENT_NAME], *bytes;
    size_t len;
    struct segment_header h;
    segment_name(name, f->first, ".log");
    if (!file_read_whole(st->folder, name, SEGMENT_HEADER, &bytes, &len)) {
        f->vanished = st->settings.only_reads && errno == ENOENT;
        return error_set(err, "%s/%s: %s", st->path, name, strerror(errno));
    }
    enum segment_state state = segment_header_read(SLICE_OF(bytes, len), &h);
    if (state == SEGMENT_OK && position_cmp(h.first, f->first) == 0)
        f->segment = store_segment_new(&h);
    free(bytes);
    if (state == SEGMENT_OTHER_VERSION)
        return error_set(
            err,
            "%s/%s was written by another version of alipes: dump it with that one (alipes "
            "history dump), move the folder away, and restore",
            st->path, name);
    return true;
}

/* Beside a hub, retention may have taken some since they were listed, the oldest first: the
 * history begins behind the last of them. */
static bool
read_headers(struct store *st, struct files *files, struct error *err)
{
    size_t begin = files->count;
    /* From the young end, so that one that has gone is met before an older one that was read. */
    while (begin > 0) {
        struct found *f = &files->items[begin - 1];
        if (!read_header(st, f, err)) {
            if (!f->vanished || begin == files->count)
                return false;
            break;
        }
        begin--;
    }
    files->count -= begin;
    if (begin)
        memmove(files->items, files->items + begin, files->count * sizeof *files->items);
    return true;
}

/* --- the last file ------------------------------------------------------------------------------
 */

static void
on_record(void *context, const struct log_record *r, struct block here)
{
    struct segment *s = context;
    store_add_block(s, here);
    id_table_add(&s->table, hash_keyed(&s->header.key, r->id), here.offset);
    s->last_time_ms = r->time_ms;
}

/* What was not known to be on the disk is put there once more. */
static bool
write_again(struct store *st, const char *name, struct slice file, const struct segment_scan *scan,
            struct error *err)
{
    uint64_t from = scan->last.synced;
    if (scan->count == 0)
        return true;
    if (from < SEGMENT_HEADER || from > scan->last_offset)
        from = scan->last_offset;
    int fd = openat(st->folder, name, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 &&
              file_write_at(fd, slice_from(slice_head(file, scan->length), from), from) &&
              fdatasync(fd) == 0;
    if (!ok)
        error_set(err, "%s/%s: %s", st->path, name, strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool
read_last(struct store *st, struct found *f, uint64_t accepted, struct error *err)
{
    char name[SEGMENT_NAME], *bytes;
    size_t len;
    struct segment_scan scan;
    struct segment *s = f->segment;
    segment_name(name, f->first, ".log");
    if (!file_read_whole(st->folder, name, 0, &bytes, &len)) {
        f->vanished = st->settings.only_reads && errno == ENOENT;
        return error_set(err, "%s/%s: %s", st->path, name, strerror(errno));
    }
    segment_scan(SLICE_OF(bytes, len), &s->header, accepted, on_record, s, &scan);
    s->length = scan.length;
    s->count = scan.count;
    s->last_offset = scan.last_offset;
    s->synced = scan.length;
    s->ready = true;
    bool ok = st->settings.only_reads || write_again(st, name, SLICE_OF(bytes, len), &scan, err);
    if (scan.damaged) {
        s->damaged = true;
        s->valid = scan.valid;
        log_line(LOG_ERROR, "history_damaged",
                 "file=%s msg=\"replay begins behind it; alipes history check tells more\"", name);
    }
    free(bytes);
    return ok;
}

/* --- the chain ----------------------------------------------------------------------------------
 */

/* Does `older` end as the header of `s` says? Then it is told so. */
static bool
follows(const struct segment *s, struct found *older)
{
    const struct segment_header *h = &s->header;
    struct segment *o = older ? older->segment : NULL;
    if (o == NULL || h->before_length < SEGMENT_HEADER || older->size < h->before_length)
        return false;
    o->length = o->synced = h->before_length;
    o->last_time_ms = h->before_time_ms;
    o->count = 0;
    if (position_cmp(h->before, o->header.before) == 0)
        return true;
    if (h->before.run != o->header.first.run || h->before.sequence < o->header.first.sequence ||
        h->before.sequence - o->header.first.sequence >= o->length / RECORD_HEAD)
        return false;
    o->count = (uint32_t)(h->before.sequence - o->header.first.sequence + 1);
    return true;
}

static void
take_in(struct store *st, struct found *f, bool lost)
{
    struct segment *s = f->segment;
    if (s == NULL) {
        const struct segment_header none = {.first = f->first};
        s = f->segment = store_segment_new(&none);
        lost = true;
    }
    s->lost = lost;
    /* Its index may have to be made, or made again. */
    uint64_t index = lost ? 0 : segment_index_size(s->length / SEGMENT_BLOCK + 2, s->count);
    s->space = f->size + (index > f->index_size ? index : f->index_size);
    st->used += s->space;
    if (!lost)
        st->events += s->count;
    list_prepend(&st->segments, &s->node);
    f->segment = NULL;
}

static void
say_broken(struct position at, const char *what)
{
    log_line(LOG_ERROR, "history_broken",
             "run=%llu sequence=%llu msg=\"%s; replay begins behind it\"",
             (unsigned long long)at.run, (unsigned long long)at.sequence, what);
}

/* From the youngest back to the first break; `removed` ends there. Retention takes the oldest
 * first: where an older one is there, the one that is named must be. */
static void
follow_chain(struct store *st, struct files *files)
{
    size_t i = files->count;
    const struct segment *s = NULL;
    bool broken = false;
    while (i-- > 0) {
        struct found *f = &files->items[i];
        struct position named = s ? s->header.before_file : (struct position){0};
        int order = position_cmp(f->first, named);
        bool lost = true;
        if (s == NULL && i == files->count - 1) {
            lost = f->segment == NULL;
        } else if (named.sequence && !broken && order <= 0) {
            lost = order < 0 || !follows(s, f);
            broken = lost;
            if (lost)
                say_broken(named, order < 0 ? "a file is missing"
                                            : "a file is cut, or its header does not check");
        }
        struct segment *mine = f->segment;
        take_in(st, f, lost);
        if (!lost) {
            s = mine;
            store_set_removed(st, s->header.before, s->header.before_id);
        }
    }
}

/* --- the start ----------------------------------------------------------------------------------
 */

static void
look_at_prepared(struct store *st)
{
    static const char zeros[SEGMENT_HEADER];
    const char *name = store_prepared_name;
    struct stat of;
    char *bytes;
    size_t len;
    if (fstatat(st->folder, name, &of, AT_SYMLINK_NOFOLLOW) == 0 &&
        (uint64_t)of.st_size == st->segment_bytes &&
        file_read_whole(st->folder, name, SEGMENT_HEADER, &bytes, &len)) {
        st->prepared = len == SEGMENT_HEADER && memcmp(bytes, zeros, len) == 0;
        free(bytes);
    }
    if (st->prepared)
        st->used += st->segment_bytes;
    else
        unlinkat(st->folder, name, 0);
}

/* Removes what would be in the way of the first file, then makes it: filled, as all of them. */
static bool
begin_run(struct store *st, struct error *err)
{
    look_at_prepared(st);
    store_prepare(st);
    return store_roll(st, 0, err);
}

static struct position
before_valid(const struct segment *s)
{
    return (struct position){s->header.first.run, s->header.first.sequence + s->valid.index - 1};
}

static void
set_last(struct store *st, const struct segment *s)
{
    st->last = store_segment_last(s);
    st->last_time_ms = s->last_time_ms;
}

/* The last file held nothing: its own header says all there is to know, and it goes once the next
 * one is there. */
static struct segment *
drop_empty(struct store *st, struct segment *s)
{
    char name[SEGMENT_NAME];
    if (s->count || s->lost || s->damaged)
        return NULL;
    list_unlink(&s->node);
    segment_name(name, s->header.first, ".log");
    int fd = openat(st->folder, name, O_WRONLY | O_CLOEXEC);
    if (fd >= 0 && ftruncate(fd, SEGMENT_HEADER) == 0) {
        st->used -= s->space - SEGMENT_HEADER;
        s->space = SEGMENT_HEADER;
    }
    if (fd >= 0)
        close(fd);
    return s;
}

static bool
recover_files(struct store *st, struct files *files, struct error *err)
{
    struct lock_note note = {0};
    if (st->settings.only_reads && lock_is_held(st->folder, &note) && note.file.sequence)
        while (files->count && position_cmp(files->items[files->count - 1].first, note.file) > 0)
            files->count--;
    if (!read_headers(st, files, err))
        return false;
    hash_key_draw(&st->key);
    struct found *youngest = files->count ? &files->items[files->count - 1] : NULL;
    if (youngest == NULL)
        return true;
    st->run = youngest->first.run;
    if (youngest->segment == NULL) {
        st->last = (struct position){youngest->first.run, UINT64_MAX};
        log_line(LOG_ERROR, "history_damaged",
                 "run=%llu sequence=%llu msg=\"the header of the youngest file does not check; "
                 "replay begins anew\"",
                 (unsigned long long)youngest->first.run,
                 (unsigned long long)youngest->first.sequence);
        follow_chain(st, files);
        store_move_removed(st, st->last, SLICE_OF(NULL, 0));
        return true;
    }
    struct segment *s = youngest->segment;
    bool known = position_cmp(note.file, youngest->first) == 0;
    if (!read_last(st, youngest, known ? note.length : 0, err))
        return false;
    st->key = s->header.key;
    set_last(st, s);
    follow_chain(st, files);
    if (!s->damaged)
        return true;
    /* Where nothing good lies behind the damage, the next header must not join on to it. */
    bool any = s->valid.index < s->count;
    if (!any)
        st->last = (struct position){s->header.first.run, UINT64_MAX};
    store_move_removed(st, any ? before_valid(s) : st->last, SLICE_OF(NULL, 0));
    store_lose(st, any ? s->node.prev : &s->node);
    return true;
}

/* *ret_again: the youngest file went while we looked. */
static bool
list_and_recover(struct store *st, bool *ret_again, struct error *err)
{
    struct files files = {0};
    bool ok = store_list_files(st, &files, err) && recover_files(st, &files, err);
    *ret_again = false;
    for (size_t i = 0; i < files.count; i++) {
        *ret_again |= files.items[i].vanished;
        if (files.items[i].segment)
            store_segment_free(files.items[i].segment);
    }
    free(files.items);
    return ok;
}

bool
store_recover(struct store *st, struct error *err)
{
    struct segment *empty = NULL;
    bool ok = false, again = true;
    if (!store_open_folder(st, err))
        return false;
    st->used = LOCK_BYTES;
    store_begin_ages(st);
    for (int i = 0; again && i < TRIES; i++)
        ok = list_and_recover(st, &again, err);
    if (!ok || st->settings.only_reads)
        return ok;
    if (!list_is_empty(&st->segments))
        empty = drop_empty(st, CONTAINER_OF(st->segments.prev, struct segment, node));
    st->run++;
    ok = begin_run(st, err);
    if (empty) {
        char name[SEGMENT_NAME];
        segment_name(name, empty->header.first, ".log");
        if (ok && unlinkat(st->folder, name, 0) == 0)
            st->used -= empty->space;
        store_segment_free(empty);
    }
    /* So that who reads beside us does not take a first commit for done that is under way. */
    if (ok)
        lock_write(st->lock_file,
                   &(struct lock_note){st->last, st->open->header.first, SEGMENT_HEADER});
    return ok;
}
