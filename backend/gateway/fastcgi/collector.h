#ifndef GATEWAY_FASTCGI_COLLECTOR_H
#define GATEWAY_FASTCGI_COLLECTOR_H

/* Which streams of a connection get which update: gathered stream by stream, written update by
 * update. */

#include "base/buf.h"
#include "base/hash.h"
#include "transport/update.h"

struct collected_ids {
    uint16_t *ids; /* owns; as on the wire */
    uint32_t count, cap;
};

struct collected {
    struct update *update; /* owns a reference */
    struct collected_ids streams;
};

struct collector {
    struct collected *items; /* owns; by their positions */
    uint32_t count, cap, last;
    size_t bytes; /* that writing it takes, about */
};

void collected_ids_add(struct collected_ids *, uint16_t id);
void collector_init(struct collector *);
void collector_fini(struct collector *);
/* Of one stream the updates come in their order. False: nobody gets this one yet. */
MUST_CHECK bool collector_join(struct collector *, const struct update *, uint16_t id);
void collector_add(struct collector *, struct update *, uint16_t id); /* nobody did */
/* Adds the records of all that was gathered (their places under `key`); it is empty then. Returns
 * the updates. */
size_t collector_write(struct collector *, const struct hash_key *key, struct buf *);

#endif
