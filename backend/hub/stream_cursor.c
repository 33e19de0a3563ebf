/* stream_cursor - an id for a client that has heard no event, or none for long: without it, what is
 * published between its stream's end and its return would be lost to it.
 *
 * It is the id of a position (transport/position_id.h), not that of the update there: that one may
 * be private, or come again, or be of bytes that a client cannot send back.
 *
 * An id alone fires no event, says the standard of EventSource, and sets the cursor. Tried with 25
 * clients: nine do so, Chromium among them; eight drop the id, Firefox among them; and eight that
 * are no EventSource fire an event without data, which programs take for one of theirs. So:
 *
 *     a browser's EventSource   an event of a type that nobody listens to, with data that is empty
 *                               but there: Firefox takes an id from it. Begin and end
 *     anybody else              with the `retry:` of the end alone: those eight fire for that
 * anyway (stream_cursor all: an id alone as the stream begins, too)
 *
 * A browser's is one that says what fetch() and programs do not say together: Sec-Fetch-Mode, and
 * `Cache-Control: no-cache`, which EventSource always has. */

#include "hub/stream_cursor.h"

#include "transport/position_id.h"

#include <stdio.h>

bool
stream_cursor_is_for_browser(const struct request *r)
{
    struct slice mode, cache;
    return request_header(r, SLICE("Sec-Fetch-Mode"), &mode) &&
           request_header(r, SLICE("Cache-Control"), &cache) &&
           slice_eq_nocase(cache, SLICE("no-cache"));
}

static bool
write_id(struct hub_worker *home, const struct position *at, char id[POSITION_ID_LEN + 1])
{
    return at && home->rules->config->stream_cursor != STREAM_CURSOR_OFF &&
           position_id_write(transport_key(home->hub->transport), *at, id);
}

struct slice
stream_cursor_begin(struct hub_worker *home, const struct position *at, bool is_browser,
                    char text[STREAM_CURSOR_ROOM])
{
    char id[POSITION_ID_LEN + 1];
    bool is_for_all = home->rules->config->stream_cursor == STREAM_CURSOR_ALL;
    if (!(is_browser || is_for_all) || !write_id(home, at, id))
        return SLICE(":\n");
    int n = is_browser
                ? snprintf(text, STREAM_CURSOR_ROOM, ":\nevent: alipes\nid: %s\ndata: \n\n", id)
                : snprintf(text, STREAM_CURSOR_ROOM, ":\nid: %s\n\n", id);
    return SLICE_OF(text, (size_t)n);
}

struct slice
stream_cursor_end(struct hub_worker *home, const struct position *at, bool is_browser,
                  char text[STREAM_CURSOR_ROOM])
{
    char id[POSITION_ID_LEN + 1];
    unsigned retry = hub_retry_ms(home);
    int n;
    if (!write_id(home, at, id))
        n = snprintf(text, STREAM_CURSOR_ROOM, "retry: %u\n\n", retry);
    else if (is_browser)
        n = snprintf(text, STREAM_CURSOR_ROOM, "event: alipes\nretry: %u\nid: %s\ndata: \n\n",
                     retry, id);
    else
        n = snprintf(text, STREAM_CURSOR_ROOM, "retry: %u\nid: %s\n\n", retry, id);
    return SLICE_OF(text, (size_t)n);
}
