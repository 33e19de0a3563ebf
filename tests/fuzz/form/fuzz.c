/* Forms, cookies, origins: no input is an error, none reads past its end. */

#include "request/cookie.h"
#include "request/form.h"
#include "request/origin.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct slice in = SLICE_OF(bytes, len), name, value;
    struct arena arena;
    bool failed = false;
    arena_init(&arena, 65536);
    for (struct form f = {in}; form_next(&f, &arena, &name, &value, &failed);)
        origin_matches(name, value, true);
    if (cookie_find(in, SLICE("a"), &value))
        origin_of_referer(value, &name);
    arena_fini(&arena);
    return 0;
}
