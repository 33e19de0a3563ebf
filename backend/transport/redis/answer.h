#ifndef TRANSPORT_REDIS_ANSWER_H
#define TRANSPORT_REDIS_ANSWER_H

/* What an error of Redis means to a hub: one row each (alipes.conf(5), TRANSPORT REDIS). */

#include "base/error.h"
#include "base/slice.h"

enum answer_effect {
    ANSWER_AWAY,    /* the session ends, and what was asked is asked again in the next */
    ANSWER_MOVED,   /* the same: another server of the cluster has it */
    ANSWER_REFUSED, /* nothing of what was asked is there, and it may be later; the session stays */
    ANSWER_WHOLE,   /* the script is not known: with its text, it is */
    ANSWER_WRONG,   /* nothing will help but another configuration: the hub does not start, or is
                       away and tries seldom */
};

struct answer {
    const char *begins, *holds; /* of the error's text; NULL: anything */
    enum answer_effect effect;
    const char *reason;   /* a word for metrics */
    const char *sentence; /* for the log, behind the error's own text; NULL: that says it */
};

/* The row of an error; of what is in no row: the session ends. Never NULL. */
const struct answer *answer_find(struct slice error);
/* What may be said of it: without the words of the command, which may be a password. */
struct slice answer_text(struct slice error);
/* What is said of it in the log and at start: the error, cut, and the sentence. `user` and
 * `stream`: for the line that gives all rights that are needed. */
void answer_say(const struct answer *, struct slice error, const char *user, const char *stream,
                struct error *ret);

#endif
