#ifndef TOPIC_REGEX_WRITE_H
#define TOPIC_REGEX_WRITE_H

/* Trees of ECMAScript's regular expressions, written as PCRE2's. */

#include "base/buf.h"
#include "topic/regex_parse.h"

/* To be compiled with REGEX_WRITE_OPTIONS. False: PCRE2 has no equal for something in it. */
MUST_CHECK bool regex_write(const struct regex_tree *, struct buf *out, struct error *err);

#define REGEX_WRITE_OPTIONS                                                                        \
    (PCRE2_DOTALL | PCRE2_MATCH_UNSET_BACKREF | PCRE2_NEVER_UTF | PCRE2_NEVER_UCP |                \
     PCRE2_NEVER_BACKSLASH_C)

#endif
