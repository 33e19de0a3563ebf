/* percent - the sets of bytes that the parts of a URL encode, and the two directions. */

#include "topic/percent.h"

#include "base/ascii.h"

#include <string.h>

#define LOW  BYTESET_LOW
#define HIGH BYTESET_HIGH

#define C0_HIGH   HIGH(0x7F)
#define QUERY_LOW (BYTESET_C0 | LOW(' ') | LOW('"') | LOW('#') | LOW('<') | LOW('>'))
#define PATH_LOW  (QUERY_LOW | LOW('?'))
#define PATH_HIGH (C0_HIGH | HIGH('^') | HIGH('`') | HIGH('{') | HIGH('}'))

const struct byteset PERCENT_C0 = {BYTESET_C0, C0_HIGH};
const struct byteset PERCENT_FRAGMENT = {BYTESET_C0 | LOW(' ') | LOW('"') | LOW('<') | LOW('>'),
                                         C0_HIGH | HIGH('`')};
const struct byteset PERCENT_QUERY = {QUERY_LOW, C0_HIGH};
const struct byteset PERCENT_SPECIAL_QUERY = {QUERY_LOW | LOW('\''), C0_HIGH};
const struct byteset PERCENT_PATH = {PATH_LOW, PATH_HIGH};
const struct byteset PERCENT_USERINFO = {
    PATH_LOW | LOW('/') | LOW(':') | LOW(';') | LOW('='),
    PATH_HIGH | HIGH('@') | HIGH('[') | HIGH('\\') | HIGH(']') | HIGH('|'),
};
const struct byteset PERCENT_SEGMENT = {
    ~(BYTESET_DIGITS | LOW('-') | LOW('.')),
    ~(BYTESET_LETTERS | HIGH('_') | HIGH('~')),
};

char *
percent_encode(char *out, struct slice in, const struct byteset *set)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < in.len; i++) {
        unsigned char c = (unsigned char)in.ptr[i];
        if (!byteset_has(set, c)) {
            *out++ = (char)c;
            continue;
        }
        *out++ = '%';
        *out++ = digits[c >> 4];
        *out++ = digits[c & 15];
    }
    return out;
}

/* From in[first] on, to out[first]; `out` may be in.ptr: what is written was read. */
static struct slice
decode_from(size_t first, struct slice in, char *out, bool plus_is_blank)
{
    size_t n = first;
    for (size_t i = first; i < in.len; i++) {
        char c = in.ptr[i];
        if (c == '+' && plus_is_blank) {
            c = ' ';
        } else if (c == '%' && in.len - i > 2 && ascii_hex(in.ptr[i + 1]) >= 0 &&
                   ascii_hex(in.ptr[i + 2]) >= 0) {
            c = (char)(ascii_hex(in.ptr[i + 1]) << 4 | ascii_hex(in.ptr[i + 2]));
            i += 2;
        }
        out[n++] = c;
    }
    return SLICE_OF(out, n);
}

bool
percent_decode(struct arena *arena, struct slice in, struct slice *ret)
{
    size_t first = slice_index(in, '%');
    if (first == in.len) {
        *ret = in;
        return true;
    }
    char *out = arena_alloc(arena, in.len);
    if (out == NULL)
        return false;
    memcpy(out, in.ptr, first);
    *ret = decode_from(first, in, out, false);
    return true;
}

struct slice
percent_decode_in_place(struct slice in, bool plus_is_blank)
{
    size_t first = slice_index(in, '%');
    size_t plus = plus_is_blank ? slice_index(slice_head(in, first), '+') : first;
    if (plus < first)
        first = plus;
    return first == in.len ? in : decode_from(first, in, (char *)in.ptr, plus_is_blank);
}
