/* authorization_details alone: entries, matchers, payloads. */

#include "auth/rights.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    const struct rights_limits limits = {1000, 100};
    struct slice text = SLICE_OF(bytes, len), payload;
    struct error why;
    struct rights *r = NULL;
    json_t *claim = json_loadb(bytes, len, JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, NULL);
    if (claim && rights_read(DIALECT_1_0, claim, text, SLICE("https://hub/h"), &limits, &r, &why) ==
                     TOKEN_OK) {
        struct topic topic = topic_of(SLICE("https://example.com/1"));
        uint64_t steps = rights_budget(1);
        if (rights_allow(r, ROLE_SUBSCRIBE, &topic, &steps))
            rights_payload(r, SLICE("https://example.com/1"), &payload);
        topic_fini(&topic);
        rights_unref(&r);
    }
    json_decref(claim);
    return 0;
}
