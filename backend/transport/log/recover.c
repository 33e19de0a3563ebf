/* recover - what a folder holds, at the start.
 *
 * Each header names its predecessor's last position and accepted length, so only headers are read,
 * and the last file: the time to ready does not depend on the size of the history. The last file is
 * walked to its tear; what was not known to be on the disk when it was written is written again and
 * synced (a read proves nothing after a failed sync), and never is anything appended to it. */

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "transport/log/file.h"
#include "transport/log/lock.h"
#include "transport/log/store_parts.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    MAX_FILES = 100000,
    TRIES = 100, /* beside a hub whose history is no more than a file */
};

static const struct {
    unsigned long magic;
    const char *name;
} unsafe[] = {
    {0x6969, "NFS"},     {0xff534d42, "CIFS"}, {0xfe534d42, "SMB"},   {0x517b, "SMB"},
    {0x01021997, "9p"},  {0x65735546, "FUSE"}, {0x00c36400, "Ceph"},  {0x5346414f, "AFS"},
    {0x6b414653, "AFS"}, {0x73757245, "Coda"}, {0x7461636f, "OCFS2"}, {0x786f4256, "VirtualBox"},
};

static bool
judge_filesystem(const struct store *st, struct error *err)
{
    struct statfs fs;
    if (st->settings.unsafe_filesystem)
        return true;
    if (fstatfs(st->folder, &fs) != 0)
        return error_set(err, "%s: %s", st->path, strerror(errno));
    for (size_t i = 0; i < COUNT_OF(unsafe); i++)
        if ((unsigned long)fs.f_type == unsafe[i].magic)
            return error_set(
                err,
                "%s is on %s, whose locks and syncs may not hold: take a local folder, or "
                "allow it with unsafe_filesystem in transport log",
                st->path, unsafe[i].name);
    return true;
}

static bool
make_folders(const char *path, struct error *err)
{
    char *part = xstrndup(path, strlen(path));
    for (char *at = part + 1;; at++) {
        if (*at != '/' && *at != 0)
            continue;
        char was = *at;
        *at = 0;
        if (mkdir(part, 0750) != 0 && errno != EEXIST && errno != EROFS && errno != EACCES) {
            error_set(err, "%s: cannot be made: %s", part, strerror(errno));
            free(part);
            return false;
        }
        *at = was;
        if (was == 0)
            break;
    }
    free(part);
    return true;
}

static bool
open_folder(struct store *st, struct error *err)
{
    bool writes = !st->settings.only_reads;
    if (st->path[0] == 0)
        return error_set(err, "transport log: the path is empty");
    if (writes && !make_folders(st->path, err))
        return false;
    st->folder = open(st->path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (st->folder < 0)
        return error_set(err, "%s: %s", st->path, strerror(errno));
    if (writes && faccessat(st->folder, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return error_set(err, "%s: cannot be written: %s", st->path, strerror(errno));
    return !writes ||
           (judge_filesystem(st, err) && lock_take(st->folder, st->path, &st->lock_file, err));
}

/* --- the files ----------------------------------------------------------------------------------
 */

struct found {
    struct position first;
    uint64_t size, index_size;
    struct segment *segment; /* NULL: its header does not check */
    bool vanished;           /* removed since it was listed */
};

struct files {
    struct found *items; /* owns; sorted by position */
    size_t count;
};

static int
by_position(const void *a, const void *b)
{
    return position_cmp(((const struct found *)a)->first, ((const struct found *)b)->first);
}

static uint64_t
size_of(const struct store *st, const char *name)
{
    struct stat s;
    return fstatat(st->folder, name, &s, 0) == 0 ? (uint64_t)s.st_size : 0;
}

static bool
is_leftover(const char *name)
{
    struct slice s = slice_of(name);
    return slice_ends(s, SLICE(".tmp")) || slice_ends(s, SLICE(".new"));
}

static bool
list_files(struct store *st, struct files *files, struct error *err)
{
    char index_name[SEGMENT_NAME];
    int fd = openat(st->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    if (dir == NULL)
        return error_set(err, "%s: %s", st->path, strerror(errno));
    struct dirent *e;
    while ((e = readdir(dir)) != NULL && files->count < MAX_FILES) {
        struct found f = {0};
        if (!st->settings.only_reads && is_leftover(e->d_name))
            unlinkat(st->folder, e->d_name, 0);
        if (segment_name_read(e->d_name, ".idx", &f.first) && !st->settings.only_reads) {
            segment_name(index_name, f.first, ".log");
            if (faccessat(st->folder, index_name, F_OK, 0) != 0)
                unlinkat(st->folder, e->d_name, 0);
        }
        if (!segment_name_read(e->d_name, ".log", &f.first))
            continue;
        segment_name(index_name, f.first, ".idx");
        f.size = size_of(st, e->d_name);
        f.index_size = size_of(st, index_name);
        files->items = xrealloc(files->items, (files->count + 1) * sizeof *files->items);
        files->items[files->count++] = f;
    }
    closedir(dir);
    if (files->count)
        qsort(files->items, files->count, sizeof *files->items, by_position);
    return true;
}

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
        return error_set(err,
                         "%s/%s is of another format than this version's: dump it with the version "
                         "that wrote it (alipes history dump), move the folder away, and restore",
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
    uint64_t now = clock_wall_ms(), age = now > s->last_time_ms ? now - s->last_time_ms : 0;
    s->last_boot_ms = (int64_t)clock_boot_ms() - (int64_t)age;
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

/* From the youngest back to the first break; `removed` ends there. */
static void
follow_chain(struct store *st, struct files *files)
{
    size_t i = files->count;
    const struct segment *s = NULL;
    while (i-- > 0) {
        struct found *f = &files->items[i];
        bool lost = true;
        if (s == NULL && i == files->count - 1) {
            lost = f->segment == NULL;
        } else if (s && s->header.before_file.sequence &&
                   position_cmp(f->first, s->header.before_file) == 0) {
            lost = !follows(s, f);
            if (lost)
                log_line(LOG_ERROR, "history_broken",
                         "run=%llu sequence=%llu msg=\"a file is missing or cut; replay begins "
                         "behind it\"",
                         (unsigned long long)f->first.run, (unsigned long long)f->first.sequence);
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
    char *bytes;
    size_t len;
    if (size_of(st, name) == st->segment_bytes &&
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
    bool ok = list_files(st, &files, err) && recover_files(st, &files, err);
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
    if (!open_folder(st, err))
        return false;
    st->used = LOCK_BYTES;
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
