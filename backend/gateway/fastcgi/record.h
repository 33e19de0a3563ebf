#ifndef GATEWAY_FASTCGI_RECORD_H
#define GATEWAY_FASTCGI_RECORD_H

/* Records and name-value pairs of FastCGI 1.0 (sections 3.3 and 3.4). Pure: bytes in, values out.
 */

#include "base/buf.h"

enum {
    RECORD_HEAD = 8,
    RECORD_CONTENT = 65535, /* the most that one can hold */
};

struct record {
    uint8_t type, padding;
    uint16_t id, length; /* of the content */
};

/* Reads the eight bytes at the start of `in`.
 *     PARSE_OK    *ret is filled; content and padding follow
 *     PARSE_MORE  fewer bytes are here; *ret is untouched
 *     PARSE_BAD   not version 1 */
MUST_CHECK enum parse record_read(struct slice in, struct record *ret);
void record_head(char out[RECORD_HEAD], uint8_t type, uint16_t id, size_t length);

/* Cuts a pair off *rest, which holds a whole stream of pairs.
 *     PARSE_OK    a pair
 *     PARSE_MORE  nothing is left
 *     PARSE_BAD   the stream is cut short */
MUST_CHECK enum parse record_pair(struct slice *rest, struct slice *ret_name,
                                  struct slice *ret_value);

/* Content is added to a buf between these two; whatever its length, it comes out as records. */
size_t record_open(struct buf *);
void record_close(struct buf *, size_t opened, uint8_t type, uint16_t id);

void record_add_empty(struct buf *, uint8_t type, uint16_t id); /* ends a stream */
void record_add_end(struct buf *, uint16_t id, uint8_t protocol_status);
void record_add_unknown(struct buf *, uint8_t type);
void record_add_pair(struct buf *, struct slice name, struct slice value); /* both < 128 */

#endif
