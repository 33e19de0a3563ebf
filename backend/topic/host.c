/* host - domains, IPv4 and IPv6 addresses, opaque hosts.
 *
 * What a reader gets wrong: IPv4 is recognised by the last label of a domain alone. `a.1` is no
 * domain but a bad address, and `0x7f.1` is 127.0.0.1. */

#include "topic/host.h"

#include "base/ascii.h"
#include "base/byteset.h"
#include "topic/domain.h"
#include "topic/percent.h"

#include <stdio.h>
#include <string.h>

enum {
    PIECES = 8
};

/* Section 3.2, "forbidden host code point". */
static const struct byteset forbidden = {
    BYTESET_LOW(0) | BYTESET_LOW('\t') | BYTESET_LOW('\n') | BYTESET_LOW('\r') | BYTESET_LOW(' ') |
        BYTESET_LOW('#') | BYTESET_LOW('/') | BYTESET_LOW(':') | BYTESET_LOW('<') |
        BYTESET_LOW('>') | BYTESET_LOW('?'),
    BYTESET_HIGH('@') | BYTESET_HIGH('[') | BYTESET_HIGH('\\') | BYTESET_HIGH(']') |
        BYTESET_HIGH('^') | BYTESET_HIGH('|'),
};

/* The IPv4 number parser. Values beyond 32 bits all become 2^32, which no address may hold. */
static bool
read_ipv4_number(struct slice s, uint64_t *ret)
{
    unsigned radix = 10;
    uint64_t value = 0;
    if (s.len == 0)
        return false;
    if (s.len >= 2 && s.ptr[0] == '0') {
        bool is_hex = (s.ptr[1] | 0x20) == 'x';
        radix = is_hex ? 16 : 8;
        s = slice_from(s, is_hex ? 2 : 1);
    }
    for (size_t i = 0; i < s.len; i++) {
        int digit = ascii_hex(s.ptr[i]);
        if (digit < 0 || (unsigned)digit >= radix)
            return false;
        value = value * radix + (unsigned)digit;
        if (value > UINT32_MAX)
            value = (uint64_t)UINT32_MAX + 1;
    }
    *ret = value;
    return true;
}

/* Without one dot at the end, which is an empty last label. */
static struct slice
without_last_dot(struct slice s)
{
    if (s.len && s.ptr[s.len - 1] == '.')
        s.len--;
    return s;
}

static bool
ends_in_number(struct slice domain)
{
    uint64_t value;
    struct slice last = without_last_dot(domain);
    size_t at = last.len;
    while (at && last.ptr[at - 1] != '.')
        at--;
    last = slice_from(last, at);
    if (last.len == 0 || !ascii_is_digit(last.ptr[0]))
        return false;
    size_t digits = 0;
    while (digits < last.len && ascii_is_digit(last.ptr[digits]))
        digits++;
    return digits == last.len || read_ipv4_number(last, &value);
}

static bool
parse_ipv4(struct arena *arena, struct slice domain, struct slice *ret)
{
    uint64_t numbers[4];
    size_t count = 0;
    struct slice rest = without_last_dot(domain);
    for (bool more = true; more; count++) {
        size_t dot = slice_index(rest, '.');
        if (count == COUNT_OF(numbers) || !read_ipv4_number(slice_head(rest, dot), &numbers[count]))
            return false;
        more = dot < rest.len;
        rest = slice_from(rest, dot + 1);
    }
    uint64_t address = numbers[count - 1];
    if (address >= UINT64_C(1) << 8 * (5 - count))
        return false;
    for (size_t i = 0; i + 1 < count; i++) {
        if (numbers[i] > 255)
            return false;
        address += numbers[i] << 8 * (3 - i);
    }
    char *out = arena_alloc(arena, sizeof "255.255.255.255");
    if (out == NULL)
        return false;
    int len = snprintf(out, sizeof "255.255.255.255", "%u.%u.%u.%u", (unsigned)(address >> 24),
                       (unsigned)(address >> 16 & 255), (unsigned)(address >> 8 & 255),
                       (unsigned)(address & 255));
    *ret = SLICE_OF(out, (size_t)len);
    return true;
}

/* The dotted end of an IPv6 address: exactly four decimal numbers, no leading zero. */
static bool
read_ipv4_in_ipv6(struct slice s, uint16_t pieces[static 2])
{
    size_t at = 0;
    for (int n = 0; n < 4; n++) {
        unsigned value = 0;
        if (n > 0 && (at == s.len || s.ptr[at++] != '.'))
            return false;
        size_t begin = at;
        for (; at < s.len && ascii_is_digit(s.ptr[at]); at++) {
            if (at > begin && value == 0)
                return false;
            value = value * 10 + (unsigned)(s.ptr[at] - '0');
            if (value > 255)
                return false;
        }
        if (at == begin)
            return false;
        pieces[n / 2] = (uint16_t)(n % 2 ? pieces[n / 2] << 8 | value : value);
    }
    return at == s.len;
}

/* Moves what was read behind `::` to the end. */
static void
expand(uint16_t pieces[static PIECES], size_t compress, size_t count)
{
    size_t behind = count - compress;
    memmove(pieces + PIECES - behind, pieces + compress, behind * sizeof *pieces);
    memset(pieces + compress, 0, (PIECES - count) * sizeof *pieces);
}

static bool
read_ipv6(struct slice s, uint16_t pieces[static PIECES])
{
    size_t at = 0, count = 0, compress = SIZE_MAX;
    if (slice_starts(s, SLICE(":"))) {
        if (!slice_starts(s, SLICE("::")))
            return false;
        at = 2;
        /* The standard counts a piece for it, which it leaves 0. */
        pieces[count++] = 0;
        compress = count;
    }
    while (at < s.len) {
        if (count == PIECES)
            return false;
        if (s.ptr[at] == ':') {
            if (compress != SIZE_MAX)
                return false;
            at++;
            pieces[count++] = 0;
            compress = count;
            continue;
        }
        unsigned value = 0;
        size_t begin = at;
        while (at < s.len && at - begin < 4 && ascii_hex(s.ptr[at]) >= 0)
            value = value << 4 | (unsigned)ascii_hex(s.ptr[at++]);
        if (at < s.len && s.ptr[at] == '.') {
            if (at == begin || count > PIECES - 2 ||
                !read_ipv4_in_ipv6(slice_from(s, begin), pieces + count))
                return false;
            count += 2;
            break;
        }
        if (at < s.len && (s.ptr[at] != ':' || ++at == s.len))
            return false;
        pieces[count++] = (uint16_t)value;
    }
    if (compress == SIZE_MAX)
        return count == PIECES;
    expand(pieces, compress, count);
    return true;
}

/* The first of the longest runs of at least two zeros, as [*ret_begin, *ret_end). */
static void
longest_zeros(const uint16_t pieces[static PIECES], size_t *ret_begin, size_t *ret_end)
{
    *ret_begin = *ret_end = PIECES;
    size_t longest = 1;
    for (size_t i = 0; i < PIECES; i++) {
        size_t end = i;
        while (end < PIECES && pieces[end] == 0)
            end++;
        if (end - i > longest) {
            longest = end - i;
            *ret_begin = i;
            *ret_end = end;
        }
        if (end > i)
            i = end;
    }
}

static bool
parse_ipv6(struct arena *arena, struct slice in, struct slice *ret)
{
    enum {
        ROOM = sizeof "[0000:0000:0000:0000:0000:0000:0000:0000]"
    };
    uint16_t pieces[PIECES];
    if (!read_ipv6(in, pieces))
        return false;
    char *out = arena_alloc(arena, ROOM);
    if (out == NULL)
        return false;
    size_t begin, end, len = 0;
    longest_zeros(pieces, &begin, &end);
    out[len++] = '[';
    for (size_t i = 0; i < PIECES; i++) {
        if (i == begin) {
            out[len++] = ':';
            if (i == 0)
                out[len++] = ':';
            i = end - 1;
            continue;
        }
        len += (size_t)snprintf(out + len, ROOM - len, "%x", pieces[i]);
        if (i + 1 < PIECES)
            out[len++] = ':';
    }
    out[len++] = ']';
    *ret = SLICE_OF(out, len);
    return true;
}

static bool
parse_opaque(struct arena *arena, struct slice in, struct slice *ret)
{
    for (size_t i = 0; i < in.len; i++)
        if ((unsigned char)in.ptr[i] < 0x80 && byteset_has(&forbidden, (unsigned char)in.ptr[i]))
            return false;
    char *out = arena_alloc(arena, in.len * 3);
    if (out == NULL)
        return false;
    *ret = SLICE_OF(out, (size_t)(percent_encode(out, in, &PERCENT_C0) - out));
    return true;
}

bool
host_parse(struct arena *arena, struct slice in, bool is_opaque, struct slice *ret)
{
    struct slice domain, ascii;
    if (slice_starts(in, SLICE("[")))
        return slice_ends(in, SLICE("]")) &&
               parse_ipv6(arena, slice_head(slice_from(in, 1), in.len - 2), ret);
    if (is_opaque)
        return parse_opaque(arena, in, ret);
    /* What does not decode would become U+FFFD, and that is in no domain. */
    if (!percent_decode(arena, in, &domain) || !slice_is_utf8(domain) ||
        !domain_to_ascii(arena, domain, &ascii))
        return false;
    if (ends_in_number(ascii))
        return parse_ipv4(arena, ascii, ret);
    *ret = ascii;
    return true;
}
