#ifndef CONFIG_LEXER_H
#define CONFIG_LEXER_H

/* Words of the directive language: one directive a line, "quotes" with \" inside, `raw quotes`,
 * <<NAME heredocs, { blocks }, # comments, {$NAME:default} and {env.NAME}. Pure but for getenv().
 */

#include "base/buf.h"
#include "base/error.h"

enum lexeme {
    LEX_WORD,
    LEX_OPEN,  /* { at the end of a line */
    LEX_CLOSE, /* } alone */
    LEX_LINE_END,
    LEX_END,
    LEX_ERROR,
};

struct lexer {
    struct slice rest;
    unsigned line;     /* of the word just given, from 1 */
    struct buf word;   /* owns; the word just given */
    const char *error; /* for LEX_ERROR */
    bool was_quoted;
};

void lexer_init(struct lexer *, struct slice text);
void lexer_fini(struct lexer *);
enum lexeme lexer_next(struct lexer *);

#endif
