#ifndef CONFIG_BLOCK_H
#define CONFIG_BLOCK_H

/* What stands between a directive's braces. */

#include "config/lexer.h"
#include "config/reading.h"

/* A word of a block, or what stands between words. */
struct block_word {
    enum lexeme kind; /* LEX_WORD, LEX_OPEN, LEX_CLOSE, LEX_LINE_END */
    struct slice text;
    unsigned line;
};

/* Names, each with its value, as the rows of `block` have them; lists end with their line, and a
 * name may have a block of its own ("block name"). On failure the line of the reading is the line
 * that is wrong. */
MUST_CHECK bool block_set(struct config_reading *, const char *block, const struct block_word *,
                          size_t count, struct error *);

#endif
