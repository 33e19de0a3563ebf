/* text - UTF-8, control and format characters.
 *
 * Well-formedness is decided by base/slice.h; here code points are cut out of what is known to be
 * well-formed. \p{Cc} is fixed for ever (U+0000 to U+001F, U+007F to U+009F); \p{Cf} grows with
 * Unicode and is ICU's. */

#include "topic/text.h"

#include "base/json_string.h"
#include "topic/unicode.h"

#include <string.h>

static bool
is_ascii_text(struct slice s)
{
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c < 0x20 || c > 0x7E)
            return false;
    }
    return true;
}

/* The code point at *at, which moves behind it. `s` is well-formed. */
static uint32_t
next_point(struct slice s, size_t *at)
{
    const unsigned char *p = (const unsigned char *)s.ptr + *at;
    if (p[0] < 0x80) {
        *at += 1;
        return p[0];
    }
    if (p[0] < 0xE0) {
        *at += 2;
        return (p[0] & 0x1Fu) << 6 | (p[1] & 0x3Fu);
    }
    if (p[0] < 0xF0) {
        *at += 3;
        return (p[0] & 0x0Fu) << 12 | (p[1] & 0x3Fu) << 6 | (p[2] & 0x3Fu);
    }
    *at += 4;
    return (p[0] & 0x07u) << 18 | (p[1] & 0x3Fu) << 12 | (p[2] & 0x3Fu) << 6 | (p[3] & 0x3Fu);
}

enum text_fault
text_judge(struct slice s)
{
    if (is_ascii_text(s))
        return TEXT_OK;
    if (!slice_is_utf8(s))
        return TEXT_NOT_UTF8;
    for (size_t i = 0; i < s.len;) {
        uint32_t point = next_point(s, &i);
        if (point < 0x20 || (point >= 0x7F && point <= 0x9F))
            return TEXT_CONTROL;
        if (point < 0xAD)
            continue;
        const struct unicode *u = unicode();
        if (u == NULL)
            return TEXT_UNKNOWN;
        if (u->u_charType((UChar32)point) == U_FORMAT_CHAR)
            return TEXT_FORMAT;
    }
    return TEXT_OK;
}

/* The length of the sequence at p if it is well-formed, otherwise minus that of its maximal subpart
 * (Unicode, table 3-7). left > 0. */
static int
sequence(const unsigned char *p, size_t left)
{
    if (p[0] < 0x80)
        return 1;
    if (p[0] < 0xC2 || p[0] > 0xF4)
        return -1;
    int len = p[0] < 0xE0 ? 2 : p[0] < 0xF0 ? 3 : 4;
    unsigned char low = p[0] == 0xE0 ? 0xA0 : p[0] == 0xF0 ? 0x90 : 0x80;
    unsigned char high = p[0] == 0xED ? 0x9F : p[0] == 0xF4 ? 0x8F : 0xBF;
    for (int i = 1; i < len; i++) {
        if ((size_t)i == left || p[i] < low || p[i] > high)
            return -i;
        low = 0x80;
        high = 0xBF;
    }
    return len;
}

bool
text_scalars(struct arena *arena, struct slice s, struct slice *ret)
{
    static const char replacement[] = "\xEF\xBF\xBD";
    if (slice_is_utf8(s)) {
        *ret = s;
        return true;
    }
    char *out = arena_alloc(arena, s.len * 3);
    if (out == NULL)
        return false;
    size_t n = 0;
    for (size_t i = 0; i < s.len;) {
        int len = sequence((const unsigned char *)s.ptr + i, s.len - i);
        const char *from = len > 0 ? s.ptr + i : replacement;
        size_t count = len > 0 ? (size_t)len : 3;
        memcpy(out + n, from, count);
        n += count;
        i += (size_t)(len > 0 ? len : -len);
    }
    *ret = SLICE_OF(out, n);
    return true;
}

void
text_write_json(struct buf *out, struct slice s)
{
    struct arena arena;
    struct slice scalars;
    arena_init(&arena, 3 * s.len + 4096);
    if (text_scalars(&arena, s, &scalars))
        json_string_write(out, scalars);
    else
        out->failed = true;
    arena_fini(&arena);
}

size_t
text_from_latin1(struct slice s, char *ret)
{
    size_t n = 0;
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (c >= 0x80)
            ret[n++] = (char)(0xC0 | c >> 6);
        ret[n++] = (char)(c < 0x80 ? c : 0x80 | (c & 0x3F));
    }
    return n;
}
