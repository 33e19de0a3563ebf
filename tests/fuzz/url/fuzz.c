/* URLs: what parses is written and read again to the same. The first line is the base. */

#include "base/alloc.h"
#include "topic/url_parse.h"
#include "url_text.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct slice in = SLICE_OF(bytes, len), href, again;
    struct arena arena;
    struct url base, url, reread;
    size_t line = slice_index(in, '\n');
    arena_init(&arena, 65536 + len * 64);
    bool has_base = url_parse(&arena, slice_head(in, line), NULL, &base);
    if (url_parse(&arena, slice_from(in, line + 1), has_base ? &base : NULL, &url)) {
        ENSURE(url_serialise(&arena, &url, &href));
        ENSURE(url_parse(&arena, href, NULL, &reread));
        ENSURE(url_serialise(&arena, &reread, &again) && slice_eq(href, again));
    }
    arena_fini(&arena);
    return 0;
}
