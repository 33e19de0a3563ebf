#ifndef BASE_WORDS_H
#define BASE_WORDS_H

/* Several strings of a peer as one value of a log line: joined by blanks, and no longer than the
 * log shows (log_slice() says where it was cut). On the stack; cannot fail. */

#include "base/slice.h"

struct words {
    char text[256];
    size_t len;
};

/* `prefix` may be "". */
void words_add(struct words *, const char *prefix, struct slice);
struct slice words_slice(const struct words *);

#endif
