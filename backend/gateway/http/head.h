#ifndef GATEWAY_HTTP_HEAD_H
#define GATEWAY_HTTP_HEAD_H

/* The head of an HTTP/1.x request (RFC 9112), strictly: whatever two parsers could read
 * differently is refused. Pure: bytes in, slices of them out. */

#include "request/exchange.h"

struct http_head {
    struct slice method, path, query, host;
    unsigned minor; /* HTTP/1.minor */
    bool keep_alive, expect_continue, chunked, has_content_length;
    uint64_t content_length;
    size_t header_count;
    size_t size; /* bytes of the whole head, with the empty line */
};

/* Reads the head at the start of `in`.
 *     PARSE_OK    *ret and headers are filled with slices of `in`
 *     PARSE_MORE  not complete; nothing is filled; *scanned says what need not be looked at again
 *     PARSE_BAD   *ret_status is the status to answer; close afterwards
 * `*scanned` is 0 at the first call for a head; `headers` has REQUEST_MAX_HEADERS places. */
MUST_CHECK enum parse http_head_read(struct slice in, size_t *scanned, struct http_head *ret,
                                     struct header *headers, unsigned *ret_status);

#endif
