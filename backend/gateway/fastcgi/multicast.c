/* multicast - one record for all the streams of a connection that get the same.
 *
 * What streams are sent in a turn of the worker is gathered, and written when the turn is over,
 * or before anything else that goes to one of them: so whatever a stream gets, it gets in the order
 * in which the hub gave it.
 *
 * What is not read stays in link.out, up to multicast_backlog and one update more. Past it nothing
 * is taken, which is to a stream as if its socket were full; and all are told when it is written.
 */

#include "gateway/fastcgi/multicast.h"

#include "base/alloc.h"
#include "gateway/fastcgi/multicast_record.h"
#include "gateway/fastcgi/record.h"
#include "metrics/metrics.h"
#include "transport/position_id.h"

#include <arpa/inet.h>
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

static void
flush_later(struct multicast *m)
{
    if (!list_is_linked(&m->later.node))
        worker_end_turn_with(m->link->connection.worker, &m->later);
}

static bool
has_ended(const struct multicast *m)
{
    return m->parting || m->link->dead || m->link->connection.closed;
}

bool
multicast_has_place(struct multicast *m)
{
    if (!m->full && m->link->out.len + m->collector.bytes >= backlog(m)) {
        m->full = true;
        link_met(m->link, METRIC_multicast_backlog);
        link_ask_resume(m->link); /* perhaps all can be written at once */
    }
    return !m->full && !has_ended(m);
}

/* What others get in this turn takes no more than an id; so those that catch up together stay so.
 */
static bool
take(struct multicast *m, struct update *u, uint16_t id)
{
    if (has_ended(m))
        return false;
    if (collector_join(&m->collector, u, id))
        return true;
    if (!multicast_has_place(m))
        return false;
    collector_add(&m->collector, u, id);
    return true;
}

size_t
multicast_send(struct multicast *m, uint16_t id, struct update *const *updates, size_t count)
{
    size_t taken = 0;
    if (m->text_ids.count)
        multicast_flush(m);
    while (taken < count && take(m, updates[taken], id))
        taken++;
    if (taken)
        flush_later(m);
    return taken;
}

bool
multicast_send_text(struct multicast *m, uint16_t id, struct slice text)
{
    if (text.len > sizeof m->text || !multicast_has_place(m))
        return false;
    if (m->text_ids.count && !slice_eq(text, SLICE_OF(m->text, m->text_len)))
        multicast_flush(m);
    memcpy(m->text, text.ptr, text.len);
    m->text_len = text.len;
    collected_ids_add(&m->text_ids, id);
    flush_later(m);
    return true;
}

void
multicast_add_place(const struct multicast *m, uint16_t id, struct position at, bool is_live,
                    struct buf *b)
{
    unsigned char place[MULTICAST_PLACE];
    uint16_t on_the_wire = htons(id);
    multicast_place(m, at, place);
    if (is_live)
        multicast_record_add_mark(b, id, place);
    else
        multicast_record_add(b, place, 0, &on_the_wire, 1, SLICE(""));
}

void
multicast_finish(struct multicast *m, uint16_t id, const struct update *u, size_t offset)
{
    unsigned char place[MULTICAST_PLACE];
    uint16_t on_the_wire = htons(id);
    struct buf b;
    buf_init(&b, SIZE_MAX);
    multicast_place(m, u->position, place);
    multicast_record_add(&b, place, 0, &on_the_wire, 1, slice_from(u->event, offset));
    multicast_push(m, &b);
}
