#ifndef HUB_SWEEP_H
#define HUB_SWEEP_H

/* A worker's streams, judged anew, some a turn. Its thread. */

struct hub_worker;
struct sweep;

struct sweep *sweep_new(struct hub_worker *); /* caller owns */
void sweep_free(struct sweep **);
/* Rules or keys are others now: streams whose token would no longer be accepted end within a
 * second. */
void sweep_begin(struct sweep *);

#endif
