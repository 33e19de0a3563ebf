/* recover - what a folder holds, at the start.
 *
 * Each header names its predecessor's last position and accepted length, so only headers are read,
 * and the last file: the time to ready does not depend on the size of the history. The last file is
 * walked to its tear; what was not known to be on the disk when it was written is written again and
 * synced (a read proves nothing after a failed sync), and never is anything appended to it.
 *
 * What one gets wrong: a call that fails says nothing of what is there. Whatever cannot be looked
 * at is a start that fails, in words; taken for missing it would be a break in the history. */

#include "transport/disk/recover.h"

#include "base/alloc.h"
#include "base/log.h"
#include "transport/disk/file.h"
#include "transport/disk/lock.h"
#include "transport/disk/prepared_file.h"
#include "transport/disk/retention.h"
#include "transport/disk/segment_name.h"
#include "transport/disk/segment_scan.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    TRIES = 100, /* beside a hub whose history is no more than a file */
};

/* A file that was listed, and what is known of it. */
struct found {
    struct folder_file file;
    struct segment *segment; /* owns, until it is taken in; NULL: its header does not check */
    bool vanished;           /* removed since it was listed */
};

struct files {
    struct found *items; /* owns; oldest first */
    size_t count;
};

/* The history that it stood beside was taken away, and another is in its place. */
static bool
is_another_s(const struct segments *h, const struct folder_files *files)
{
    uint64_t run = files->count ? files->items[files->count - 1].first.run : 0;
    if (h->run_beside == 0 || h->folder.only_reads || run < h->run_beside)
        return false;
    log_line(LOG_WARN, "history_dropped",
             "folder=%s run=%llu msg=\"these begins and ends stood beside another history\"",
             LOG_SLICE(slice_of(h->folder.path)), (unsigned long long)run);
    return true;
}

static bool
list_files(struct segments *h, struct files *files, struct error *err)
{
    struct folder_files listed = {.count = 0};
    bool ok = folder_list(&h->folder, &listed, err);
    if (ok && is_another_s(h, &listed)) {
        folder_forget(&h->folder, &listed);
        listed.count = 0;
    }
    if (ok && listed.count)
        files->items = xalloc(listed.count * sizeof *files->items);
    for (size_t i = 0; ok && i < listed.count; i++)
        files->items[files->count++] = (struct found){.file = listed.items[i]};
    free(listed.items);
    return ok;
}

static bool
read_header(struct segments *h, struct found *f, struct error *err)
{
    char name[SEGMENT_NAME], *bytes;
    size_t len;
    struct segment_header header;
    segment_name(name, f->file.first, ".log");
    if (!file_read_whole(h->folder.fd, name, SEGMENT_HEADER, &bytes, &len)) {
        f->vanished = h->folder.only_reads && errno == ENOENT;
        return error_set(err, "%s/%s: %s", h->folder.path, name, strerror(errno));
    }
    enum segment_state state = segment_header_read(SLICE_OF(bytes, len), &header);
    if (state == SEGMENT_OK && position_cmp(header.first, f->file.first) == 0)
        f->segment = segment_new(&header);
    free(bytes);
    if (state == SEGMENT_OTHER_VERSION)
        return error_set(
            err,
            "%s/%s was written by another version of alipes: dump it with that one (alipes "
            "history dump), move the folder away, and restore",
            h->folder.path, name);
    return true;
}

/* Beside a hub, retention may have taken some since they were listed, the oldest first: the
 * history begins behind the last of them. */
static bool
read_headers(struct segments *h, struct files *files, struct error *err)
{
    size_t begin = files->count;
    /* From the young end, so that one that has gone is met before an older one that was read. */
    while (begin > 0) {
        struct found *f = &files->items[begin - 1];
        if (!read_header(h, f, err)) {
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
on_record(void *context, const struct disk_record *r, struct block here)
{
    struct segment *s = context;
    uint64_t hash = hash_keyed(&s->header.key, r->id);
    bool is_hidden = disk_record_is_hidden(r->kind);
    segment_add_record(s, here, is_hidden ? NULL : &hash);
    if (!is_hidden)
        s->shown_span = (uint32_t)(r->sequence - s->header.first.sequence + 1);
    s->last_time_ms = r->time_ms;
}

/* What was not known to be on the disk is put there once more. */
static bool
write_again(struct segments *h, const char *name, struct slice file,
            const struct segment_scan *scan, struct error *err)
{
    uint64_t from = scan->last.synced;
    if (scan->count == 0)
        return true;
    if (from < SEGMENT_HEADER || from > scan->last_offset)
        from = scan->last_offset;
    int fd = openat(h->folder.fd, name, O_WRONLY | O_CLOEXEC);
    bool ok = fd >= 0 &&
              file_write_at(fd, slice_from(slice_head(file, scan->length), from), from) &&
              fdatasync(fd) == 0;
    if (!ok)
        error_set(err, "%s/%s: %s", h->folder.path, name, strerror(errno));
    if (fd >= 0)
        close(fd);
    return ok;
}

static bool
read_last(struct segments *h, struct found *f, uint64_t accepted, struct error *err)
{
    char name[SEGMENT_NAME], *bytes;
    size_t len;
    struct segment_scan scan;
    struct segment *s = f->segment;
    segment_name(name, f->file.first, ".log");
    if (!file_read_whole(h->folder.fd, name, 0, &bytes, &len)) {
        f->vanished = h->folder.only_reads && errno == ENOENT;
        return error_set(err, "%s/%s: %s", h->folder.path, name, strerror(errno));
    }
    segment_scan(SLICE_OF(bytes, len), &s->header, accepted, on_record, s, &scan);
    s->length = scan.length;
    s->count = scan.count;
    s->span = scan.span;
    s->synced = scan.length;
    s->ready = true;
    bool ok = h->folder.only_reads || write_again(h, name, SLICE_OF(bytes, len), &scan, err);
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
    if (o == NULL || h->before_length < SEGMENT_HEADER || older->file.size < h->before_length)
        return false;
    o->length = o->synced = h->before_length;
    o->last_time_ms = h->before_time_ms;
    o->count = o->span = o->shown_span = 0;
    if (position_cmp(h->before, o->header.before) == 0)
        return true;
    if (h->before.run != o->header.first.run || h->before.sequence < o->header.first.sequence ||
        h->before.sequence - o->header.first.sequence >= UINT32_MAX)
        return false;
    o->span = (uint32_t)(h->before.sequence - o->header.first.sequence + 1);
    o->count = h->is_dense ? o->span : h->before_count;
    if (position_cmp(h->before_shown, o->header.before) > 0)
        o->shown_span = (uint32_t)(h->before_shown.sequence - o->header.first.sequence + 1);
    return o->count && o->count <= o->span && o->count <= o->length / DISK_RECORD_HEAD;
}

/* A file is filled until it is sealed, and whoever is killed over and over seals none: what is
 * before its time would take the place of what is kept. The next header says where it ends. */
static void
cut(const struct segments *h, struct found *f)
{
    uint64_t length = f->segment->length;
    if (!h->folder.only_reads && f->file.size > length &&
        segment_cut(f->segment, &h->folder, length))
        f->file.size = length;
}

static void
take_in(struct segments *h, struct found *f, bool lost)
{
    struct segment *s = f->segment;
    if (s == NULL) {
        const struct segment_header none = {.first = f->file.first};
        s = f->segment = segment_new(&none);
        lost = true;
    }
    s->lost = lost;
    /* Its index may have to be made, or made again. */
    uint64_t index = lost ? 0 : segment_index_size(s->length / BLOCK_BYTES + 2, s->count);
    s->space = f->file.size + (index > f->file.index_size ? index : f->file.index_size);
    h->used += s->space;
    if (!lost)
        h->events += s->count;
    list_prepend(&h->held, &s->node);
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
follow_chain(struct segments *h, struct files *files)
{
    size_t i = files->count;
    const struct segment *s = NULL;
    bool broken = false;
    while (i-- > 0) {
        struct found *f = &files->items[i];
        struct position named = s ? s->header.before_file : (struct position){0};
        int order = position_cmp(f->file.first, named);
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
        if (s && !lost)
            cut(h, f);
        take_in(h, f, lost);
        if (!lost) {
            s = mine;
            segments_set_removed(h, s->header.before_shown, s->header.before_id);
            h->dropped = s->header.before;
        }
    }
}

/* --- the start ----------------------------------------------------------------------------------
 */

static void
set_last(struct open_segment *at, const struct segment *s)
{
    at->last = segment_last(s);
    at->last_time_ms = s->last_time_ms;
}

/* The header of an empty one alone knows the id of what came before, without a look at the file. */
static void
pass_id_on(struct segments *h, const struct segment *empty)
{
    struct segment *s = list_is_empty(&h->held) ? NULL : segments_at(h->held.prev);
    struct slice id = empty->header.before_id;
    if (s == NULL || id.ptr == NULL || position_cmp(segment_last(s), empty->header.before) != 0)
        return;
    s->last_id = xstrndup(id.ptr, id.len);
    s->last_id_len = id.len;
}

/* The last file held nothing: its own header says all there is to know, and it goes once the next
 * one is there. */
static struct segment *
drop_empty(struct segments *h, struct segment *s)
{
    if (!segment_is_empty(s))
        return NULL;
    list_unlink(&s->node);
    pass_id_on(h, s);
    if (segment_cut(s, &h->folder, SEGMENT_HEADER)) {
        h->used -= s->space - SEGMENT_HEADER;
        s->space = SEGMENT_HEADER;
    }
    return s;
}

static bool
recover_files(struct segments *h, struct open_segment *at, struct files *files, struct error *err)
{
    struct lock_note note = {0};
    if (h->folder.only_reads && lock_is_held(h->folder.fd, &note) && note.file.sequence)
        while (files->count &&
               position_cmp(files->items[files->count - 1].file.first, note.file) > 0)
            files->count--;
    if (!read_headers(h, files, err))
        return false;
    hash_key_draw(&h->key);
    struct found *youngest = files->count ? &files->items[files->count - 1] : NULL;
    if (youngest == NULL)
        return true;
    h->run = youngest->file.first.run;
    if (youngest->segment == NULL) {
        at->last = (struct position){youngest->file.first.run, UINT64_MAX};
        log_line(LOG_ERROR, "history_damaged",
                 "run=%llu sequence=%llu msg=\"the header of the youngest file does not check; "
                 "replay begins anew\"",
                 (unsigned long long)youngest->file.first.run,
                 (unsigned long long)youngest->file.first.sequence);
        follow_chain(h, files);
        segments_move_removed(h, at->last, SLICE_OF(NULL, 0));
        return true;
    }
    struct segment *s = youngest->segment;
    bool known = position_cmp(note.file, youngest->file.first) == 0;
    if (!read_last(h, youngest, known ? note.length : 0, err))
        return false;
    h->key = s->header.key;
    set_last(at, s);
    follow_chain(h, files);
    if (!s->damaged)
        return true;
    /* Where nothing good lies behind the damage, the next header must not join on to it. */
    bool any = s->valid.index < s->span;
    if (!any)
        at->last = (struct position){s->header.first.run, UINT64_MAX};
    segments_move_removed(h, any ? segment_before_valid(s) : at->last, SLICE_OF(NULL, 0));
    segments_lose(h, any ? s->node.prev : &s->node);
    return true;
}

/* *ret_again: the youngest file went while we looked. */
static bool
list_and_recover(struct segments *h, struct open_segment *at, bool *ret_again, struct error *err)
{
    struct files files = {0};
    bool ok = list_files(h, &files, err) && recover_files(h, at, &files, err);
    *ret_again = false;
    for (size_t i = 0; i < files.count; i++) {
        *ret_again |= files.items[i].vanished;
        if (files.items[i].segment)
            segment_free(files.items[i].segment);
    }
    free(files.items);
    return ok;
}

bool
recover_folder(struct segments *h, struct open_segment *at, struct error *err)
{
    bool ok = false, again = true;
    h->used = LOCK_BYTES;
    retention_begin_ages(h);
    for (int i = 0; again && i < TRIES; i++)
        ok = list_and_recover(h, at, &again, err);
    return ok;
}

bool
recover_begin(struct segments *h, struct open_segment *at, struct error *err)
{
    struct segment *empty = NULL;
    if (!list_is_empty(&h->held))
        empty = drop_empty(h, segments_at(h->held.prev));
    h->run = h->run_beside ? h->run_beside : h->run + 1;
    /* Removes what would be in the way of the first file, then makes it: filled, as all of them. */
    prepared_file_look(h);
    prepared_file_make(h);
    bool ok = open_segment_begin(at, 0, err);
    if (empty) {
        char name[SEGMENT_NAME];
        segment_name(name, empty->header.first, ".log");
        if (ok && unlinkat(h->folder.fd, name, 0) == 0)
            h->used -= empty->space;
        segment_free(empty);
    }
    /* So that who reads beside us does not take a first commit for done that is under way. */
    if (ok)
        lock_write(h->folder.lock_file,
                   &(struct lock_note){at->last, h->open->header.first, SEGMENT_HEADER});
    return ok;
}
