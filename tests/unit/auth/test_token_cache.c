/* Remembered tokens: the same grant again, nothing past exp, nothing for another key. */

#include "auth/token_cache.h"

#include "auth/base64url.h"
#include "base/hash.h"
#include "unit/guard.h"

#include <openssl/hmac.h>

#define SECRET "0123456789abcdef0123456789abcdef"

static struct slice
make_token(struct slice claims)
{
    static char made[1000];
    unsigned char mac[32];
    unsigned len = sizeof mac;
    size_t n = base64url_encode(SLICE("{\"alg\":\"HS256\"}"), made);
    made[n++] = '.';
    n += base64url_encode(claims, made + n);
    HMAC(EVP_sha256(), SECRET, sizeof SECRET - 1, (unsigned char *)made, n, mac, &len);
    made[n++] = '.';
    n += base64url_encode(SLICE_OF((char *)mac, len), made + n);
    return SLICE_OF(made, n);
}

START_TEST(a_token_seen_before_gives_the_same_grant_until_it_expires)
{
    for (size_t slots = 0; slots < 3; slots++) {
        struct token_cache *cache = token_cache_new(slots);
        struct key *key = key_new_hmac("HS256", SLICE(SECRET), NULL);
        struct key *other = key_new_hmac("HS256", SLICE("another-key-another-key-another!"), NULL);
        struct slice token = make_token(SLICE("{\"exp\":100,\"mercure\":{\"publish\":[\"*\"]}}"));
        struct grant *first = NULL, *again = NULL;
        ck_assert_int_eq(token_cache_verify_0x(cache, key, token, 99000, &first), TOKEN_OK);
        ck_assert_int_eq(token_cache_verify_0x(cache, key, token, 99999, &again), TOKEN_OK);
        ck_assert_int_eq(first == again, slots > 0);
        ck_assert(again->publish_all);
        grant_unref(&first);
        grant_unref(&again);
        ck_assert_int_eq(token_cache_verify_0x(cache, key, token, 100000, &first), TOKEN_EXPIRED);
        ck_assert_int_eq(token_cache_verify_0x(cache, other, token, 99000, &first),
                         TOKEN_BAD_SIGNATURE);
        ck_assert_int_eq(
            token_cache_verify_0x(cache, key, slice_head(token, token.len - 1), 99000, &first),
            TOKEN_MALFORMED);
        token_cache_free(&cache);
        key_free(&key);
        key_free(&other);
    }
}
END_TEST

UNIT_MAIN("auth/token_cache", a_token_seen_before_gives_the_same_grant_until_it_expires)
