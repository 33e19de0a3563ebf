#ifndef TOPIC_URL_PATH_H
#define TOPIC_URL_PATH_H

/* Those states of the URL parser in which a path is read, and all that follows it (WHATWG URL
 * standard, section 4.4). Each goes on to the end of the input. For topic/url_*.c alone. */

#include "topic/url_state.h"

/* "path start state". */
MUST_CHECK bool url_path_start(struct url_parser *);
/* "path state", where `kept` is the path so far: nothing, or whole segments, as serialised. */
MUST_CHECK bool url_path_behind(struct url_parser *, struct slice kept);
/* The same, where the last segment of `base` gives way to what is read; nothing is read: it is the
 * path. */
MUST_CHECK bool url_path_relative(struct url_parser *, struct slice base);
/* "opaque path state". */
MUST_CHECK bool url_path_opaque(struct url_parser *);
/* The path is written; here is a `?`, a `#` or the end. */
MUST_CHECK bool url_path_end(struct url_parser *);

/* The input: a drive letter, and then nothing more of its segment ("starts with a Windows drive
 * letter", section 4.1). */
bool url_path_starts_with_drive(struct slice);
/* "/C:" where that is the whole first segment of a serialised path, else "". */
struct slice url_path_drive(struct slice path);

#endif
