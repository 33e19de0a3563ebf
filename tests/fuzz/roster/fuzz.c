/* A path below H/subscriptions and its query: what is looked up is in the hub's own form, and the
 * next page's query reads again. */

#include "base/alloc.h"
#include "hub/roster_path.h"
#include "hub/roster_query.h"

#define HUB SLICE("/h")

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    const struct slice all = SLICE_OF(bytes, len), path = slice_head(all, slice_index(all, '?'));
    const struct slice query = slice_from(all, path.len + 1);
    const bool speaks[DIALECTS] = {len & 1 || !(len & 2), len & 2 || !(len & 1)};
    struct roster_query q, again;
    struct arena arena;
    struct buf next;
    arena_init(&arena, 1 << 20);
    if (roster_path_is(HUB, path)) {
        struct roster_path p = roster_path_read(&arena, HUB, path, speaks);
        if (p.id.len) {
            struct roster_path same = roster_path_read(&arena, HUB, p.id, speaks);
            ENSURE(same.kind == p.kind ? slice_eq(same.id, p.id) : slice_count(path, '%') > 0);
        }
    }
    buf_init(&next, 1 << 20);
    if (roster_query_read(&arena, query, 8, &q) == NULL && q.limit != SIZE_MAX) {
        roster_query_add_next(&next, &q, q.after);
        ENSURE(roster_query_read(&arena, buf_slice(&next), 8, &again) == NULL);
        ENSURE(again.limit == q.limit && again.topic_count == q.topic_count);
    }
    buf_fini(&next);
    arena_fini(&arena);
    return 0;
}
