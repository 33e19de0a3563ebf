#ifndef AUTH_RIGHTS_H
#define AUTH_RIGHTS_H

/* What the claims of a token come down to: selectors for each action, and payloads. Interned for
 * the process by the claim's own text: a thousand tokens that differ in `exp` hold one. Immutable
 * once shared; any thread. */

#include "auth/refusal.h"
#include "base/error.h"
#include "topic/topic.h"

struct json_t; /* Jansson's */
struct rights;

/* Bounds on what one token may say. */
struct rights_limits {
    size_t max_selectors; /* of an array of 0.x */
    size_t max_details;   /* entries of authorization_details, and matchers in all of them */
};

/* 0.x: `claim` is the value of the mercure claim, 1.0: of authorization_details; NULL where there
 * is none. `text` is the same value as it stands in the token. On TOKEN_OK the caller owns a
 * reference; else *ret_why says more. */
MUST_CHECK enum token_fault rights_read(enum dialect, const struct json_t *claim, struct slice text,
                                        struct slice base, const struct rights_limits *,
                                        struct rights **ret_rights, struct error *ret_why);
void rights_unref(struct rights **);

/* Do they grant the action on anything at all? */
bool rights_has(const struct rights *, enum role action);
/* Several topics of one update are asked under one budget: begin with *steps of
 * rights_budget(topics), in steps of a matcher (topic/match.h). */
uint64_t rights_budget(const struct rights *, size_t topics);
/* Works out what has to be known about a topic to ask about it; returns the steps it took, which
 * are none of that budget. */
uint64_t rights_prepare(const struct rights *, const struct topic *);
/* Takes what it needs off *steps; once they are spent, only exact selectors and `*` allow. */
bool rights_allow(const struct rights *, enum role action, const struct topic *, uint64_t *steps);
/* The payload that the events of a subscription carry: JSON on one line, as it stood in the token.
 * `match` is the subscription's matcher as text (1.0: PROTOCOL.md, "Active subscriptions"; 0.x: it
 * does not matter). False: none. Borrowed. */
bool rights_payload(const struct rights *, struct slice match, struct slice *ret_json);
/* What the selectors are, for a person: calls `say` for each. */
void rights_describe(const struct rights *, enum role action,
                     void (*say)(void *into, const char *type, struct slice text), void *into);

#endif
