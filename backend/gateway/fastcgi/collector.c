/* collector - the index yields streams, the wire wants events.
 *
 * What is gathered is kept in the order of positions, and written in it: so each stream has its own
 * updates in their order, whoever else gets which of them, and whether it is live or catches up.
 * Mostly the next stream gets what the last one got: the place is found where the last one was, or
 * just behind. */

#include "gateway/fastcgi/collector.h"

#include "base/alloc.h"
#include "gateway/fastcgi/multicast_record.h"
#include "gateway/fastcgi/record.h"
#include "transport/position_id.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>

enum {
    FIRST_IDS = 32,
    FIRST_ITEMS = 8,
};

void
collected_ids_add(struct collected_ids *l, uint16_t id)
{
    if (l->count == l->cap) {
        l->cap = l->cap ? l->cap * 2 : FIRST_IDS;
        l->ids = xrealloc(l->ids, l->cap * sizeof *l->ids);
    }
    l->ids[l->count++] = htons(id);
}

void
collector_init(struct collector *c)
{
    *c = (struct collector){.items = NULL};
}

static void
drop(struct collected *item)
{
    update_unref(&item->update);
    free(item->streams.ids);
}

void
collector_fini(struct collector *c)
{
    for (uint32_t i = 0; i < c->count; i++)
        drop(&c->items[i]);
    free(c->items);
    collector_init(c);
}

static bool
is_at(const struct collector *c, uint32_t i, const struct update *u)
{
    return i < c->count && position_cmp(c->items[i].update->position, u->position) == 0;
}

/* Where it is, or would be. */
static uint32_t
bisect(const struct collector *c, const struct update *u)
{
    uint32_t low = 0, high = c->count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (position_cmp(c->items[middle].update->position, u->position) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

bool
collector_join(struct collector *c, const struct update *u, uint16_t id)
{
    if (!is_at(c, c->last, u) && !is_at(c, ++c->last, u))
        c->last = bisect(c, u);
    if (!is_at(c, c->last, u))
        return false;
    collected_ids_add(&c->items[c->last].streams, id);
    c->bytes += sizeof id;
    return true;
}

void
collector_add(struct collector *c, struct update *u, uint16_t id)
{
    uint32_t at = bisect(c, u);
    if (c->count == c->cap) {
        c->cap = c->cap ? c->cap * 2 : FIRST_ITEMS;
        c->items = xrealloc(c->items, c->cap * sizeof *c->items);
    }
    memmove(&c->items[at + 1], &c->items[at], (c->count - at) * sizeof *c->items);
    c->items[at] = (struct collected){.update = update_ref(u)};
    collected_ids_add(&c->items[at].streams, id);
    c->last = at;
    c->count++;
    c->bytes += RECORD_HEAD + MULTICAST_PLACE + u->event.len;
}

size_t
collector_write(struct collector *c, const struct hash_key *key, struct buf *b)
{
    size_t count = c->count;
    for (uint32_t i = 0; i < c->count; i++) {
        struct collected *item = &c->items[i];
        unsigned char place[MULTICAST_PLACE] = {0};
        (void)!position_id_seal(key, item->update->position, place);
        multicast_record_add(b, place, 0, item->streams.ids, item->streams.count,
                             item->update->event);
    }
    collector_fini(c);
    return count;
}
