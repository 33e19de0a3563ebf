#ifndef HUB_HUB_H
#define HUB_HUB_H

/* The hub is made, and stops. */

#include "hub/home.h"

/* Takes a reference of the rules; borrows the rest. Caller owns. */
struct hub *hub_new(struct rules *, struct transport *, struct fetcher *);
void hub_free(struct hub **);
struct hub_worker *hub_worker_new(struct hub *, struct worker *); /* before worker_start() */
void hub_worker_free(struct hub_worker **);                       /* after worker_join() */
/* What the transport's last update was, before any worker_start(). */
void hub_start_at(struct hub_worker *, struct position);
/* All up to here is matched and written. The worker's thread. */
struct position hub_delivered(struct worker *);
/* The hub stops: ends every stream of this worker, and every request that waits to become one, with
 * a jittered retry:. Its thread. */
void hub_end_streams(struct hub_worker *);

#endif
