#ifndef TOPIC_REGEX_SET_H
#define TOPIC_REGEX_SET_H

/* What a character class matches: characters, and with the flag `v` strings. Cut down to what can
 * match ASCII; every operation of classes can be done on what is left. */

#include "base/arena.h"
#include "base/slice.h"

/* Characters: ASCII, and the two others that fold to ASCII, U+017F (bit 0 of `more`, folds to
 * `s`) and U+212A (bit 1, `k`). Where case is ignored a set holds folded characters alone. */
struct regex_chars {
    uint64_t low, high;
    uint8_t more;
};

/* A string of any length but one character: ASCII, and folded where case is ignored. */
struct regex_string {
    struct regex_string *next;
    struct slice text;
};

struct regex_set {
    struct regex_chars chars;
    struct regex_string *strings; /* in the arena of its expression */
    bool may_contain_strings;     /* the standard's static semantics, not what is in it */
};

void regex_chars_add(struct regex_chars *, uint32_t first, uint32_t last);
struct regex_chars regex_chars_fold(struct regex_chars);
/* All other characters; where case is ignored, all other folded ones. */
struct regex_chars regex_chars_complement(struct regex_chars, bool ignore_case);
/* The ASCII that matches: where case is ignored, all that folds into the set. */
struct regex_chars regex_chars_matching(struct regex_chars, bool ignore_case);

/* Folds one code point of ASCII or of the two others. */
uint32_t regex_chars_fold_one(uint32_t code_point);

MUST_CHECK bool regex_set_add_string(struct arena *, struct regex_set *, struct slice text);
/* These change `a`; union takes the strings of `b`. False: the arena is full. */
MUST_CHECK bool regex_set_union(struct arena *, struct regex_set *a, struct regex_set *b);
void regex_set_intersect(struct regex_set *a, const struct regex_set *b);
void regex_set_subtract(struct regex_set *a, const struct regex_set *b);

#endif
