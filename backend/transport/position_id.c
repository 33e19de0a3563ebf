/* position_id - the 122 bits that a UUID of version 8 leaves free: run, a check of zeros, sequence,
 * enciphered under the history's key.
 *
 * Enciphered, because a sequence tells how much is published, private updates too, to whoever opens
 * a stream; and so that what was made by another history, or up, is no position here. The cipher is
 * a Feistel network of four rounds over two halves of 61 bits, SipHash its function.
 *
 *     left    run (48 bits), zeros (13 bits)
 *     right   sequence, of which all ones stand for all that are as large, as behind damage */

#include "transport/position_id.h"

#include <stdio.h>
#include <string.h>

enum {
    ROUNDS = 4,
    RUN_BITS = 48,
    CHECK_BITS = 13,
};

static const uint64_t half = (1ull << (RUN_BITS + CHECK_BITS)) - 1;

static uint64_t
round_of(const struct hash_key *key, uint64_t number, uint64_t right)
{
    uint64_t words[2] = {number, right};
    return hash_keyed(key, SLICE_OF((const char *)words, sizeof words)) & half;
}

static void
put_be(unsigned char out[8], uint64_t value)
{
    for (int i = 0; i < 8; i++)
        out[i] = (unsigned char)(value >> (56 - 8 * i));
}

static uint64_t
get_be(const unsigned char in[8])
{
    uint64_t value = 0;
    for (int i = 0; i < 8; i++)
        value = value << 8 | in[i];
    return value;
}

bool
position_id_seal(const struct hash_key *key, struct position p,
                 unsigned char out[POSITION_ID_BYTES])
{
    uint64_t left = p.run << CHECK_BITS, right = p.sequence < half ? p.sequence : half;
    if (p.run >> RUN_BITS)
        return false;
    for (uint64_t i = 0; i < ROUNDS; i++) {
        uint64_t next = left ^ round_of(key, i, right);
        left = right;
        right = next;
    }
    /* Of the left half 48 bits, the version, 12 bits; the variant, its last bit, the right half. */
    put_be(out, left >> 13 << 16 | 8 << 12 | (left >> 1 & 0xfff));
    put_be(out + 8, 1ull << 63 | (left & 1) << 61 | right);
    return true;
}

/* Whatever is read must be sealed the same: so version, variant and check are right. */
bool
position_id_open(const struct hash_key *key, const unsigned char in[POSITION_ID_BYTES],
                 struct position *ret)
{
    unsigned char again[POSITION_ID_BYTES];
    uint64_t high = get_be(in), low = get_be(in + 8);
    uint64_t left = high >> 16 << 13 | (high & 0xfff) << 1 | (low >> 61 & 1), right = low & half;
    for (uint64_t i = ROUNDS; i-- > 0;) {
        uint64_t previous = right ^ round_of(key, i, left);
        right = left;
        left = previous;
    }
    struct position p = {left >> CHECK_BITS, right == half ? UINT64_MAX : right};
    if (!position_id_seal(key, p, again) || memcmp(in, again, sizeof again) != 0)
        return false;
    *ret = p;
    return true;
}

bool
position_id_write(const struct hash_key *key, struct position p, char out[POSITION_ID_LEN + 1])
{
    unsigned char bytes[POSITION_ID_BYTES];
    if (!position_id_seal(key, p, bytes))
        return false;
    uint64_t high = get_be(bytes), low = get_be(bytes + 8);
    snprintf(out, POSITION_ID_LEN + 1, "urn:uuid:%08llx-%04llx-%04llx-%04llx-%012llx",
             (unsigned long long)(high >> 32), (unsigned long long)(high >> 16 & 0xffff),
             (unsigned long long)(high & 0xffff), (unsigned long long)(low >> 48),
             (unsigned long long)(low & 0xffffffffffff));
    return true;
}

/* Whatever is read must be written the same: so it is spelt as we do. */
bool
position_id_read(const struct hash_key *key, struct slice id, struct position *ret)
{
    char text[POSITION_ID_LEN + 1] = "", again[POSITION_ID_LEN + 1];
    unsigned char bytes[POSITION_ID_BYTES];
    unsigned long long a, b, c, d, e;
    struct position p;
    if (id.len != POSITION_ID_LEN)
        return false;
    memcpy(text, id.ptr, id.len);
    if (sscanf(text, "urn:uuid:%8llx-%4llx-%4llx-%4llx-%12llx", &a, &b, &c, &d, &e) != 5)
        return false;
    put_be(bytes, a << 32 | b << 16 | c);
    put_be(bytes + 8, d << 48 | e);
    if (!position_id_open(key, bytes, &p) || !position_id_write(key, p, again) ||
        memcmp(text, again, sizeof again) != 0)
        return false;
    *ret = p;
    return true;
}
