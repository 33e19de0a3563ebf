#ifndef TOPIC_REGEX_READER_H
#define TOPIC_REGEX_READER_H

/* What the files that read a regular expression share. */

#include "base/error.h"
#include "topic/regex_set.h"

enum {
    REGEX_MAX_DEPTH = 200, /* of groups and classes in each other */
};

struct regex_reader {
    struct arena *arena;
    struct slice in; /* ASCII */
    size_t at;
    unsigned depth;
    bool ignore_case, multiline, dot_all; /* as the innermost `(?i:` has it */
    struct error *err;
};

static inline int
regex_reader_peek(const struct regex_reader *r, size_t ahead)
{
    return ahead < r->in.len - r->at ? (unsigned char)r->in.ptr[r->at + ahead] : -1;
}

static inline bool
regex_reader_take(struct regex_reader *r, int c)
{
    if (regex_reader_peek(r, 0) != c)
        return false;
    r->at++;
    return true;
}

bool regex_reader_fault(struct regex_reader *, const char *what); /* always false */

/* What follows the backslash of a CharacterEscape, or one of a RegExpIdentifierName's: `u` and
 * behind. False: it is none. */
MUST_CHECK bool regex_reader_escape(struct regex_reader *, uint32_t *ret_code_point);
MUST_CHECK bool regex_reader_unicode(struct regex_reader *, uint32_t *ret_code_point);

/* A class, from behind its `[` to behind its `]`. */
MUST_CHECK bool regex_reader_class(struct regex_reader *, struct regex_set *ret);
/* \d \D \s \S \w \W \p{…} \P{…}, from behind the backslash. *ret_found: whether it is one. */
MUST_CHECK bool regex_reader_class_escape(struct regex_reader *, struct regex_set *ret,
                                          bool *ret_found);

#endif
