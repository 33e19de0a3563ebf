#ifndef TOPIC_REGEX_H
#define TOPIC_REGEX_H

/* Regular expressions of ECMAScript (2025, flag `v` alone), matched by PCRE2 against ASCII.
 * Immutable once made: any thread may match one, at the same time. */

#include "base/error.h"
#include "base/slice.h"
#include "topic/match.h"

struct regex;

/* NULL: no regular expression by ECMAScript's grammar and early errors; or one that PCRE2 has no
 * equal for, or that is too large (its size is bounded by the length of the text); err says which.
 * Caller owns. */
struct regex *regex_new(struct slice text, struct error *err);
void regex_free(struct regex **); /* sets the pointer to NULL; NULL is fine */

/* Whether it matches somewhere in `subject`, of which every byte is below 0x80. May use all of
 * *steps (and memory of a fixed size for the thread), and takes off what it needed. */
enum match regex_match(const struct regex *, struct slice subject, uint64_t *steps);

size_t regex_size(const struct regex *); /* in bytes, all of it */

#endif
