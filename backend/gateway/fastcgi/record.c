/* record - the codec of FastCGI: what stands on the wire, and nothing else.
 *
 * Pure functions on bytes: nothing here logs or knows a socket, so unit tests and the fuzz target
 * need this file alone. */

#include "gateway/fastcgi/record.h"

#include "base/alloc.h"

#include <fastcgi.h>
#include <string.h>

enum parse
record_read(struct slice in, struct record *ret)
{
    const unsigned char *p = (const unsigned char *)in.ptr;
    if (in.len >= 1 && p[0] != FCGI_VERSION_1)
        return PARSE_BAD;
    if (in.len < RECORD_HEAD)
        return PARSE_MORE;
    *ret = (struct record){.type = p[1],
                           .id = (uint16_t)(p[2] << 8 | p[3]),
                           .length = (uint16_t)(p[4] << 8 | p[5]),
                           .padding = p[6]};
    return PARSE_OK;
}

void
record_head(char out[RECORD_HEAD], uint8_t type, uint16_t id, size_t length)
{
    const unsigned char head[RECORD_HEAD] = {
        FCGI_VERSION_1,
        type,
        (unsigned char)(id >> 8),
        (unsigned char)id,
        (unsigned char)(length >> 8),
        (unsigned char)length,
    };
    memcpy(out, head, sizeof head);
}

/* One byte, or four with the highest bit set. */
static bool
read_length(struct slice *rest, size_t *ret)
{
    const unsigned char *p = (const unsigned char *)rest->ptr;
    size_t size = rest->len && p[0] >> 7 ? 4 : 1;
    if (rest->len < size)
        return false;
    *ret = size == 1 ? p[0]
                     : (size_t)(p[0] & 0x7f) << 24 | (size_t)p[1] << 16 | (size_t)p[2] << 8 | p[3];
    *rest = slice_from(*rest, size);
    return true;
}

enum parse
record_pair(struct slice *rest, struct slice *ret_name, struct slice *ret_value)
{
    size_t name, value;
    if (rest->len == 0)
        return PARSE_MORE;
    if (!read_length(rest, &name) || !read_length(rest, &value) || name > rest->len ||
        value > rest->len - name)
        return PARSE_BAD;
    *ret_name = slice_head(*rest, name);
    *ret_value = slice_head(slice_from(*rest, name), value);
    *rest = slice_from(*rest, name + value);
    return PARSE_OK;
}

static void
add_head(struct buf *b, uint8_t type, uint16_t id, size_t length)
{
    char head[RECORD_HEAD];
    record_head(head, type, id, length);
    buf_add(b, SLICE_OF(head, sizeof head));
}

size_t
record_open(struct buf *b)
{
    size_t opened = b->len;
    add_head(b, 0, 0, 0);
    return opened;
}

void
record_close(struct buf *b, size_t opened, uint8_t type, uint16_t id)
{
    if (b->failed)
        return;
    /* From the start: each further head is put between what is one record's and what is not. */
    size_t at = opened, rest = b->len - opened - RECORD_HEAD;
    if (rest == 0) {
        b->len = opened; /* an empty record would end the stream */
        return;
    }
    for (;;) {
        size_t length = rest < RECORD_CONTENT ? rest : RECORD_CONTENT;
        record_head(b->ptr + at, type, id, length);
        at += RECORD_HEAD + length;
        rest -= length;
        if (rest == 0)
            return;
        if (!buf_reserve(b, RECORD_HEAD))
            return;
        memmove(b->ptr + at + RECORD_HEAD, b->ptr + at, rest);
        b->len += RECORD_HEAD;
    }
}

void
record_add_empty(struct buf *b, uint8_t type, uint16_t id)
{
    add_head(b, type, id, 0);
}

void
record_add_end(struct buf *b, uint16_t id, uint8_t protocol_status)
{
    const char body[8] = {[4] = (char)protocol_status};
    add_head(b, FCGI_END_REQUEST, id, sizeof body);
    buf_add(b, SLICE_OF(body, sizeof body));
}

void
record_add_unknown(struct buf *b, uint8_t type)
{
    const char body[8] = {(char)type};
    add_head(b, FCGI_UNKNOWN_TYPE, FCGI_NULL_REQUEST_ID, sizeof body);
    buf_add(b, SLICE_OF(body, sizeof body));
}

void
record_add_pair(struct buf *b, struct slice name, struct slice value)
{
    ENSURE(name.len < 128 && value.len < 128);
    buf_add_byte(b, (char)name.len);
    buf_add_byte(b, (char)value.len);
    buf_add(b, name);
    buf_add(b, value);
}
