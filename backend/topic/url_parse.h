#ifndef TOPIC_URL_PARSE_H
#define TOPIC_URL_PARSE_H

/* URLs as the WHATWG URL standard parses them (section 4.4).
 *
 * Input is UTF-8; an ill-formed part of it counts as U+FFFD, as in the standard's decoder.
 * Pure functions: any thread, no state but ICU's tables (topic/domain.h). Time is linear in the
 * input, memory as a rule once the input and once the base, at most thirteen times the input (each
 * byte ill-formed). */

#include "base/arena.h"
#include "topic/url.h"

/* The basic URL parser. `base` may be NULL; *ret may be the base. False: not a URL, or the arena is
 * full; *ret is then untouched. */
MUST_CHECK bool url_parse(struct arena *, struct slice input, const struct url *base,
                          struct url *ret);

#endif
