/* The form of a publish, and whether its topics are the hub's: what 1.0 accepts 0.x accepts too,
 * and the quick test hides no reserved topic. */

#include "base/alloc.h"
#include "hub/fields.h"
#include "hub/reserved.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    const struct fields_limits limits = {100, 10};
    const struct slice path = SLICE("/.well-known/mercure");
    struct fields old, new;
    struct slice first, second; /* a form is decoded where it lies */
    struct arena arena;
    struct url hub;
    arena_init(&arena, 65536 + 8 * len);
    ENSURE(url_parse(&arena, SLICE("https://h/.well-known/mercure"), NULL, &hub));
    ENSURE(arena_copy(&arena, SLICE_OF(bytes, len), &first) &&
           arena_copy(&arena, SLICE_OF(bytes, len), &second));
    enum fields_fault was = fields_read(&arena, first, DIALECT_0X, &limits, &old);
    if (fields_read(&arena, second, DIALECT_1_0, &limits, &new) == FIELDS_OK)
        ENSURE(was == FIELDS_OK);
    for (size_t i = 0; i < old.topic_count; i++)
        for (int dialect = 0; dialect < 2; dialect++)
            ENSURE(reserved_is_possible(path, old.topics[i]) ||
                   !reserved_holds(&hub, dialect, old.topics[i]));
    arena_fini(&arena);
    return 0;
}
