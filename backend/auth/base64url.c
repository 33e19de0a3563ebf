/* base64url - strict both ways: no padding, no other alphabet, unused bits zero. */

#include "auth/base64url.h"

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

/* Of each byte of the alphabet one more than its six bits; 0 for all others. */
static const unsigned char places[256] = {
    ['A'] = 1,  ['B'] = 2,  ['C'] = 3,  ['D'] = 4,  ['E'] = 5,  ['F'] = 6,  ['G'] = 7,  ['H'] = 8,
    ['I'] = 9,  ['J'] = 10, ['K'] = 11, ['L'] = 12, ['M'] = 13, ['N'] = 14, ['O'] = 15, ['P'] = 16,
    ['Q'] = 17, ['R'] = 18, ['S'] = 19, ['T'] = 20, ['U'] = 21, ['V'] = 22, ['W'] = 23, ['X'] = 24,
    ['Y'] = 25, ['Z'] = 26, ['a'] = 27, ['b'] = 28, ['c'] = 29, ['d'] = 30, ['e'] = 31, ['f'] = 32,
    ['g'] = 33, ['h'] = 34, ['i'] = 35, ['j'] = 36, ['k'] = 37, ['l'] = 38, ['m'] = 39, ['n'] = 40,
    ['o'] = 41, ['p'] = 42, ['q'] = 43, ['r'] = 44, ['s'] = 45, ['t'] = 46, ['u'] = 47, ['v'] = 48,
    ['w'] = 49, ['x'] = 50, ['y'] = 51, ['z'] = 52, ['0'] = 53, ['1'] = 54, ['2'] = 55, ['3'] = 56,
    ['4'] = 57, ['5'] = 58, ['6'] = 59, ['7'] = 60, ['8'] = 61, ['9'] = 62, ['-'] = 63, ['_'] = 64};

/* Bit 6 is set where the byte is none of the alphabet. */
static unsigned
value_of(unsigned char byte)
{
    return (places[byte] - 1u) & 127;
}

enum parse
base64url_decode(struct arena *arena, struct slice text, struct slice *ret_bytes)
{
    const unsigned char *in = (const unsigned char *)text.ptr;
    size_t n = 0, at = 0, whole = text.len / 4 * 4;
    if (text.len % 4 == 1)
        return PARSE_BAD;
    unsigned char *out = arena_alloc(arena, text.len / 4 * 3 + 4);
    if (out == NULL)
        return PARSE_BAD;
    unsigned seen = 0; /* bit 6 of it: a byte was none of the alphabet */
    for (; at < whole; at += 4) {
        unsigned a = value_of(in[at]), b = value_of(in[at + 1]), c = value_of(in[at + 2]),
                 d = value_of(in[at + 3]), all = a << 18 | b << 12 | c << 6 | d;
        seen |= a | b | c | d;
        out[n++] = (unsigned char)(all >> 16);
        out[n++] = (unsigned char)(all >> 8);
        out[n++] = (unsigned char)all;
    }
    unsigned held = 0, bits = 0;
    for (; at < text.len; at++, bits += 6) {
        seen |= value_of(in[at]);
        held = held << 6 | value_of(in[at]);
    }
    for (; bits >= 8; bits -= 8)
        out[n++] = (unsigned char)(held >> (bits - 8));
    if (seen & 64 || held & ((1u << bits) - 1))
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
