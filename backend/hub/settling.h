#ifndef HUB_SETTLING_H
#define HUB_SETTLING_H

/* Before it is told who is there, what other hubs have committed is awaited: whoever asks two hubs,
 * one after the other, never sees somebody vanish who has not left. The worker's thread. */

#include "hub/home.h"

/* True: the exchange waits, and its handler begins again when that is in the registry; or it is
 * answered, for nothing is known yet. False: it is, or there are no other hubs. */
MUST_CHECK bool settling_waits(struct exchange *);
/* The hub stops: answers who waits. */
void settling_stop(struct hub_worker *);

#endif
