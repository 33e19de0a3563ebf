#ifndef TOPIC_PATTERN_COMPONENT_H
#define TOPIC_PATTERN_COMPONENT_H

/* One component of a pattern: compiled from its pattern string, matched against a component of a
 * URL (URL Pattern, "compile a component"). */

#include "topic/match.h"
#include "topic/pattern_parse.h"
#include "topic/regex.h"

enum pattern_component_name {
    PATTERN_PROTOCOL,
    PATTERN_USERNAME,
    PATTERN_PASSWORD,
    PATTERN_HOSTNAME,
    PATTERN_PORT,
    PATTERN_PATHNAME,
    PATTERN_SEARCH,
    PATTERN_HASH,
    PATTERN_COMPONENTS,
};

/* What a component needs to be matched. The programs of a pattern's components lie one behind the
 * other in one piece of memory, of which `at` and `length` tell this one's. */
struct pattern_component {
    struct regex *regex; /* owns; COMPONENT_REGEX */
    uint32_t at;
    uint32_t length : 29;
    enum {
        COMPONENT_ANY,     /* whatever it is */
        COMPONENT_TEXT,    /* the program is the text itself */
        COMPONENT_PROGRAM, /* topic/pattern_program.h */
        COMPONENT_REGEX,   /* topic/regex.h */
    } kind : 3;
};

/* Adds to `programs` what *ret needs, and to `literal`, which may be NULL, the text with which
 * every string begins that matches. `input` is needed no longer than the arena lives.
 *     false  the standard throws a TypeError, the regular expression cannot be translated, or the
 *            arena is full; *ret is untouched */
MUST_CHECK bool pattern_component_compile(struct arena *, struct slice input,
                                          const struct pattern_options *, struct buf *programs,
                                          struct buf *literal, struct pattern_component *ret,
                                          struct error *err);
void pattern_component_fini(struct pattern_component *); /* a zeroed one is fine */

/* A regular expression may use all the steps of which it takes some. */
enum match pattern_component_match(const struct pattern_component *, const char *programs,
                                   struct slice subject, uint64_t *steps);

/* "protocol component matches a special scheme" */
bool pattern_component_is_special(const struct pattern_component *, const char *programs);

/* The options of all components but the pathname, which has two. */
const struct pattern_options *pattern_component_options(enum pattern_component_name);
extern const struct pattern_options PATTERN_HIERARCHICAL_PATHNAME, PATTERN_OPAQUE_PATHNAME,
    PATTERN_IPV6_HOSTNAME;

#endif
