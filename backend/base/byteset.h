#ifndef BASE_BYTESET_H
#define BASE_BYTESET_H

/* A set of ASCII bytes, one bit each. The standard's sets hold everything beyond ASCII too, so a
 * byte from 0x80 on is in every set. A set is written as the union of its members:
 *
 *     static const struct byteset marks = {BYTESET_LOW('!') | BYTESET_LOW('?'), BYTESET_HIGH('_')};
 */

#include <stdbool.h>
#include <stdint.h>

struct byteset {
    uint64_t low, high; /* bytes up to 63, bytes from 64 on */
};

#define BYTESET_LOW(c)  (UINT64_C(1) << (c))
#define BYTESET_HIGH(c) (UINT64_C(1) << ((c)-64))
#define BYTESET_C0      UINT64_C(0xFFFFFFFF)
#define BYTESET_DIGITS  (UINT64_C(0x3FF) << '0')                          /* low */
#define BYTESET_LETTERS (UINT64_C(0x7FFFFFE) | UINT64_C(0x7FFFFFE) << 32) /* high; both cases */

static inline bool
byteset_has(const struct byteset *set, unsigned char c)
{
    return c >= 0x80 || ((c < 64 ? set->low >> c : set->high >> (c - 64)) & 1);
}

#endif
