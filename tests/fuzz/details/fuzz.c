/* authorization_details: what is told as a payload is one that stands there, and reads the same. */
#include "auth/rights.h"
#include "base/alloc.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    static const struct rights_limits limits = {1000, 100};
    const size_t flags = JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL | JSON_DECODE_ANY;
    struct slice text = SLICE_OF(bytes, len), base = SLICE("https://hub/h"), payload;
    struct rights *r = NULL;
    json_t *claim = json_loadb(bytes, len, flags, NULL), *item;
    if (claim && rights_read(DIALECT_1_0, claim, text, base, &limits, &r, NULL) == TOKEN_OK &&
        rights_payload(r, SLICE("https://example.com/1"), &payload)) {
        json_t *told = json_loadb(payload.ptr, payload.len, flags, NULL);
        bool is_there = false;
        for (size_t i = 0; (item = json_array_get(claim, i)) != NULL; i++)
            is_there |= json_equal(told, json_object_get(item, "payload"));
        ENSURE(is_there);
        json_decref(told);
    }
    rights_unref(&r);
    json_decref(claim);
    return 0;
}
