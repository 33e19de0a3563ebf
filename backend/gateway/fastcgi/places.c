/* places - PAUSE, RESUME and MARK: from where a stream would go on.
 *
 * A front that loses its hub asks the next one for each of its streams, from the place that it was
 * told last. So no place may be told of which less was sent. A record's place is its own streams'
 * alone. A mark of the connection is for all that are *covered*: a stream is from the moment when
 * it is in step with its worker and a mark of its own says so, until it is paused. It is not given
 * while a covered stream is behind (its connection was full), or while the worker is in the middle
 * of a batch that some of them have and others have not.
 *
 * What one gets wrong: places are told in the order in which they count, so a front never compares
 * two. A stream that is ahead of its worker (it came from another) is not in step either. */

#include "gateway/fastcgi/places.h"

#include "gateway/fastcgi/multicast_record.h"
#include "gateway/fastcgi/record.h"
#include "transport/position_id.h"

enum {
    MARK_MS = 500,        /* at most so often, */
    MARK_QUIET_MS = 4000, /* and at least, where heartbeats do not say */
};

void
places_pause(struct fastcgi_request *r)
{
    struct buf b;
    if ((r->paused && !r->resumes) || !fastcgi_request_is_open(r))
        return;
    r->paused = true;
    r->is_covered = r->resumes = r->is_torn = false;
    buf_init(&b, SIZE_MAX);
    record_add_empty(&b, MULTICAST_PAUSED, r->id);
    multicast_push(r->all->multicast, &b);
}

static void
go_on(struct fastcgi_request *r)
{
    r->paused = r->resumes = false;
    r->all->multicast->uncovered = true;
    exchange_resumed(&r->exchange, r->is_torn ? position_just_before(r->torn_at) : r->torn_at);
}

bool
places_resume(struct fastcgi_request *r, struct slice content)
{
    struct multicast_resume resume;
    if (!multicast_record_read_resume(content, &resume))
        return false;
    if (!r->paused || r->resumes || !fastcgi_request_is_open(r))
        return true;
    r->is_torn = resume.offset != MULTICAST_ALL;
    r->torn_offset = resume.offset;
    r->resumes = true;
    if (!position_id_open(r->all->link->gw->shared->places, resume.place, &r->torn_at))
        fastcgi_request_give_up(r);
    else if (fastcgi_request_streams(r))
        go_on(r);
    return true;
}

void
places_resume_late(struct fastcgi_requests *all)
{
    all->multicast->resumes = false;
    LIST_EACH(node, after, &all->streams)
    {
        struct fastcgi_request *r = CONTAINER_OF(node, struct fastcgi_request, node);
        if (r->resumes)
            go_on(r);
    }
}

/* Marks of their own for those that are in step and not covered. False: one that is covered is
 * behind. */
static bool
cover(struct fastcgi_requests *all, struct position at, const unsigned char *place, struct buf *b)
{
    bool all_are = true;
    all->multicast->uncovered = false;
    LIST_EACH(node, after, &all->streams)
    {
        struct fastcgi_request *r = CONTAINER_OF(node, struct fastcgi_request, node);
        if (r->paused || r->is_torn || !r->exchange.is_multicast)
            continue;
        bool is_at = exchange_is_at(&r->exchange, at);
        all_are &= is_at || !r->is_covered;
        all->multicast->uncovered |= !is_at;
        if (!is_at || r->is_covered)
            continue;
        r->is_covered = true;
        multicast_record_add_mark(b, r->id, place);
    }
    return all_are;
}

static void
mark_all(struct fastcgi_requests *all, struct position at)
{
    struct multicast *m = all->multicast;
    unsigned char place[MULTICAST_PLACE];
    struct buf b;
    if (position_is_nowhere(at))
        return;
    buf_init(&b, SIZE_MAX);
    multicast_place(m, at, place);
    if (cover(all, at, place, &b)) {
        multicast_record_add_mark(&b, 0, place);
        m->marked = at;
        m->marked_ms = worker_now_ms(all->link->connection.worker);
    }
    multicast_push(m, &b);
}

uint64_t
places_mark(struct fastcgi_requests *all)
{
    struct multicast *m = all->multicast;
    struct worker *worker = all->link->connection.worker;
    struct position at = all->link->gw->shared->delivered(worker);
    uint64_t heartbeat = all->link->gw->config->heartbeat_ms;
    uint64_t due = m->marked_ms + (heartbeat ? heartbeat : MARK_QUIET_MS);
    bool is_news = m->uncovered || position_cmp(at, m->marked) != 0 || worker_now_ms(worker) >= due;
    if (is_news && multicast_has_room(m) && !m->parting)
        mark_all(all, at);
    return MARK_MS;
}

bool
places_part(struct fastcgi_requests *all)
{
    struct multicast *m = all->multicast;
    LIST_EACH(node, after, &all->busy)
    {
        if (!CONTAINER_OF(node, struct fastcgi_request, node)->parted)
            return false;
    }
    if (!m->told)
        mark_all(all, all->link->gw->shared->delivered(all->link->connection.worker));
    m->told = true;
    return link_is_flushed(all->link);
}
