#ifndef HUB_DELIVERY_H
#define HUB_DELIVERY_H

/* Batches to the LIVE streams of one worker, in order (DESIGN.md, section 1). The worker's thread.
 */

#include "base/list.h"
#include "hub/judged.h"
#include "loop/worker.h"

struct batch;
struct hub_worker;
struct stream;

/* One update due to one stream: a link in that stream's chain. */
struct due {
    uint32_t update; /* index in the batch */
    uint32_t next;   /* index in due, or DUE_NONE */
};
#define DUE_NONE UINT32_MAX

/* Embedded in hub_worker. */
struct delivery {
    struct list waiting; /* transport_delivery messages behind the batch that is being matched */
    struct batch *batch; /* being matched; the tail holds it; NULL: none */
    uint32_t at;         /* the update being matched */
    uint32_t number;     /* of the batch, for hub/trace.h */
    bool walking;        /* the index has begun with it */
    bool matched;        /* all of it is */
    uint64_t stamp;      /* one a matched update: a stream that bears it was met already */
    uint64_t turn, steps, writing; /* of matching and of writing left in this turn */
    struct judged judged;

    struct due *due;
    uint32_t due_count, due_cap;
    struct stream **touched; /* who has something due; NULL in it: left meanwhile */
    uint32_t touched_count, touched_cap;
    uint32_t written; /* of the touched */

    bool end_streams; /* as soon as everything is delivered */
    struct turn_hook go_on;
};

void delivery_init(struct delivery *, struct worker *);
void delivery_fini(struct delivery *);
/* Takes the transport_delivery message. */
void delivery_receive(struct hub_worker *, struct message *);
/* A stream dies; something may be due to it. */
void delivery_forget(struct delivery *, struct stream *);
/* Ends every stream with a retry:, behind what is still to be delivered. */
void delivery_end_streams(struct hub_worker *);

#endif
