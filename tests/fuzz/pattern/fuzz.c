/* A pattern, its base, a topic, a line each. What matches begins with the prefix. */

#include "base/alloc.h"
#include "topic/pattern.h"
#include "topic/url_parse.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct arena arena;
    struct url base, url;
    struct error err;
    struct slice key, rest = SLICE_OF(bytes, len), text = {0}, base_text = {0};
    arena_init(&arena, 1 << 24);
    if (slice_cut(&rest, '\n', &text) && slice_cut(&rest, '\n', &base_text)) {
        bool based = url_parse(&arena, base_text, NULL, &base);
        struct pattern *p = pattern_new(text, based ? base_text : (struct slice){NULL, 0}, &err);
        if (p && url_parse(&arena, rest, based ? &base : NULL, &url)) {
            uint64_t steps = 10000;
            enum match match = pattern_match(p, &url, &steps);
            ENSURE(pattern_key(&arena, &url, &key));
            ENSURE(match != MATCH_YES || slice_starts(key, pattern_literal_prefix(p)));
        }
        pattern_free(&p);
    }
    arena_fini(&arena);
    return 0;
}
