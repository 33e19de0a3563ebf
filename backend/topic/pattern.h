#ifndef TOPIC_PATTERN_H
#define TOPIC_PATTERN_H

/* URL Patterns as the WHATWG URL Pattern standard has them: constructor strings, with a base URL,
 * ignoreCase off. A pattern is immutable once made: any thread may match it, at the same time. */

#include "base/arena.h"
#include "base/error.h"
#include "topic/match.h"
#include "topic/url.h"

struct pattern;
struct pattern_init; /* topic/pattern_init.h */

enum {
    PATTERN_MAX = 1 << 20, /* bytes of a pattern, and of its base URL; directives say less */
};

/* Compiles `text` (UTF-8). `base` is a URL, or its ptr is NULL where there is none.
 * NULL: not a pattern by the standard, or one whose regular expression cannot be translated
 * (topic/regex.h); `err`, which may be NULL, says which and why. Caller owns. */
struct pattern *pattern_new(struct slice text, struct slice base, struct error *err);
/* The same of what was parsed already ("create"), with the base URL in it. */
struct pattern *pattern_of_init(struct arena *, const struct pattern_init *, struct error *err);
void pattern_free(struct pattern **); /* sets it to NULL; NULL is fine */

/* Whether `url`, a topic that was parsed with the same base, matches. Takes what it needs off
 * *steps; a component with a regular expression may use all of them, and so may the next. */
enum match pattern_match(const struct pattern *, const struct url *url, uint64_t *steps);

/* What an index is keyed by. pattern_key() is the string SCHEME://HOST:PORT PATH?QUERY#FRAGMENT
 * (without the blank) of the URL's components as the standard matches them: without credentials,
 * with all the punctuation even where a component is missing. It begins with
 * pattern_literal_prefix() for every URL that the pattern matches. The prefix is never too long,
 * it may be empty, and belongs to the pattern. False: the arena is full. */
MUST_CHECK bool pattern_key(struct arena *, const struct url *, struct slice *ret_key);
struct slice pattern_literal_prefix(const struct pattern *);

/* The bytes that the pattern holds, compiled regular expressions included. */
size_t pattern_size(const struct pattern *);

#endif
