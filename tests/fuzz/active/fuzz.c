/* A begin from a history, whatever it holds: what is taken for a subscription is written and read
 * back the same, and a registry takes its begin and its end. The input: a dialect, a topic to the
 * first line's end, an event. */

#include "base/alloc.h"
#include "transport/active_update.h"
#include "transport/registry.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct slice rest = slice_from(SLICE_OF(bytes, len), 1);
    size_t end = slice_index(rest, '\n');
    struct slice topic = slice_head(rest, end);
    const struct update_formatted f = {
        .topics = &topic, .topic_count = 1, .id = SLICE("i"), .event = slice_from(rest, end + 1)};
    struct update *u = update_restore(&f);
    u->kind = UPDATE_BEGIN;
    u->dialect = len && bytes[0] & 1 ? DIALECT_1_0 : DIALECT_0X;
    struct active *a = active_update_read(u);
    if (a) {
        struct registry *r = registry_new(1 << 20);
        struct update *begin = active_update(a, false, SLICE("b"));
        struct update *over = active_update(a, true, SLICE("e"));
        struct active *again = active_update_read(begin);
        ENSURE(again && slice_eq(again->id, a->id) && slice_eq(again->json, a->json) &&
               again->active_at == a->active_at && again->collection_len == a->collection_len);
        u->position = begin->position = over->position = (struct position){1, 1};
        registry_restore(r, u);
        registry_restore(r, begin);
        ENSURE(registry_count(r) == 1);
        registry_restore(r, over);
        ENSURE(registry_count(r) == 0);
        registry_free(&r);
        active_unref(&again);
        update_unref(&begin);
        update_unref(&over);
    }
    active_unref(&a);
    update_unref(&u);
    return 0;
}
