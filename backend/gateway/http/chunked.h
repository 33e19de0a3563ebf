#ifndef GATEWAY_HTTP_CHUNKED_H
#define GATEWAY_HTTP_CHUNKED_H

/* A chunked body (RFC 9112, section 7.1), decoded as it comes. Pure. */

#include "base/buf.h"

enum chunked_state {
    CHUNKED_SIZE,
    CHUNKED_EXTENSION,
    CHUNKED_SIZE_LF,
    CHUNKED_BYTES,
    CHUNKED_BYTES_CR,
    CHUNKED_BYTES_LF,
    CHUNKED_TRAILER_START,
    CHUNKED_TRAILER,
    CHUNKED_TRAILER_LF,
    CHUNKED_END_LF,
    CHUNKED_DONE,
};

struct chunked {
    enum chunked_state state;
    unsigned digits; /* of the size being read */
    size_t extra;    /* bytes of extensions or trailers so far: bounded */
    uint64_t left;   /* of the chunk being read */
};

void chunked_init(struct chunked *);
/* Takes what it can of *in (which moves on) and appends the body's bytes to `out`.
 *     PARSE_OK    the body is complete; *in begins behind it
 *     PARSE_MORE  all of *in was taken
 *     PARSE_BAD   malformed; or out->failed: larger than the buffer may become */
MUST_CHECK enum parse chunked_read(struct chunked *, struct slice *in, struct buf *out);

#endif
