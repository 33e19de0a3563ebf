#ifndef UNIT_AUTH_MINT_H
#define UNIT_AUTH_MINT_H

/* Tokens for tests: signed with OpenSSL directly, not with what is tested. */

#include "auth/authority.h"
#include "auth/base64url.h"

#include <openssl/hmac.h>

#define MINT_SECRET "0123456789abcdef0123456789abcdef"

/* HS256 with MINT_SECRET; valid until the next call. */
static inline struct slice
mint(struct slice header, struct slice claims)
{
    static char made[60000];
    unsigned char mac[32];
    unsigned len = sizeof mac;
    size_t n = base64url_encode(header, made);
    made[n++] = '.';
    n += base64url_encode(claims, made + n);
    HMAC(EVP_sha256(), MINT_SECRET, sizeof MINT_SECRET - 1, (unsigned char *)made, n, mac, &len);
    made[n++] = '.';
    n += base64url_encode(SLICE_OF((char *)mac, len), made + n);
    return SLICE_OF(made, n);
}

/* 0.x and the issuer https://issuer.example, both with MINT_SECRET for both roles. */
static inline struct authority *
mint_authority(void)
{
    static const struct authority_limits limits = {.rights = {1000, 100}};
    struct authority *a = authority_new(&limits);
    for (int role = 0; role < ROLES; role++)
        if (!authority_add_key(a, NULL, (enum role)role, SLICE(MINT_SECRET), SLICE(""),
                               KEY_MUST_NAME, NULL, NULL) ||
            !authority_add_key(a, "https://issuer.example", (enum role)role, SLICE(MINT_SECRET),
                               SLICE("HS256"), KEY_MUST_NAME, NULL, NULL))
            authority_free(&a);
    return a;
}

#define MINT_AUDIENCE "https://hub.example/.well-known/mercure"

static inline enum token_fault
mint_verify(struct authority *a, struct slice token, uint64_t now_ms, struct grant **g)
{
    struct token_refusal refusal;
    *g = NULL;
    return authority_verify(a, ROLE_SUBSCRIBE, token, SLICE(MINT_AUDIENCE), SLICE(MINT_AUDIENCE),
                            now_ms, g, &refusal);
}

#endif
