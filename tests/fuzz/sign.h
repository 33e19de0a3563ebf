#ifndef FUZZ_SIGN_H
#define FUZZ_SIGN_H

/* The CRC that a record of the history has to have: without it no changed byte would get any
 * further than the CRC. */

#include "base/le.h"
#include "transport/log/record.h"

/* Of `length` bytes, at least 8; they are left alone where the length in them is another. */
static inline void
sign_record(char *at, size_t length, uint32_t salt)
{
    uint32_t crc = log_record_crc(salt, SLICE_OF(at, 4));
    if (le32_get(at) == length)
        le32_put(at + 4, log_record_crc(crc, SLICE_OF(at + 8, length - 8)));
}

#endif
