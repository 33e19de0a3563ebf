#ifndef TRANSPORT_RING_H
#define TRANSPORT_RING_H

/* The last committed batches, in memory: found by position and by id, bounded in bytes and perhaps
 * in age. One thread's at a time. */

#include "transport/batch.h"
#include "transport/held_ids.h"

struct held;

struct ring {
    struct held **places; /* owns; `cap` places, a power of two, or 0 */
    uint32_t begin, count, cap;
    size_t max_bytes, bytes;
    uint64_t max_age_ms; /* 0: no matter how old */
    uint64_t events;
    struct held_ids ids; /* of what is held */
    struct position removed;
    char *removed_id; /* owns; NULL: nothing was removed */
    size_t removed_id_len;
};

void ring_init(struct ring *, size_t max_bytes, uint64_t max_age_ms, struct position begin);
void ring_fini(struct ring *);

/* A reference is taken. The ring always holds its last batch, if it was given room for any. */
void ring_hold(struct ring *, struct batch *);
/* What is too old by now; the last one as well. */
void ring_forget_old(struct ring *);
/* Of the earliest held update with that id, or of the last removed one. False: nobody has it. */
bool ring_find(const struct ring *, struct slice id, struct position *ret);
/* The first batch that holds something behind `p`, borrowed. NULL: there is none. */
struct batch *ring_after(const struct ring *, struct position p);
uint64_t ring_oldest_ms(const struct ring *); /* wall clock; 0: nothing is held */

#endif
