#ifndef TOPIC_PATTERN_PARSE_H
#define TOPIC_PATTERN_PARSE_H

/* Pattern strings to part lists, and part lists to regular expressions (URL Pattern, sections
 * 2.1 and 2.2). */

#include "base/buf.h"
#include "topic/pattern_token.h"

enum pattern_part_type {
    PART_FIXED_TEXT,
    PART_REGEXP,
    PART_SEGMENT_WILDCARD, /* up to the next delimiter, not empty */
    PART_FULL_WILDCARD,
};

enum pattern_modifier {
    MODIFIER_NONE,
    MODIFIER_OPTIONAL,
    MODIFIER_ZERO_OR_MORE,
    MODIFIER_ONE_OR_MORE,
};

struct pattern_part {
    enum pattern_part_type type;
    enum pattern_modifier modifier;
    struct slice value; /* of PART_FIXED_TEXT and PART_REGEXP */
    struct slice name;  /* of a group that has one; without, it has a number */
    struct slice prefix, suffix;
};

struct pattern_parts {
    const struct pattern_part *at; /* in the arena */
    size_t count;
};

/* What differs between components. */
struct pattern_options {
    const char *what; /* "hostname": for messages */
    char delimiter;   /* 0: none */
    char prefix;      /* 0: none */
    bool (*encode)(struct arena *, struct slice in, struct slice *ret);
};

/* False: the standard throws a TypeError, or the arena is full. */
MUST_CHECK bool pattern_parse(struct arena *, struct slice input, const struct pattern_options *,
                              struct pattern_parts *ret, struct error *err);

/* The regular expression whose match decides, as the standard generates it. */
void pattern_parse_regexp(const struct pattern_parts *, const struct pattern_options *,
                          struct buf *ret);

/* "escape a pattern string": what the base URL gives, so that it means itself. */
MUST_CHECK bool pattern_parse_escape(struct arena *, struct slice in, struct slice *ret);

#endif
