#ifndef AUTH_FETCHER_H
#define AUTH_FETCHER_H

/* JWK sets over HTTPS and from files, each read by a thread of its own: at start, each
 * jwks_refresh, and when a token names a key that its set has not. What is there is kept while a
 * server is down, for jwks_max_age. */

#include "auth/key_set.h"
#include "config/config.h"

struct fetcher;

/* Called on the keeper's thread after every attempt, with its number (from 1, for each source); 0:
 * the set has become too old. `changed`: what the source says may be another thing now. */
typedef void fetcher_news(void *context, struct key_source *, uint64_t attempt, bool changed);

struct fetcher *fetcher_new(fetcher_news *, void *context); /* caller owns */
/* No news from now on. Waits for nothing that could hang. */
void fetcher_stop(struct fetcher *);
void fetcher_free(struct fetcher **); /* stops it first */
/* Threads of a fetcher that was freed are still under way: leave them to _exit(), for they use what
 * exit() takes down. */
bool fetcher_left_behind(void);

/* The sources that a configuration names, in the order of config->sources: those that are watched
 * already, and new ones; files are read at once. NULL: err says why, with the setting's place.
 * Caller owns the array and a reference to each (fetcher_drop()). */
struct key_source **fetcher_sources(struct fetcher *, const struct config *, struct error *);
void fetcher_drop(struct key_source ***, size_t count);
/* From now on these are watched, and no others; what was read of files counts. Borrows; begins to
 * fetch what has no set. */
void fetcher_watch(struct fetcher *, const struct config *, struct key_source *const *sources);

enum fetch_answer {
    FETCH_COMES,    /* news of the attempt *ret_attempt, or of a later one, may bring it */
    FETCH_HAS_COME, /* the set came less than jwks_cooldown ago, and this is what it says */
    FETCH_FAILS,    /* it was asked for less than jwks_cooldown ago, and did not come */
};

/* A token names a key that the set has not. Any thread. */
MUST_CHECK enum fetch_answer fetcher_ask(struct fetcher *, struct key_source *,
                                         uint64_t *ret_attempt);

#endif
