#ifndef HUB_STREAM_CURSOR_H
#define HUB_STREAM_CURSOR_H

/* What a stream says of where it begins and ends (PROTOCOL.md, "History"). */

#include "hub/home.h"

enum {
    STREAM_CURSOR_ROOM = 128
};

/* Does a browser's own EventSource ask? */
bool stream_cursor_is_for_browser(const struct request *);

/* The first bytes of a stream, and its last ones. `at`: committed, and all up to there was sent or
 * is not for this stream; NULL: it does not stand anywhere yet. */
struct slice stream_cursor_begin(struct hub_worker *, const struct position *at, bool is_browser,
                                 char text[STREAM_CURSOR_ROOM]);
struct slice stream_cursor_end(struct hub_worker *, const struct position *at, bool is_browser,
                               char text[STREAM_CURSOR_ROOM]);

#endif
