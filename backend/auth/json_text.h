#ifndef AUTH_JSON_TEXT_H
#define AUTH_JSON_TEXT_H

/* Pieces of a JSON text as they were written: what travels unchanged must not pass through a
 * parser's numbers. Only for texts that a parser has accepted: nothing is checked here. */

#include "base/buf.h"

struct json_t; /* Jansson's */

/* The value of the nth member of an object, or the nth element of an array, in the order of the
 * text; without blanks around it. Empty: there are fewer. */
struct slice json_text_nth(struct slice container, size_t nth);
/* The value of the member of that name; `object` is what the parser made of the text. Empty: there
 * is none. */
struct slice json_text_member(struct slice text, const struct json_t *object, const char *name);
/* Adds it without the blanks between its parts: one line. */
void json_text_compact(struct slice value, struct buf *out);

#endif
