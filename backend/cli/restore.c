/* restore - another history's updates, into an empty folder.
 *
 * Positions are new, for they belong to a folder; ids, times and flags are those of the lines, so
 * cursors go on and retention by age goes by the day of the publish. Each commit is synced. Nothing
 * runs beside it: the keeper's chores are done here between commits. */

#include "cli/restore.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "cli/event_line.h"
#include "cli/lines_in.h"
#include "transport/disk/chores.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    AT_ONCE = 4096,
    AT_ONCE_BYTES = 1024 * 1024,
};

struct restore {
    struct store *store;
    uint64_t max_age_ms;
    struct update *updates[AT_ONCE]; /* owns a reference to each */
    struct writer_past past[AT_ONCE];
    uint32_t count;
    size_t bytes;
    uint64_t segment_ms; /* time of the first update of the open segment */
    bool segment_has_time;
    struct restored *done;
};

static void
do_chores(struct restore *r)
{
    while (chores_do(&r->store->segments) == 0)
        ;
}

/* Commits what fits at once, of those from `first` on. Returns how many; 0: err says why. */
static uint32_t
commit_some(struct restore *r, uint32_t first, struct error *err)
{
    struct writer *w = &r->store->writer;
    struct update **updates = r->updates + first;
    uint64_t sequence = 0;
    uint32_t fits;
    if (writer_begin(w, updates, r->count - first, &sequence, &fits, err) != WRITER_READY)
        return 0;
    writer_number(w, updates, fits, sequence);
    bool ok = writer_commit(w, updates, fits, r->past + first, err);
    if (ok)
        do_chores(r);
    return ok ? fits : 0;
}

static bool
commit_all(struct restore *r, struct error *err)
{
    bool ok = true;
    for (uint32_t done = 0, n; ok && done < r->count; done += n) {
        n = commit_some(r, done, err);
        ok = n > 0;
        r->done->updates += n;
    }
    for (uint32_t i = 0; i < r->count; i++)
        update_unref(&r->updates[i]);
    r->count = 0;
    r->bytes = 0;
    return ok;
}

/* A segment holds a sixteenth of max_age, as it would have when they were published: it is removed
 * as a whole. What is too old already needs none of its own. */
static bool
keep_segments_short(struct restore *r, uint64_t time_ms, struct error *err)
{
    uint64_t now = clock_wall_ms(), max_age = r->max_age_ms;
    bool is_held = time_ms <= now && now - time_ms <= max_age;
    bool is_over = r->segment_has_time && is_held && time_ms > r->segment_ms &&
                   time_ms - r->segment_ms > max_age / 16;
    if (is_over && (!commit_all(r, err) || !writer_seal(&r->store->writer, err)))
        return false;
    if (is_over || !r->segment_has_time)
        r->segment_ms = time_ms;
    r->segment_has_time = true;
    return true;
}

static bool
take_line(void *context, struct slice text, struct error *err)
{
    struct restore *r = context;
    struct event_line line;
    if (!event_line_read(text, clock_wall_ms(), &line, err))
        return false;
    /* Of a begin nobody is there any more, and an end without it says nothing. */
    bool is_left_out = line.is_lost || line.is_hub_s;
    if (is_left_out || !keep_segments_short(r, line.past.time_ms, err)) {
        r->done->lost += line.is_lost && !line.is_hub_s;
        r->done->begins_and_ends += line.is_hub_s;
        update_unref(&line.update);
        return is_left_out;
    }
    r->updates[r->count] = line.update;
    r->past[r->count++] = line.past;
    r->bytes += line.update->size;
    return (r->count < AT_ONCE && r->bytes < AT_ONCE_BYTES) || commit_all(r, err);
}

static uint64_t
events_of(struct store *st)
{
    struct transport_stat held;
    segments_stat(&st->segments, &held);
    return held.events;
}

/* Its positions would be given a second time. */
static bool
beside_is_empty(const struct store *st, struct error *err)
{
    if (!store_has_beside(st))
        return true;
    char *path = folder_beside(&st->segments.folder);
    const struct store_settings reading = {
        .path = path, .max_bytes = UINT64_MAX, .max_events = UINT64_MAX, .only_reads = true};
    struct store *beside = store_open(&reading, err);
    bool is_new = beside && segments_is_new(&beside->segments);
    if (beside && !is_new)
        error_set(err, "%s is of a history that was here: move it away, or name another folder",
                  path);
    store_close(&beside);
    free(path);
    return is_new;
}

static bool
is_empty(struct store *st, struct error *err)
{
    if (segments_is_new(&st->segments))
        return beside_is_empty(st, err);
    return error_set(
        err, "%s holds a history already (%llu updates): move it away, or name another folder",
        st->segments.folder.path, (unsigned long long)events_of(st));
}

/* What is left to commit; then the last segment is cut and indexed as well: the hub that comes may
 * have less room. */
static bool
finish(struct restore *r, struct error *err)
{
    bool ok =
        commit_all(r, err) && (events_of(r->store) == 0 || writer_seal(&r->store->writer, err));
    if (ok)
        do_chores(r);
    return ok;
}

/* Before anything is written: a start makes room by the bounds it is given, and these may not be
 * those of a history that is there. */
static bool
may_be_opened(const struct store_settings *settings, struct error *err)
{
    struct store_settings reading = *settings;
    reading.only_reads = true;
    if (access(settings->path, F_OK) != 0 && errno == ENOENT)
        return true;
    struct store *st = store_open(&reading, err);
    /* One that is in use is refused by its lock, with the pid. */
    bool ok = st && (folder_is_in_use(&st->segments.folder) || is_empty(st, err));
    store_close(&st);
    return ok;
}

/* Of the folder, or of what it is to be made in. */
static uid_t
owner_of(const char *path, gid_t *ret_group)
{
    struct stat s = {.st_uid = 0};
    char *place = xstrndup(path, strlen(path)), *slash;
    while (stat(*place ? place : ".", &s) != 0 && *place) {
        slash = strrchr(place, '/');
        if (slash == place && place[1])
            place[1] = 0;
        else if (slash)
            *slash = 0;
        else
            *place = 0;
    }
    free(place);
    *ret_group = s.st_gid;
    return s.st_uid;
}

/* For good: nothing else is done behind it. */
static bool
become_owner(const char *path, uid_t *ret, struct error *err)
{
    gid_t group;
    uid_t owner = geteuid() == 0 ? owner_of(path, &group) : 0;
    *ret = owner;
    return owner == 0 || (setegid(group) == 0 && seteuid(owner) == 0) ||
           error_set(err, "%s: its owner's place cannot be taken: %s", path, strerror(errno));
}

/* It was empty, and is again: what was begun and not brought to its end is nothing that a hub
 * should begin with. */
static void
undo(const struct store_settings *settings, struct restored *done)
{
    struct folder folder;
    struct folder_files files = {.count = 0};
    struct error ignored;
    folder_init(&folder);
    if (folder_open(&folder, settings->path, false, settings->unsafe_filesystem, &ignored) &&
        folder_list(&folder, &files, &ignored))
        folder_forget(&folder, &files);
    free(files.items);
    folder_fini(&folder);
    done->was_undone = done->updates > 0;
    done->updates = done->kept = 0;
}

bool
restore_from(FILE *in, const struct store_settings *settings, struct restored *ret,
             struct error *err)
{
    struct restore *r = xalloc(sizeof *r);
    struct error why;
    *ret = (struct restored){.lines = 0};
    r->done = ret;
    r->max_age_ms = settings->max_age_ms;
    bool may = become_owner(settings->path, &ret->owner, err) && may_be_opened(settings, err);
    r->store = may ? store_open(settings, err) : NULL;
    bool is_ours = r->store && is_empty(r->store, err);
    bool ok = is_ours && lines_in(in, take_line, r, &ret->lines, err);
    if (ok && !finish(r, &why))
        ok = error_set(err, "%s", why.text);
    if (r->store)
        ret->kept = events_of(r->store);
    for (uint32_t i = 0; i < r->count; i++)
        update_unref(&r->updates[i]);
    store_close(&r->store);
    if (is_ours && !ok)
        undo(settings, ret);
    free(r);
    return ok;
}
