#ifndef HUB_DEPARTURES_H
#define HUB_DEPARTURES_H

/* Active subscriptions whose stream is over: held back for a while, then ended, each exactly once.
 * The worker's thread. */

#include "hub/home.h"
#include "transport/update.h"

struct departures;

/* How the stream was lost decides how long its client may take to come back. */
enum departure_kind {
    DEPARTURE_CLOSE,  /* the client left, or could not be written to: hold_back */
    DEPARTURE_RETURN, /* the hub ended it: hold_back_return */
    DEPARTURE_KINDS,
};

struct departures *departures_new(struct hub_worker *); /* caller owns */
/* What has not ended stays active: the next start finds it (departures_adopt()). */
void departures_free(struct departures **);
/* Takes the reference: that its end is published is this worker's business from now on, unless
 * another has taken it over from who had this number (active_take_over()). */
void departures_take(struct departures *, struct active *, unsigned standing, enum departure_kind);
/* A begin that came from the transport: whoever is the same, has begun earlier and is held back
 * here ends now, behind it. */
void departures_meet(struct departures *, const struct update *begin);
/* Before the workers start, on one of them: takes all that is active, for that is what an orderly
 * stop has left. */
void departures_adopt(struct departures *);
/* The same where several hubs share a history: from now on takes what others leave behind as they
 * end. False: there are no others. */
MUST_CHECK bool departures_await_orphans(struct departures *);
/* The times are others now; also for what is held back already. */
void departures_retime(struct departures *);

#endif
