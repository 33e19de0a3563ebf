#ifndef MOD_ALIPES_LINK_H
#define MOD_ALIPES_LINK_H

/* A poller's connection to one hub, and all streams that it has there. The poller's thread alone.
 */

#include "mod_alipes/hub.h"
#include "mod_alipes/stream.h"

struct link;

struct link *link_new(const struct hub *, int epoll, unsigned seed); /* NULL: no memory */
void link_free(struct link **); /* with all that it has; nobody is told */
bool link_is_to(const struct link *, const struct hub *);

/* A request: the stream's arrival has its answer some time. Takes the stream. */
void link_open(struct link *, struct stream *);
/* Its client is ours now (its arrival has it). */
void link_taken(struct stream *);
/* The worker gave it up. */
void link_left(struct stream *);

void link_on_hub(struct link *, uint32_t events);
void link_on_client(struct stream *, uint32_t events);

/* Ends what it has, evenly until then, and takes no more. */
void link_drain(struct link *, uint64_t until_ms);
/* Work that is due; once a turn, behind everything else: here streams are freed. */
void link_turn(struct link *, uint64_t now_ms);
uint64_t link_due_ms(const struct link *); /* when it has work again; UINT64_MAX: not by itself */
bool link_is_idle(const struct link *);    /* no client is left, and no worker */

#endif
