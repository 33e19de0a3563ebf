#ifndef HUB_DELIVERY_H
#define HUB_DELIVERY_H

/* Batches to the LIVE streams of one worker, in order (DESIGN.md, section 1). The worker's thread.
 */

struct delivery;
struct hub_worker;
struct message;
struct stream;
struct worker;

struct delivery *delivery_new(struct hub_worker *); /* caller owns */
void delivery_free(struct delivery **);
/* Receives transport_delivery messages. */
void delivery_receive(struct worker *, struct message *);
/* A stream dies; something may be due to it. */
void delivery_forget(struct delivery *, struct stream *);
/* Ends every stream with a retry:, behind what is still to be delivered. */
void delivery_end_streams(struct delivery *);

#endif
