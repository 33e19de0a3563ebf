/* hash - SipHash-1-3 (Aumasson and Bernstein), keyed. */

#include "base/hash.h"

#include "base/alloc.h"

#include <string.h>
#include <sys/random.h>

static struct hash_key process_key;

void
hash_key_draw(struct hash_key *key)
{
    ENSURE(getrandom(key, sizeof *key, 0) == (ssize_t)sizeof *key);
}

void
hash_seed(void)
{
    hash_key_draw(&process_key);
}

static inline uint64_t
rotl(uint64_t x, int by)
{
    return x << by | x >> (64 - by);
}

struct sip {
    uint64_t a, b, c, d;
};

static inline void
sip_round(struct sip *v)
{
    v->a += v->b;
    v->c += v->d;
    v->b = rotl(v->b, 13) ^ v->a;
    v->d = rotl(v->d, 16) ^ v->c;
    v->a = rotl(v->a, 32);
    v->c += v->b;
    v->a += v->d;
    v->b = rotl(v->b, 17) ^ v->c;
    v->d = rotl(v->d, 21) ^ v->a;
    v->c = rotl(v->c, 32);
}

uint64_t
hash_slice(struct slice s)
{
    return hash_keyed(&process_key, s);
}

uint64_t
hash_keyed(const struct hash_key *key, struct slice s)
{
    uint64_t key0 = key->words[0], key1 = key->words[1];
    struct sip v = {key0 ^ 0x736f6d6570736575u, key1 ^ 0x646f72616e646f6du,
                    key0 ^ 0x6c7967656e657261u, key1 ^ 0x7465646279746573u};
    size_t whole = s.len & ~(size_t)7;
    uint64_t word;
    for (size_t i = 0; i < whole; i += 8) {
        memcpy(&word, s.ptr + i, 8);
        v.d ^= word;
        sip_round(&v);
        v.a ^= word;
    }
    word = (uint64_t)s.len << 56;
    for (size_t i = whole; i < s.len; i++)
        word |= (uint64_t)(unsigned char)s.ptr[i] << (8 * (i - whole));
    v.d ^= word;
    sip_round(&v);
    v.a ^= word;
    v.c ^= 0xff;
    for (int i = 0; i < 3; i++)
        sip_round(&v);
    return v.a ^ v.b ^ v.c ^ v.d;
}
