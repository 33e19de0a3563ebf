#ifndef TOPIC_PATTERN_TOKEN_H
#define TOPIC_PATTERN_TOKEN_H

/* The tokenizer of pattern strings (URL Pattern, section 2.1.2). */

#include "base/arena.h"
#include "base/error.h"

enum pattern_token_type {
    TOKEN_OPEN,
    TOKEN_CLOSE,
    TOKEN_REGEXP, /* the value is what stands between the parentheses: ASCII, not empty */
    TOKEN_NAME,   /* the value is without the colon */
    TOKEN_CHAR,
    TOKEN_ESCAPED_CHAR, /* the value is without the backslash */
    TOKEN_OTHER_MODIFIER,
    TOKEN_ASTERISK,
    TOKEN_END,
    TOKEN_INVALID_CHAR,
};

struct pattern_token {
    enum pattern_token_type type;
    uint32_t index;         /* of its first byte in the input */
    uint32_t value, length; /* bytes of the input */
};

struct pattern_tokens {
    struct slice input;
    const struct pattern_token *at; /* in the arena; the last one is TOKEN_END */
    size_t count;
};

enum pattern_token_policy {
    TOKEN_STRICT,
    TOKEN_LENIENT, /* what is wrong becomes TOKEN_INVALID_CHAR */
};

/* Borrows `input`. False: a strict reader found an error, or the arena is full. */
MUST_CHECK bool pattern_token_read(struct arena *, struct slice input, enum pattern_token_policy,
                                   struct pattern_tokens *ret, struct error *err);

struct slice pattern_token_value(const struct pattern_tokens *, const struct pattern_token *);

/* ECMAScript's IdentifierStart (`first`) and IdentifierPart. */
bool pattern_token_names(uint32_t code_point, bool first);

#endif
