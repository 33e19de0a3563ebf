#ifndef TOPIC_MATCHER_H
#define TOPIC_MATCHER_H

/* What a subscription or a grant says about topics. Immutable: any thread. Nothing here is
 * interned: a worker does that for its streams (hub/index.h), and what grants share they share as
 * rights. */

#include "base/error.h"
#include "topic/match.h"
#include "topic/topic.h"

#include <stdbool.h>

enum matcher_type {
    MATCHER_EXACT,      /* 1.0 */
    MATCHER_TEMPLATE,   /* 0.x: the string itself and, if it is a valid one, the URI Template */
    MATCHER_URLPATTERN, /* 1.0 */
};

/* What it comes down to. */
enum matcher_kind {
    MATCHER_IS_EVERYTHING, /* the text `*`, whatever the type */
    MATCHER_IS_EXACT,      /* also a template without expressions, or an invalid one */
    MATCHER_IS_TEMPLATE,
    MATCHER_IS_URLPATTERN,
};

struct matcher;

/* `base` is the hub's URL (PROTOCOL.md, "Subscribe"); only URL Patterns look at it. NULL:
 * ill-formed, and err says why. Copies both. Caller owns. */
struct matcher *matcher_new(enum matcher_type, struct slice text, struct slice base,
                            struct error *);
void matcher_free(struct matcher **); /* sets the pointer to NULL; NULL is fine */

enum matcher_kind matcher_kind(const struct matcher *);
struct slice matcher_text(const struct matcher *);
/* What every topic that a template matches begins with, but for the template's own text; what the
 * key (topic_url()) of every topic that a URL Pattern matches begins with. */
struct slice matcher_prefix(const struct matcher *);

/* Works out what has to be known about the topic before it is tried; returns the steps it took.
 * They are the topic's, and no part of what trying takes. */
uint64_t matcher_prepare(const struct matcher *, const struct topic *);
/* What it takes in memory. */
size_t matcher_size(const struct matcher *);

/* Takes what it needs off *steps, which begin with matcher_steps(). */
enum match matcher_try(const struct matcher *, const struct topic *, uint64_t *steps);

/* Is there any URL Pattern in the process, so that topics are worth parsing? */
bool matcher_needs_urls(void);

/* The steps of one match: max_match_steps, and a little more for a topic that is long (up to
 * TOPIC_URL_MAX). Any thread. */
uint64_t matcher_steps(const struct topic *);
void matcher_set_steps(uint64_t);

/* What a string that is compared as it stands was perhaps meant to be: a sentence, or NULL. */
const char *matcher_trap(struct slice exact);

#endif
