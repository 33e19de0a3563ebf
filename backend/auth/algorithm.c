/* algorithm - the table. What one gets wrong: names that differ in case alone are other names. */

#include "auth/algorithm.h"

static const struct algorithm algorithms[] = {
    {"HS256", KEY_SECRET, FORM_HMAC, "SHA256", 32}, {"HS384", KEY_SECRET, FORM_HMAC, "SHA384", 48},
    {"HS512", KEY_SECRET, FORM_HMAC, "SHA512", 64}, {"RS256", KEY_RSA, FORM_PKCS1, "SHA256", 0},
    {"RS384", KEY_RSA, FORM_PKCS1, "SHA384", 0},    {"RS512", KEY_RSA, FORM_PKCS1, "SHA512", 0},
    {"PS256", KEY_RSA, FORM_PSS, "SHA256", 0},      {"PS384", KEY_RSA, FORM_PSS, "SHA384", 0},
    {"PS512", KEY_RSA, FORM_PSS, "SHA512", 0},      {"ES256", KEY_P256, FORM_ECDSA, "SHA256", 32},
    {"ES384", KEY_P384, FORM_ECDSA, "SHA384", 48},  {"ES512", KEY_P521, FORM_ECDSA, "SHA512", 66},
    {"EdDSA", KEY_ED25519, FORM_EDDSA, NULL, 64},
};
_Static_assert(COUNT_OF(algorithms) == ALGORITHM_COUNT, "algorithm.h counts the rows");

const struct algorithm *
algorithm_find(struct slice name)
{
    for (size_t i = 0; i < COUNT_OF(algorithms); i++)
        if (slice_eq(name, slice_of(algorithms[i].name)))
            return &algorithms[i];
    return NULL;
}

size_t
algorithm_index(const struct algorithm *a)
{
    return (size_t)(a - algorithms);
}

algorithm_mask
algorithm_bit(const struct algorithm *a)
{
    return (algorithm_mask)1 << algorithm_index(a);
}

algorithm_mask
algorithm_asymmetric(void)
{
    algorithm_mask mask = 0;
    for (size_t i = 0; i < COUNT_OF(algorithms); i++)
        if (algorithms[i].kind != KEY_SECRET)
            mask |= algorithm_bit(&algorithms[i]);
    return mask;
}

const struct algorithm *
algorithm_of_kind(enum key_kind kind)
{
    size_t i = 0;
    while (algorithms[i].kind != kind)
        i++;
    return &algorithms[i];
}

const char *
key_kind_name(enum key_kind kind)
{
    static const char *const names[] = {
        [KEY_SECRET] = "a secret",  [KEY_RSA] = "an RSA key",   [KEY_P256] = "a P-256 key",
        [KEY_P384] = "a P-384 key", [KEY_P521] = "a P-521 key", [KEY_ED25519] = "an Ed25519 key",
    };
    return names[kind];
}
