#ifndef MOD_ALIPES_STEAL_H
#define MOD_ALIPES_STEAL_H

/* A connection leaves Apache. */

#include "mod_alipes/arrival.h"

#include "httpd.h"

void steal_hooks(void);

/* May it leave? Where not, *ret_why says what stands in the way, or is NULL if nobody needs to
 * know. */
MUST_CHECK bool steal_is_possible(request_rec *, const char **ret_why);
/* The reply's head is out. From now on Apache writes nothing to the client, and once it has let go
 * of its connection the arrival is given back as TAKEN. False: no descriptor can be had. */
MUST_CHECK bool steal_take(request_rec *, struct arrival *);

#endif
