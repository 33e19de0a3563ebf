/* crc - the sum over a stretch of bytes, in steps that the library can count. */

#include "transport/disk/crc.h"

#include <isa-l/crc.h>

enum {
    STEP = 1 << 30, /* it counts in int */
};

uint32_t
crc_add(uint32_t begin, struct slice s)
{
    uint32_t crc = begin;
    while (s.len) {
        size_t step = s.len < STEP ? s.len : STEP;
        crc = crc32_iscsi((unsigned char *)s.ptr, (int)step, crc);
        s = slice_from(s, step);
    }
    return crc;
}
