/* slice - comparing and cutting borrowed bytes. Nothing here allocates. */

#include "base/slice.h"

#include "base/ascii.h"

#include <string.h>
#include <strings.h>

struct slice
slice_of(const char *cstr)
{
    return SLICE_OF(cstr, cstr ? strlen(cstr) : 0);
}

bool
slice_eq(struct slice a, struct slice b)
{
    return a.len == b.len && (a.len == 0 || memcmp(a.ptr, b.ptr, a.len) == 0);
}

bool
slice_eq_nocase(struct slice a, struct slice b)
{
    if (slice_eq(a, b)) /* as most peers spell it */
        return true;
    if (a.len != b.len)
        return false;
    for (size_t i = 0; i < a.len; i++)
        if (ascii_lower(a.ptr[i]) != ascii_lower(b.ptr[i]))
            return false;
    return true;
}

int
slice_cmp(struct slice a, struct slice b)
{
    size_t n = a.len < b.len ? a.len : b.len;
    int order = n ? memcmp(a.ptr, b.ptr, n) : 0;
    if (order)
        return order;
    return a.len < b.len ? -1 : a.len > b.len;
}

bool
slice_starts(struct slice s, struct slice prefix)
{
    return s.len >= prefix.len && slice_eq(slice_head(s, prefix.len), prefix);
}

bool
slice_ends(struct slice s, struct slice suffix)
{
    return s.len >= suffix.len && slice_eq(slice_from(s, s.len - suffix.len), suffix);
}

struct slice
slice_from(struct slice s, size_t at)
{
    if (at >= s.len)
        return SLICE_OF(s.ptr ? s.ptr + s.len : NULL, 0);
    return SLICE_OF(s.ptr + at, s.len - at);
}

struct slice
slice_head(struct slice s, size_t len)
{
    return SLICE_OF(s.ptr, len < s.len ? len : s.len);
}

static bool
is_blank(char c)
{
    return c == ' ' || c == '\t';
}

struct slice
slice_trim(struct slice s)
{
    while (s.len && is_blank(s.ptr[0]))
        s = slice_from(s, 1);
    while (s.len && is_blank(s.ptr[s.len - 1]))
        s.len--;
    return s;
}

size_t
slice_index(struct slice s, char byte)
{
    const char *p = s.len ? memchr(s.ptr, byte, s.len) : NULL;
    return p ? (size_t)(p - s.ptr) : s.len;
}

/* Eight bytes at a time: every byte of `x` that is 0 becomes 0x80, all others 0. */
static uint64_t
zero_bytes(uint64_t x)
{
    const uint64_t low = UINT64_C(0x7F7F7F7F7F7F7F7F);
    return ~(((x & low) + low) | x | low);
}

static uint64_t
eight_of(char byte)
{
    return UINT64_C(0x0101010101010101) * (unsigned char)byte;
}

static uint64_t
load_eight(const char *p)
{
    uint64_t x;
    memcpy(&x, p, sizeof x);
    return x;
}

size_t
slice_count(struct slice s, char byte)
{
    size_t count = 0, i = 0;
    for (; s.len - i >= 8; i += 8)
        count +=
            (size_t)((zero_bytes(load_eight(s.ptr + i) ^ eight_of(byte)) >> 7) * eight_of(1) >> 56);
    for (; i < s.len; i++)
        count += s.ptr[i] == byte;
    return count;
}

size_t
slice_index_unquoted(struct slice s, char byte)
{
    bool quoted = false;
    for (size_t i = 0; i < s.len; i++) {
        if (quoted && s.ptr[i] == '\\')
            i++;
        else if (s.ptr[i] == '"')
            quoted = !quoted;
        else if (!quoted && s.ptr[i] == byte)
            return i;
    }
    return s.len;
}

size_t
slice_index_control(struct slice s)
{
    size_t i = 0;
    for (; s.len - i >= 8; i += 8) {
        uint64_t x = load_eight(s.ptr + i);
        if (zero_bytes(x & eight_of((char)0xE0)) | zero_bytes(x ^ eight_of(0x7F)))
            break;
    }
    while (i < s.len && (unsigned char)s.ptr[i] >= 0x20 && s.ptr[i] != 0x7F)
        i++;
    return i;
}

size_t
slice_find(struct slice s, struct slice needle)
{
    if (needle.len == 0)
        return 0;
    const char *p = s.len ? memmem(s.ptr, s.len, needle.ptr, needle.len) : NULL;
    return p ? (size_t)(p - s.ptr) : s.len;
}

bool
slice_cut(struct slice *rest, char sep, struct slice *ret_part)
{
    if (rest->ptr == NULL || rest->len == (size_t)-1)
        return false;
    if (rest->len == 0) {
        *rest = SLICE_OF(NULL, 0);
        return false;
    }
    size_t at = slice_index(*rest, sep);
    *ret_part = slice_head(*rest, at);
    *rest = at < rest->len ? slice_from(*rest, at + 1) : SLICE_OF(NULL, 0);
    return true;
}

bool
slice_u64(struct slice s, uint64_t max, uint64_t *ret_value)
{
    uint64_t value = 0;
    if (s.len == 0)
        return false;
    for (size_t i = 0; i < s.len; i++) {
        unsigned digit = (unsigned char)s.ptr[i] - (unsigned)'0';
        if (digit > 9 || value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
        if (value > max)
            return false;
    }
    *ret_value = value;
    return true;
}

struct slice
slice_of_number(char scratch[SLICE_DIGITS], uint64_t number, unsigned base)
{
    char *at = scratch + SLICE_DIGITS;
    do {
        *--at = "0123456789abcdef"[number % base];
        number /= base;
    } while (number);
    return SLICE_OF(at, (size_t)(scratch + SLICE_DIGITS - at));
}

bool
slice_is_utf8(struct slice s)
{
    const unsigned char *p = (const unsigned char *)s.ptr;
    size_t i = 0;
    while (i < s.len) {
        uint64_t eight;
        if (s.len - i >= sizeof eight) {
            memcpy(&eight, p + i, sizeof eight);
            if ((eight & UINT64_C(0x8080808080808080)) == 0) {
                i += sizeof eight;
                continue;
            }
        }
        unsigned char c = p[i];
        if (c < 0x80) {
            i++;
            continue;
        }
        size_t more = c >= 0xF0 ? 3 : c >= 0xE0 ? 2 : 1;
        if (c < 0xC2 || c > 0xF4 || s.len - i <= more)
            return false;
        unsigned char lo = 0x80, hi = 0xBF; /* Unicode table 3-7: the second byte's range */
        if (c == 0xE0)
            lo = 0xA0;
        else if (c == 0xED)
            hi = 0x9F;
        else if (c == 0xF0)
            lo = 0x90;
        else if (c == 0xF4)
            hi = 0x8F;
        if (p[i + 1] < lo || p[i + 1] > hi)
            return false;
        for (size_t k = 2; k <= more; k++)
            if ((p[i + k] & 0xC0) != 0x80)
                return false;
        i += more + 1;
    }
    return true;
}

struct slice
slice_head_utf8(struct slice s, size_t len)
{
    s = slice_head(s, len);
    size_t at = s.len, more = 0; /* bytes behind the last that begins a character */
    while (at && more < 3 && (s.ptr[at - 1] & 0xC0) == 0x80) {
        at--;
        more++;
    }
    unsigned char first = at ? (unsigned char)s.ptr[at - 1] : 0;
    size_t needed = first >= 0xF0 ? 3 : first >= 0xE0 ? 2 : first >= 0xC0 ? 1 : 0;
    return needed > more ? slice_head(s, at - 1) : s;
}
