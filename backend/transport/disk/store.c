/* store - a history is opened, with its parts, and closed.
 *
 * The files of this folder, from the ground up:
 *
 *     bytes       file, crc, disk_record, segment_name, segment_header, segment_index, segment_scan
 *     folder      lock, folder: whose it is, and what it holds
 *     segments    id_table, id_filter, segment, segments: what the process knows of it
 *     oldest      retention: what is removed, and the room that it makes
 *     doubt       damage, indexing: what does not come, or does not check, or is not known yet
 *     reader      find, reader
 *     writer      prepared_file, open_segment, writer
 *     keeper      chores
 *     start       recover, fold, store; and disk, which gives each part a thread */

#include "transport/disk/store.h"

#include "base/alloc.h"
#include "base/log.h"
#include "transport/disk/recover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MIN_SEGMENT = 64 * 1024,
    MAX_SEGMENT = 16 * 1024 * 1024,
    USUAL_RECORD = 4096, /* or less: larger ones fill a segment before their number does */
};

static void
settle_sizes(struct segments *h)
{
    uint64_t bytes = h->max_bytes / 16, events = h->max_events / 16;
    /* A file is filled with zeros whole: where few updates seal it, it is to be small. */
    if (bytes / USUAL_RECORD > events)
        bytes = events * USUAL_RECORD;
    h->file_bytes = bytes > MAX_SEGMENT ? MAX_SEGMENT : bytes < MIN_SEGMENT ? MIN_SEGMENT : bytes;
    h->file_bytes &= ~(uint64_t)4095;
    h->file_events = events ? events : 1;
}

struct store *
store_open(const struct store_settings *settings, struct error *err)
{
    struct store *st = xalloc(sizeof *st);
    struct segments *h = &st->segments;
    segments_init(h);
    h->max_events = settings->max_events;
    h->max_bytes = settings->max_bytes;
    h->max_age_ms = settings->max_age_ms;
    h->sync_interval_ms = settings->sync_interval_ms;
    h->run_beside = settings->run;
    settle_sizes(h);
    st->writer.segments = st->writer.at.segments = st->reader.segments = h;
    st->writer.at.next_sequence = 1;
    st->reader.cache_bytes = settings->cache_bytes;
    if (!folder_open(&h->folder, settings->path, settings->only_reads, settings->unsafe_filesystem,
                     err) ||
        !recover_folder(h, &st->writer.at, err) ||
        (settings->fold && !fold_all(h, settings->fold, settings->fold_context, err)) ||
        (!settings->only_reads && !recover_begin(h, &st->writer.at, err)))
        store_close(&st);
    return st;
}

struct store *
store_open_beside(struct store *history, const struct store_settings *settings, struct error *err)
{
    const struct segments *h = &history->segments;
    struct store_settings own = *settings;
    char *path = folder_beside(&h->folder);
    own.path = path;
    own.run = h->run;
    struct store *st = store_open(&own, err);
    if (st)
        history->writer.beside = &st->segments;
    free(path);
    return st;
}

bool
store_has_beside(const struct store *history)
{
    char *path = folder_beside(&history->segments.folder);
    bool is_there = access(path, F_OK) == 0;
    free(path);
    return is_there;
}

void
store_close(struct store **ref)
{
    struct store *st = *ref;
    *ref = NULL;
    if (st == NULL)
        return;
    const struct segments *h = &st->segments;
    if (h->fd >= 0 && h->sync_interval_ms && fdatasync(h->fd) != 0)
        log_line(LOG_ERROR, "history_sync_failed", "error=%s",
                 LOG_SLICE(slice_of(strerror(errno))));
    reader_fini(&st->reader);
    writer_fini(&st->writer);
    segments_fini(&st->segments);
    free(st);
}
