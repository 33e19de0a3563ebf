/* chunked - a byte-driven machine, so that a body may be split anywhere. Extensions are read over
 * (at most 256 bytes a chunk), trailers thrown away (at most 8 KiB). */

#include "gateway/http/chunked.h"

#include "base/ascii.h"

enum {
    MAX_DIGITS = 15,
    MAX_EXTENSION = 256,
    MAX_TRAILER = 8192
};

void
chunked_init(struct chunked *c)
{
    *c = (struct chunked){.state = CHUNKED_SIZE};
}

static bool
on_size(struct chunked *c, char byte)
{
    int digit = ascii_hex(byte);
    if (digit >= 0) {
        c->left = c->left << 4 | (unsigned)digit;
        return ++c->digits <= MAX_DIGITS;
    }
    c->extra = 0;
    c->state = byte == '\r' ? CHUNKED_SIZE_LF : CHUNKED_EXTENSION;
    return c->digits && (byte == '\r' || byte == ';');
}

static bool
on_text(struct chunked *c, char byte, size_t max, enum chunked_state at_end)
{
    if (byte == '\r') {
        c->state = at_end;
        return true;
    }
    unsigned char u = (unsigned char)byte;
    return (u >= 0x20 || u == '\t') && u != 0x7f && ++c->extra <= max;
}

static bool
on_trailer_start(struct chunked *c, char byte)
{
    c->state = byte == '\r' ? CHUNKED_END_LF : CHUNKED_TRAILER;
    return byte == '\r' || (byte > 0x20 && byte < 0x7f && ++c->extra <= MAX_TRAILER);
}

static bool
expect(struct chunked *c, char byte, char wanted, enum chunked_state next)
{
    c->state = next;
    return byte == wanted;
}

static bool
on_byte(struct chunked *c, char byte)
{
    switch (c->state) {
    case CHUNKED_SIZE:
        return on_size(c, byte);
    case CHUNKED_EXTENSION:
        return on_text(c, byte, MAX_EXTENSION, CHUNKED_SIZE_LF);
    case CHUNKED_SIZE_LF:
        c->digits = 0;
        c->extra = 0;
        return expect(c, byte, '\n', c->left ? CHUNKED_BYTES : CHUNKED_TRAILER_START);
    case CHUNKED_BYTES_CR:
        return expect(c, byte, '\r', CHUNKED_BYTES_LF);
    case CHUNKED_BYTES_LF:
        return expect(c, byte, '\n', CHUNKED_SIZE);
    case CHUNKED_TRAILER_START:
        return on_trailer_start(c, byte);
    case CHUNKED_TRAILER:
        return on_text(c, byte, MAX_TRAILER, CHUNKED_TRAILER_LF);
    case CHUNKED_TRAILER_LF:
        return expect(c, byte, '\n', CHUNKED_TRAILER_START);
    case CHUNKED_END_LF:
        return expect(c, byte, '\n', CHUNKED_DONE);
    case CHUNKED_BYTES:
    case CHUNKED_DONE:
        break;
    }
    return false;
}

enum parse
chunked_read(struct chunked *c, struct slice *in, struct buf *out)
{
    while (c->state != CHUNKED_DONE) {
        if (in->len == 0)
            return PARSE_MORE;
        if (c->state == CHUNKED_BYTES) {
            struct slice part = slice_head(*in, c->left < in->len ? (size_t)c->left : in->len);
            buf_add(out, part);
            if (out->failed)
                return PARSE_BAD;
            *in = slice_from(*in, part.len);
            c->left -= part.len;
            if (c->left == 0)
                c->state = CHUNKED_BYTES_CR;
            continue;
        }
        if (!on_byte(c, in->ptr[0]))
            return PARSE_BAD;
        *in = slice_from(*in, 1);
    }
    return PARSE_OK;
}
