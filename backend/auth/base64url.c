/* base64url - strict both ways: no padding, no other alphabet, unused bits zero. */

#include "auth/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int
value_of(char c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '-' ? 62 : c == '_' ? 63 : -1;
}

enum parse
base64url_decode(struct arena *arena, struct slice text, struct slice *ret_bytes)
{
    if (text.len % 4 == 1)
        return PARSE_BAD;
    unsigned char *out = arena_alloc(arena, text.len / 4 * 3 + 4);
    if (out == NULL)
        return PARSE_BAD;
    size_t n = 0;
    unsigned bits = 0;
    uint32_t held = 0;
    for (size_t i = 0; i < text.len; i++) {
        int v = value_of(text.ptr[i]);
        if (v < 0)
            return PARSE_BAD;
        held = held << 6 | (uint32_t)v;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[n++] = (unsigned char)(held >> bits);
        }
    }
    if (held & ((1u << bits) - 1))
        return PARSE_BAD;
    *ret_bytes = SLICE_OF((char *)out, n);
    return PARSE_OK;
}

size_t
base64url_encode(struct slice bytes, char *out)
{
    size_t n = 0;
    unsigned bits = 0;
    uint32_t held = 0;
    for (size_t i = 0; i < bytes.len; i++) {
        held = held << 8 | (unsigned char)bytes.ptr[i];
        bits += 8;
        while (bits >= 6) {
            bits -= 6;
            out[n++] = alphabet[held >> bits & 63];
        }
    }
    if (bits)
        out[n++] = alphabet[held << (6 - bits) & 63];
    return n;
}
