/* framing - an event is cut into as many records as it takes, and a part of it begins anywhere: in
 * a record's head, too. */

#include "gateway/fastcgi/framing.h"

#include "gateway/fastcgi/record.h"

#include <fastcgi.h>

static unsigned
frame(const struct update *u, uint16_t mark, size_t offset, struct iovec *parts, unsigned room,
      char (*scratch)[RUN_SCRATCH])
{
    const size_t whole = RECORD_HEAD + RECORD_CONTENT;
    unsigned filled = 0;
    _Static_assert((int)RECORD_HEAD <= (int)RUN_SCRATCH, "a head is made in a part's scratch");
    for (size_t i = offset / whole; i * RECORD_CONTENT < u->event.len && filled + 2 <= room; i++) {
        struct slice content = slice_head(slice_from(u->event, i * RECORD_CONTENT), RECORD_CONTENT);
        size_t done = offset > i * whole ? offset - i * whole : 0;
        if (done < RECORD_HEAD) {
            record_head(scratch[filled], FCGI_STDOUT, mark, content.len);
            parts[filled] = (struct iovec){scratch[filled] + done, RECORD_HEAD - done};
            filled++;
            done = RECORD_HEAD;
        }
        content = slice_from(content, done - RECORD_HEAD);
        parts[filled++] = (struct iovec){(char *)content.ptr, content.len};
    }
    return filled;
}

static size_t
size(const struct update *u, uint16_t mark)
{
    (void)mark;
    return u->event.len + (u->event.len + RECORD_CONTENT - 1) / RECORD_CONTENT * RECORD_HEAD;
}

const struct framing framing_stdout = {.frame = frame, .size = size};
