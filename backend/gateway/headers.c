/* headers - header lines. */

#include "gateway/headers.h"

void
headers_add(struct buf *b, struct slice name, struct slice value)
{
    buf_add(b, name);
    buf_add(b, SLICE(": "));
    buf_add(b, value);
    buf_add(b, SLICE("\r\n"));
}

void
headers_add_number(struct buf *b, struct slice name, uint64_t value)
{
    char digits[SLICE_DIGITS];
    headers_add(b, name, slice_of_number(digits, value, 10));
}

void
headers_add_all(struct buf *b, const struct reply *r)
{
    for (size_t i = 0; i < r->header_count; i++)
        headers_add(b, r->headers[i].name, r->headers[i].value);
}
