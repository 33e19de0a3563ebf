#ifndef TOPIC_TEXT_H
#define TOPIC_TEXT_H

/* What a string that names something (a topic, a matcher, an id, a type) may hold in 1.0
 * (PROTOCOL.md, "Subscribe" and "Publish"). Pure functions, any thread. */

#include "base/arena.h"
#include "base/buf.h"

enum text_fault {
    TEXT_OK,
    TEXT_NOT_UTF8,
    TEXT_CONTROL, /* \p{Cc}: C0, DEL, C1 */
    TEXT_FORMAT,  /* \p{Cf}, as the Unicode version of ICU has it */
    TEXT_UNKNOWN, /* ICU is not there to ask */
};

/* What is wrong with `s`: UTF-8 is judged first, as a whole, then the first character that faults.
 */
enum text_fault text_judge(struct slice s);

/* `s` with each ill-formed part replaced by U+FFFD, as the Encoding standard's UTF-8 decoder does
 * (one for each maximal subpart); `s` itself where it is well-formed. False: the arena is full. */
MUST_CHECK bool text_scalars(struct arena *, struct slice s, struct slice *ret);
/* Adds that as a string of JSON (base/json_string.h). */
void text_write_json(struct buf *, struct slice s);

/* Latin-1 as UTF-8, into `ret`, which has room for twice the bytes. Returns how many it took. */
size_t text_from_latin1(struct slice s, char *ret);

#endif
