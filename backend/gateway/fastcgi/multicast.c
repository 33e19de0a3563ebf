/* multicast - one record for all the streams of a connection that get the same.
 *
 * What streams are sent in a round of the worker is gathered, and written when the round is over,
 * or before anything else that goes to one of them: so whatever a stream gets, it gets in the order
 * in which the hub gave it.
 *
 * What is not read stays in link.out, up to multicast_backlog and one round's more. Past it nothing
 * is taken, which is to a stream as if its socket were full; and all are told when it is written. */

#include "gateway/fastcgi/multicast.h"

#include "base/alloc.h"
#include "gateway/fastcgi/multicast_record.h"
#include "gateway/fastcgi/record.h"
#include "metrics/metrics.h"
#include "transport/position_id.h"

#include <stdlib.h>
#include <string.h>

static void
on_later(struct closing *later)
{
    multicast_flush(CONTAINER_OF(later, struct multicast, later));
}

struct multicast *
multicast_new(struct link *l, void (*mark)(struct timer *))
{
    struct multicast *m = xalloc(sizeof *m);
    m->link = l;
    collector_init(&m->collector);
    m->later.free = on_later;
    list_init(&m->later.node);
    timer_init(&m->timer, mark);
    return m;
}

void
multicast_free(struct multicast **ref)
{
    struct multicast *m = *ref;
    *ref = NULL;
    if (m == NULL)
        return;
    list_unlink(&m->later.node);
    timer_disarm(&m->timer);
    collector_fini(&m->collector);
    free(m->text_ids.ids);
    free(m);
}

void
multicast_place(const struct multicast *m, struct position p, unsigned char *ret)
{
    if (!position_id_seal(m->link->gw->shared->places, p, ret))
        memset(ret, 0, MULTICAST_PLACE);
}

static void
add_text(struct multicast *m, struct buf *b)
{
    static const unsigned char nowhere[MULTICAST_PLACE] = {0};
    multicast_record_add(b, nowhere, MULTICAST_NO_EVENT, m->text_ids.ids, m->text_ids.count,
                         SLICE_OF(m->text, m->text_len));
    free(m->text_ids.ids);
    m->text_ids = (struct collected_ids){.ids = NULL};
}

/* Frees them. */
static void
push(struct multicast *m, struct buf *records)
{
    if (records->failed)
        link_die(m->link);
    else if (records->len && !m->link->dead && !m->link->connection.closed)
        link_push(m->link, buf_slice(records));
    buf_fini(records);
}

void
multicast_flush(struct multicast *m)
{
    struct buf b;
    list_unlink(&m->later.node);
    if (m->collector.count == 0 && m->text_ids.count == 0)
        return;
    buf_init(&b, SIZE_MAX);
    collector_write(&m->collector, m->link->gw->shared->places, &b);
    add_text(m, &b);
    push(m, &b);
}

void
multicast_push(struct multicast *m, struct buf *records)
{
    multicast_flush(m);
    push(m, records);
}

static size_t
backlog(const struct multicast *m)
{
    return m->link->gw->config->multicast_backlog;
}

bool
multicast_has_room(const struct multicast *m)
{
    return m->link->out.len < backlog(m);
}

static bool
takes_more(struct multicast *m)
{
    if (m->full || m->parting || m->link->dead)
        return false;
    if (m->link->out.len + m->collector.bytes < backlog(m))
        return true;
    multicast_flush(m);
    m->full = !multicast_has_room(m);
    if (m->full)
        link_met(m->link, METRIC_multicast_backlog);
    return !m->full && !m->link->dead;
}

static void
flush_later(struct multicast *m)
{
    if (!list_is_linked(&m->later.node))
        worker_close_later(m->link->connection.worker, &m->later);
}

size_t
multicast_send(struct multicast *m, uint16_t id, struct update *const *updates, size_t count)
{
    size_t taken = 0;
    if (m->text_ids.count)
        multicast_flush(m);
    for (; taken < count && takes_more(m); taken++)
        collector_add(&m->collector, updates[taken], id);
    if (taken)
        flush_later(m);
    return taken;
}

bool
multicast_send_text(struct multicast *m, uint16_t id, struct slice text)
{
    if (text.len > sizeof m->text || !takes_more(m))
        return false;
    if (m->text_ids.count && !slice_eq(text, SLICE_OF(m->text, m->text_len)))
        multicast_flush(m);
    memcpy(m->text, text.ptr, text.len);
    m->text_len = text.len;
    collected_ids_add(&m->text_ids, id);
    flush_later(m);
    return true;
}
