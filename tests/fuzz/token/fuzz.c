/* Tokens and claims: any bytes give rights or a fault. */

#include "auth/grant.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    static struct key *key;
    struct grant *g = NULL;
    if (key == NULL)
        key = key_new_hmac("HS256", SLICE("0123456789abcdef0123456789abcdef"), NULL);
    if (token_verify_0x(key, SLICE_OF(bytes, len), 1700000000000, &g) == TOKEN_OK)
        grant_unref(&g);
    if (claims_read(SLICE_OF(bytes, len), 1700000000000, &g) == TOKEN_OK)
        grant_unref(&g);
    return 0;
}
