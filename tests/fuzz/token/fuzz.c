/* Tokens: any bytes give a grant or a fault, in both dialects. */

#include "auth/authority.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    static const struct authority_limits limits = {.rights = {1000, 100}};
    static struct authority *a;
    struct slice secret = SLICE("0123456789abcdef0123456789abcdef"), token = SLICE_OF(bytes, len);
    struct token_refusal refusal;
    struct grant *g = NULL;
    if (a == NULL) {
        a = authority_new(&limits);
        if (!authority_add_key(a, NULL, ROLE_PUBLISH, secret, SLICE(""), KEY_MUST_NAME, NULL,
                               NULL) ||
            !authority_add_key(a, "joe", ROLE_PUBLISH, secret, SLICE(""), KEY_MUST_NAME, NULL,
                               NULL))
            return -1;
    }
    if (authority_verify(a, ROLE_PUBLISH, token, SLICE("aud"), SLICE("https://hub/"), 1700000000000,
                         &g, &refusal) == TOKEN_OK)
        grant_unref(&g);
    return 0;
}
