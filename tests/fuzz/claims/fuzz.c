/* Claims of both dialects: any JSON gives rights or a fault, and what is granted can be asked. */

#include "auth/claims.h"
#include "base/alloc.h"

#include <jansson.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct slice text = SLICE_OF(bytes, len), aud = SLICE("https://hub/"), payload;
    json_t *claims = claims_parse(text);
    for (int dialect = 0; claims && dialect < 2; dialect++) {
        const struct claims_rules rules = {dialect, aud, aud, 1700000000000, 1000, {1000, 100}};
        struct token_refusal refusal = {0};
        struct topic topic = topic_of(SLICE("https://example.com/1"));
        struct grant *g = xalloc(sizeof *g);
        atomic_init(&g->refs, 1);
        if (claims_judge(claims, text, &rules, g, &refusal) == TOKEN_OK &&
            rights_has(g->rights, ROLE_PUBLISH)) {
            uint64_t steps = rights_budget(g->rights, 1);
            if (rights_allow(g->rights, ROLE_PUBLISH, &topic, &steps) &&
                rights_payload(g->rights, topic.text, &payload))
                ENSURE(payload.len <= len);
        }
        topic_fini(&topic);
        grant_unref(&g);
    }
    json_decref(claims);
    return 0;
}
