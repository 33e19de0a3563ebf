/* chores - what the keeper does, one at a time: indexes are loaded and made, sealed segments cut,
 * the next file prepared, the old removed, the open segment synced where commits are not. */

#include "transport/disk/chores.h"

#include "base/clock.h"
#include "base/log.h"
#include "transport/disk/damage.h"
#include "transport/disk/indexing.h"
#include "transport/disk/prepared_file.h"
#include "transport/disk/retention.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    CHORE_MS = 1000, /* retention by age and the like */
};

static struct segment *
first_to_seal(struct segments *h)
{
    LIST_EACH(node, after, &h->held)
    {
        struct segment *s = segments_at(node);
        if (!s->writing && !s->indexed && !s->lost && s->ready)
            return s;
    }
    return NULL;
}

static void
sync_open(struct segments *h)
{
    pthread_mutex_lock(&h->lock);
    struct segment *s = h->open;
    int fd = s && s->synced < s->length && !s->must_leave ? dup(h->fd) : -1;
    uint64_t length = s ? s->length : 0;
    if (fd >= 0)
        segment_use(s);
    pthread_mutex_unlock(&h->lock);
    if (fd < 0)
        return;
    bool ok = fdatasync(fd) == 0;
    if (!ok)
        log_line(LOG_ERROR, "history_sync_failed",
                 "error=%s msg=\"what this second held may be lost if the machine stops\"",
                 LOG_SLICE(slice_of(strerror(errno))));
    close(fd);
    pthread_mutex_lock(&h->lock);
    if (ok && s->synced < length)
        s->synced = length;
    s->must_leave |= !ok;
    segment_leave(s);
    pthread_mutex_unlock(&h->lock);
}

/* Somebody emptied the folder: what is written into a file without a name is lost. */
static void
look_at_open(struct segments *h)
{
    struct stat of;
    pthread_mutex_lock(&h->lock);
    struct segment *s = h->open;
    bool is_gone = s && !s->must_leave && fstat(h->fd, &of) == 0 && of.st_nlink == 0;
    if (is_gone)
        segment_use(s);
    pthread_mutex_unlock(&h->lock);
    if (!is_gone)
        return;
    enum damage_judgement judgement = damage_judge(h, s, "removed by somebody else");
    pthread_mutex_lock(&h->lock);
    s->must_leave |= judgement != DAMAGE_NOT_NOW; /* else it is looked at again */
    segment_leave(s);
    pthread_mutex_unlock(&h->lock);
}

/* One that is neither ready nor lost: its index is to be read or rebuilt. */
static struct segment *
first_to_load(struct segments *h)
{
    LIST_EACH(node, after, &h->held)
    {
        struct segment *s = segments_at(node);
        if (!s->ready && !s->lost)
            return s;
    }
    return NULL;
}

uint64_t
chores_do(struct segments *h)
{
    uint64_t again = CHORE_MS;
    if (h->sync_interval_ms) {
        sync_open(h);
        if (h->sync_interval_ms < again)
            again = h->sync_interval_ms;
    }
    look_at_open(h);
    retention_remove_old(h);
    prepared_file_make(h);
    pthread_mutex_lock(&h->lock);
    struct segment *load = first_to_load(h), *s = load ? load : first_to_seal(h);
    if (s)
        segment_use(s);
    pthread_mutex_unlock(&h->lock);
    if (s == NULL)
        return again;
    bool done = load ? indexing_make_ready(h, s) : indexing_seal(h, s);
    pthread_mutex_lock(&h->lock);
    segment_leave(s);
    pthread_mutex_unlock(&h->lock);
    return done ? 0 : again;
}
