/* verify - how many tokens a core judges in a second: cold (parsed, verified, rights found) and
 * cached, for the algorithms that hubs meet. One line of JSON on stdout. Built by tokens.py against
 * the release library. */

#include "auth/token_cache.h"
#include "base/hash.h"
#include "cli/token_sign.h"

#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define AUDIENCE "https://hub.example/.well-known/mercure"
#define DETAIL                                                                                     \
    "{\"type\":\"https://mercure.rocks/authorization-detail\",\"actions\":[\"subscribe\"],"        \
    "\"topics\":[{\"match\":\"https://example.com/books/1\"},{\"match\":\"https://example.com/"    \
    "2\"}"                                                                                         \
    "],\"payload\":{\"user\":\"https://example.com/users/1\"}}"

static const char *const claims[] = {
    "{\"exp\":9e9,\"mercure\":{\"subscribe\":[\"https://example.com/books/1\","
    "\"https://example.com/2\"],\"payload\":{\"user\":\"https://example.com/users/1\"}}}",
    "{\"iss\":\"i\",\"aud\":\"" AUDIENCE "\",\"exp\":9e9,\"sub\":\"a\",\"client_id\":\"b\","
    "\"iat\":1,\"jti\":\"c\",\"authorization_details\":[" DETAIL "]}"};

static double
cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static char *
write_pem(EVP_PKEY *pair, int is_private)
{
    char *at, *made;
    BIO *out = BIO_new(BIO_s_mem());
    if (is_private)
        PEM_write_bio_PrivateKey(out, pair, NULL, NULL, 0, NULL, NULL);
    else
        PEM_write_bio_PUBKEY(out, pair);
    long len = BIO_get_mem_data(out, &at);
    made = calloc(1, (size_t)len + 1);
    memcpy(made, at, (size_t)len);
    BIO_free(out);
    return made;
}

static double
measure(struct token_cache *cache, const struct authority *a, struct slice token, double seconds)
{
    struct slice audience = SLICE(AUDIENCE);
    struct grant *g, *held = NULL;
    struct token_refusal refusal;
    size_t done = 0;
    double begin = cpu_seconds(), now = begin;
    for (; now - begin < seconds; now = cpu_seconds()) {
        for (int i = 0; i < 100; i++, done++) {
            if (token_cache_verify(cache, a, ROLE_SUBSCRIBE, token, audience, audience,
                                   1700000000000, &g, &refusal) != TOKEN_OK)
                abort();
            if (held == NULL)
                held = grant_ref(g); /* as a stream does */
            grant_unref(&g);
        }
    }
    grant_unref(&held);
    return (double)done / (now - begin);
}

int
main(int argc, char **argv)
{
    static const char *const names[] = {"HS256", "RS256", "ES256", "EdDSA", "PS256", "ES384"};
    static const struct authority_limits limits = {.rights = {1000, 100}};
    double seconds = argc > 1 ? atof(argv[1]) : 0.5;
    hash_seed();
    printf("{");
    for (size_t i = 0; i < COUNT_OF(names); i++) {
        const struct algorithm *alg = algorithm_find(slice_of(names[i]));
        EVP_PKEY *pair = alg->kind == KEY_RSA      ? EVP_RSA_gen(2048)
                         : alg->kind == KEY_P256   ? EVP_EC_gen("P-256")
                         : alg->kind == KEY_P384   ? EVP_EC_gen("P-384")
                         : alg->kind == KEY_SECRET ? NULL
                                                   : EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
        char *private = pair ? write_pem(pair, 1) : "0123456789abcdef0123456789abcdef";
        char *public = pair ? write_pem(pair, 0) : private;
        struct error err;
        struct authority *a = authority_new(&limits);
        if (!authority_add_key(a, NULL, ROLE_SUBSCRIBE, slice_of(public), slice_of(names[i]),
                               KEY_MUST_NAME, NULL, &err) ||
            !authority_add_key(a, "i", ROLE_SUBSCRIBE, slice_of(public), slice_of(names[i]),
                               KEY_MUST_NAME, NULL, &err))
            return 1;
        printf("%s\"%s\": {", i ? ", " : "", names[i]);
        for (int dialect = 0; dialect < 2; dialect++) {
            struct buf token;
            buf_init(&token, 65536);
            if (!token_sign(alg, slice_of(private), dialect ? "at+jwt" : "JWT", claims[dialect],
                            &token, &err))
                return 1;
            struct token_cache *none = token_cache_new(0), *some = token_cache_new(1024);
            printf("%s\"%s\": {\"cold_per_s\": %.0f, \"cached_per_s\": %.0f}", dialect ? ", " : "",
                   dialect ? "1.0" : "0.x", measure(none, a, buf_slice(&token), seconds),
                   measure(some, a, buf_slice(&token), seconds));
            token_cache_free(&none);
            token_cache_free(&some);
            buf_fini(&token);
        }
        printf("}");
        authority_free(&a);
        EVP_PKEY_free(pair);
    }
    puts("}");
    return 0;
}
