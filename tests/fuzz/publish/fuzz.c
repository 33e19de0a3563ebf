/* The form of a publish, and whether its topics are the hub's: what 1.0 accepts 0.x accepts too, an
 * id that is accepted is one that a header carries, and the quick test hides no reserved topic. */

#include "base/alloc.h"
#include "hub/publish_form.h"
#include "hub/reserved.h"
#include "topic/url_parse.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    const struct publish_form_limits limits = {100, 10, 200, 64};
    static const struct slice paths[] = {SLICE_INIT("/.well-known/mercure"), SLICE_INIT("/hub")};
    struct publish_form old, new;
    struct slice first, second; /* a form is decoded where it lies */
    struct arena arena;
    struct url host, hub;
    arena_init(&arena, 65536 + 8 * len);
    ENSURE(url_parse(&arena, SLICE("https://h"), NULL, &host));
    ENSURE(arena_copy(&arena, SLICE_OF(bytes, len), &first) &&
           arena_copy(&arena, SLICE_OF(bytes, len), &second));
    enum publish_form_fault was = publish_form_read(&arena, first, DIALECT_0X, &limits, &old);
    if (publish_form_read(&arena, second, DIALECT_1_0, &limits, &new) == PUBLISH_FORM_OK)
        ENSURE(was == PUBLISH_FORM_OK);
    if (was == PUBLISH_FORM_OK)
        ENSURE(old.id.len <= limits.max_id && slice_trim(old.id).len == old.id.len);
    for (size_t p = 0; p < COUNT_OF(paths); p++) {
        ENSURE(url_parse(&arena, paths[p], &host, &hub));
        for (size_t i = 0; i < old.topic_count; i++)
            for (int dialect = 0; dialect < 2; dialect++)
                ENSURE(reserved_is_possible(paths[p], old.topics[i]) ||
                       !reserved_holds(&hub, dialect, old.topics[i]));
    }
    arena_fini(&arena);
    return 0;
}
