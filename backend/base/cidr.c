/* cidr - text to bits, and nothing of sockets: a range is a prefix, an address a whole one. */

#include "base/cidr.h"

#include <arpa/inet.h>
#include <string.h>

enum {
    MAX_TEXT = 48,
    V4_BITS = 96, /* in front of an IPv4 address */
};

static bool
read_address(struct slice text, unsigned char ret[16], bool *ret_is_v4)
{
    static const unsigned char mapped[12] = {[10] = 0xff, [11] = 0xff};
    char copy[MAX_TEXT];
    struct in_addr v4;
    if (text.len == 0 || text.len >= sizeof copy || memchr(text.ptr, 0, text.len))
        return false;
    memcpy(copy, text.ptr, text.len);
    copy[text.len] = 0;
    *ret_is_v4 = inet_pton(AF_INET, copy, &v4) == 1;
    if (!*ret_is_v4)
        return inet_pton(AF_INET6, copy, ret) == 1;
    memcpy(ret, mapped, sizeof mapped);
    memcpy(ret + sizeof mapped, &v4, 4);
    return true;
}

bool
cidr_read_address(struct slice text, unsigned char ret[16])
{
    unsigned char address[16];
    bool is_v4;
    if (!read_address(text, address, &is_v4))
        return false;
    memcpy(ret, address, sizeof address);
    return true;
}

static bool
bit(const unsigned char *address, unsigned i)
{
    return address[i / 8] >> (7 - i % 8) & 1;
}

bool
cidr_read(struct slice text, struct cidr *ret)
{
    struct cidr c;
    bool is_v4;
    uint64_t bits;
    size_t slash = slice_index(text, '/');
    if (!read_address(slice_head(text, slash), c.address, &is_v4))
        return false;
    unsigned before = is_v4 ? V4_BITS : 0;
    bits = 128 - before;
    if (slash < text.len && !slice_u64(slice_from(text, slash + 1), 128 - before, &bits))
        return false;
    c.bits = before + (unsigned)bits;
    for (unsigned i = c.bits; i < 128; i++)
        if (bit(c.address, i))
            return false;
    *ret = c;
    return true;
}

bool
cidr_has(const struct cidr *c, const unsigned char address[16])
{
    if (memcmp(c->address, address, c->bits / 8) != 0)
        return false;
    for (unsigned i = c->bits / 8 * 8; i < c->bits; i++)
        if (bit(c->address, i) != bit(address, i))
            return false;
    return true;
}
