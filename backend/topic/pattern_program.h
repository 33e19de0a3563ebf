#ifndef TOPIC_PATTERN_PROGRAM_H
#define TOPIC_PATTERN_PROGRAM_H

/* Matching without regular expressions: part lists of text and wildcards, as a few bytes. */

#include "base/buf.h"
#include "topic/match.h"
#include "topic/pattern_parse.h"

/* Adds the text to `out` if the parts are nothing but text; else adds nothing and says false. */
bool pattern_program_write_text(const struct pattern_parts *, struct buf *out);

/* Adds the program of parts none of which is PART_REGEXP. `delimiter` 0: none. */
void pattern_program_write(const struct pattern_parts *, char delimiter, struct buf *out);

/* Whether the whole of `subject` matches a program that pattern_program_write() wrote. The steps
 * are those of the program times the length of the subject at most. No memory is MATCH_LIMIT. */
enum match pattern_program_match(struct slice program, struct slice subject, uint64_t *steps);

#endif
