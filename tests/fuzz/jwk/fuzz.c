/* Keys as text: a JWK, a set of them, PEM, a secret. Whatever is read can be asked to verify. */

#include "auth/jwk.h"
#include "auth/key_text.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct slice text = SLICE_OF(bytes, len), some = SLICE("0123456789abcdef0123456789abcdef");
    struct error err;
    struct key *k = key_read(text, SLICE(""), KEY_MAY_CHOOSE, &err);
    struct key_set *set = jwk_set_read(text, &err);
    if (k && key_algorithm(k) && key_verify(k, key_algorithm(k), text, some))
        __builtin_trap();
    for (size_t i = 0; set && i < set->count; i++)
        key_warning(set->keys[i], false, &err);
    key_free(&k);
    key_set_unref(&set);
    return 0;
}
