#ifndef AUTH_FETCHER_H
#define AUTH_FETCHER_H

/* JWK sets over HTTPS and from files, fetched by a thread of their own: at start, each
 * jwks_refresh, and when a token names a key that its set has not. What is there is kept while a
 * server is down. */

#include "auth/key_set.h"
#include "config/config.h"

struct fetcher;

/* Called on the fetcher's thread after every attempt, with its number (from 1, for each source).
 * `changed`: there is a new set. */
typedef void fetcher_news(void *context, struct key_source *, uint64_t attempt, bool changed);

struct fetcher *fetcher_new(fetcher_news *, void *context); /* caller owns */
void fetcher_free(struct fetcher **);                       /* ends the thread */

/* The sources that a configuration names, in the order of config->sources: those that are watched
 * already, and new ones; files are read at once. NULL: err says why, with the setting's place.
 * Caller owns the array and a reference to each (fetcher_drop()). */
struct key_source **fetcher_sources(struct fetcher *, const struct config *, struct error *);
void fetcher_drop(struct key_source ***, size_t count);
/* From now on these are watched, and no others; what was read of files counts. Borrows; begins to
 * fetch what has no set. */
void fetcher_watch(struct fetcher *, const struct config *, struct key_source *const *sources);

/* A token names a key that the set has not. True: news of the attempt *ret_attempt, or of a later
 * one, will come and may bring it; false: the set was asked for less than jwks_cooldown ago. Any
 * thread. */
MUST_CHECK bool fetcher_ask(struct fetcher *, struct key_source *, uint64_t *ret_attempt);

#endif
