/* wire - the records of the shared connection, read and written.
 *
 * Whatever the bytes, nothing is read beyond them; what is no record of its type is told so, and
 * the link closes. Nothing here knows a socket or Apache, so the fuzz target links this file and
 * the codec of the hub's own gateway, which this side shares. */

#include "mod_alipes/wire.h"

#include "gateway/fastcgi/record.h"

#include <fastcgi.h>
#include <stdio.h>
#include <string.h>

enum {
    FLAG_MORE = 1,
    FLAG_TEXT = 2,
    MULTICAST_HEAD = WIRE_PLACE + 4,
};

#define VALUE_MULTICAST "FCGI_MULTICAST"

static unsigned
read_u16(const char *at)
{
    return (unsigned)(unsigned char)at[0] << 8 | (unsigned char)at[1];
}

bool
wire_place(struct slice content, struct place *ret)
{
    if (content.len < WIRE_PLACE)
        return false;
    memcpy(ret->bytes, content.ptr, WIRE_PLACE);
    return true;
}

bool
wire_multicast(struct slice content, struct multicast *ret)
{
    if (content.len < MULTICAST_HEAD)
        return false;
    unsigned flags = (unsigned char)content.ptr[WIRE_PLACE];
    unsigned count = read_u16(content.ptr + WIRE_PLACE + 2);
    struct slice rest = slice_from(content, MULTICAST_HEAD);
    if (rest.len / 2 < count)
        return false;
    *ret = (struct multicast){
        .more = flags & FLAG_MORE,
        .is_text = flags & FLAG_TEXT,
        .count = count,
        .ids = slice_head(rest, (size_t)count * 2),
        .text = slice_from(rest, (size_t)count * 2),
    };
    return wire_place(content, &ret->place);
}

uint16_t
wire_id(const struct multicast *m, unsigned at)
{
    return (uint16_t)read_u16(m->ids.ptr + (size_t)at * 2);
}

bool
wire_values(struct slice content, struct values *ret)
{
    struct slice name, value;
    enum parse parsed;
    *ret = (struct values){0};
    while ((parsed = record_pair(&content, &name, &value)) == PARSE_OK) {
        uint64_t number;
        if (slice_eq(name, SLICE(FCGI_MPXS_CONNS)))
            ret->multiplexes = slice_eq(value, SLICE("1"));
        else if (slice_eq(name, SLICE(VALUE_MULTICAST)))
            ret->multicast = slice_eq(value, SLICE("1"));
        else if (slice_eq(name, SLICE(FCGI_MAX_REQS)) && slice_u64(value, UINT32_MAX, &number))
            ret->max_requests = (unsigned)number;
    }
    return parsed == PARSE_MORE;
}

void
wire_cursor(const struct place *p, char ret[WIRE_CURSOR])
{
    const unsigned char *b = p->bytes;
    snprintf(ret, WIRE_CURSOR,
             "urn:uuid:%02x%02x%02x%02x-%02x%02x-%02x%02x-%02x%02x-%02x%02x%02x%02x%02x%02x", b[0],
             b[1], b[2], b[3], b[4], b[5], b[6], b[7], b[8], b[9], b[10], b[11], b[12], b[13],
             b[14], b[15]);
}

static void
add_record(struct buf *b, uint8_t type, uint16_t id, struct slice content)
{
    size_t opened = record_open(b);
    buf_add(b, content);
    record_close(b, opened, type, id);
}

static void
add_length(struct buf *b, size_t length)
{
    const char four[] = {(char)(0x80 | length >> 24), (char)(length >> 16), (char)(length >> 8),
                         (char)length};
    if (length < 0x80)
        buf_add_byte(b, (char)length);
    else
        buf_add(b, SLICE_OF(four, sizeof four));
}

void
wire_add_pair(struct buf *b, struct slice name, struct slice value)
{
    add_length(b, name.len);
    add_length(b, value.len);
    buf_add(b, name);
    buf_add(b, value);
}

void
wire_add_values(struct buf *b)
{
    size_t opened = record_open(b);
    wire_add_pair(b, SLICE(FCGI_MPXS_CONNS), SLICE(""));
    wire_add_pair(b, SLICE(FCGI_MAX_REQS), SLICE(""));
    wire_add_pair(b, SLICE(VALUE_MULTICAST), SLICE(""));
    record_close(b, opened, FCGI_GET_VALUES, FCGI_NULL_REQUEST_ID);
}

void
wire_add_request(struct buf *b, uint16_t id, struct slice params, struct slice cursor,
                 struct slice body)
{
    const char begin[8] = {0, FCGI_RESPONDER, FCGI_KEEP_CONN};
    add_record(b, FCGI_BEGIN_REQUEST, id, SLICE_OF(begin, sizeof begin));
    size_t opened = record_open(b);
    buf_add(b, params);
    buf_add(b, cursor);
    record_close(b, opened, FCGI_PARAMS, id);
    record_add_empty(b, FCGI_PARAMS, id);
    add_record(b, FCGI_STDIN, id, body);
    record_add_empty(b, FCGI_STDIN, id);
}

void
wire_add_resume(struct buf *b, uint16_t id, const struct place *p, uint32_t offset)
{
    char body[WIRE_PLACE + 4];
    memcpy(body, p->bytes, WIRE_PLACE);
    for (int i = 0; i < 4; i++)
        body[WIRE_PLACE + i] = (char)(offset >> (24 - 8 * i));
    add_record(b, WIRE_RESUME, id, SLICE_OF(body, sizeof body));
}
