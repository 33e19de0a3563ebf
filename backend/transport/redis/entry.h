#ifndef TRANSPORT_REDIS_ENTRY_H
#define TRANSPORT_REDIS_ENTRY_H

/* An update as an entry of the stream (DESIGN.md, section 8.1):
 *
 *     RUN-AT  f flags  b "node number"  i id  t topics  e event  [p predecessor]
 *
 * Pure but for what is allocated. */

#include "transport/redis/resp.h"
#include "transport/update.h"

enum {
    ENTRY_PRIVATE = 1,
    ENTRY_ID_CHOSEN = 2,
    ENTRY_BEGIN = 4, /* of an active subscription */
    ENTRY_END = 8,
    ENTRY_AGAIN = 16,    /* it was sent before, in another run, and may stand there as well */
    ENTRY_1_0 = 32,      /* begins and ends: of that dialect */
    ENTRY_KNOWN = 64,    /* its id was there already when it came */
    ENTRY_OVERHEAD = 64, /* what each counts for beside its id, topics and event */
    ENTRY_ID_SCRATCH = 45,
    ENTRY_PLACE_LEN = 42, /* room for a position, with its NUL */
};

/* Who wrote it: numbers of a node grow. */
struct origin {
    uint64_t node, number;
    uint32_t flags;
};

/* Borrows from what it was read from. */
struct entry {
    struct position position, before;
    struct origin origin;
    struct slice id, topics, event; /* as they are kept */
};

/* False: it is none of ours; then ret->position alone is set, and zero where it has none. */
MUST_CHECK bool entry_read(const struct resp *entry, struct entry *ret);
/* Caller owns a reference. NULL: it is none of ours, or no memory. */
MUST_CHECK struct update *entry_update(const struct entry *);

/* What it counts for. */
size_t entry_size(const struct update *);
uint32_t entry_flags(const struct update *);
/* Arguments of a command: id, topics, event. */
void entry_add(struct buf *out, const struct update *);
/* The id as it is kept, as one argument. */
void entry_add_id(struct buf *out, struct slice id);
/* And back; `scratch` holds it where it was packed. False: it is none of ours. */
MUST_CHECK bool entry_id_read(struct slice kept, char scratch[ENTRY_ID_SCRATCH], struct slice *ret);

/* RUN-AT. False: it is not that; *ret is untouched. */
MUST_CHECK bool entry_place_read(struct slice, struct position *ret);
struct slice entry_place_write(struct position, char into[ENTRY_PLACE_LEN]);
/* A node as it is written, and an origin's `b`. */
void entry_add_node(struct buf *out, uint64_t node);
MUST_CHECK bool entry_node_read(struct slice, uint64_t *ret);
void entry_add_origin(struct buf *out, const struct origin *);

/* Who is active, as the store has it: whom it is about, and the rest (publish.lua). */
void entry_add_active(struct buf *out, const struct active *);
/* Caller owns a reference; begun and owner are set. NULL: it is none of ours, or no memory. */
MUST_CHECK struct active *entry_read_active(struct slice who, struct slice record);

#endif
