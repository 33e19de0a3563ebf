#ifndef MOD_ALIPES_CARE_H
#define MOD_ALIPES_CARE_H

/* What happens to one stream: asked for, fed, paused, brought back, ended. The poller's thread. */

#include "mod_alipes/line.h"

/* Asks the hub for it; its arrival is answered where that cannot be. */
void care_ask(struct line *, struct stream *);
/* Asks the hub that came back for it. */
void care_ask_again(struct line *, struct stream *);

/* Records that concern it. */
void care_reply(struct line *, struct stream *, struct slice content); /* STDOUT */
void care_over(struct line *, struct stream *, bool is_overload);      /* END_REQUEST */
void care_paused(struct line *, struct stream *);
void care_mark(struct line *, struct stream *, const struct place *);
void care_event(struct line *, struct stream *, const struct multicast *, const struct piece *);

void care_taken(struct line *, struct stream *);
void care_client(struct line *, struct stream *, uint32_t events);

/* The worker gave it up, or the client is gone. */
void care_leave(struct line *, struct stream *, enum stream_end);
/* Ends it in good order: with `retry:` and the last chunk, where no event is begun. */
void care_end(struct line *, struct stream *, enum stream_end);
/* The hub is gone, and its numbers with it. True: the stream waits to be asked for (again). */
MUST_CHECK bool care_hub_lost(struct line *, struct stream *);

#endif
