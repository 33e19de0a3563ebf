#ifndef CLI_DOCTOR_FRONT_TEXT_H
#define CLI_DOCTOR_FRONT_TEXT_H

/* The text of a web server's file, of whatever grammar: words, and numbers behind words. Letters of
 * both cases are the same. */

#include "base/buf.h"

/* Adds it without comments (a # behind a blank or at the begin of a line), each line behind a line
 * end, a blank for many. */
void front_text_plain(struct slice raw, struct buf *out);

/* Is one of these words (divided by |) there? */
bool front_text_has(const struct buf *, const char *words);
/* The number behind the last such word; false: there is none. */
bool front_text_number(const struct buf *, const char *word, double *ret);
/* The longest time behind such a word, in seconds; `standard`: those of a number without a unit.
 * False: there is none. */
bool front_text_longest(const struct buf *, const char *word, double standard, double *ret);

#endif
