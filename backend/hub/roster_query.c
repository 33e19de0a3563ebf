/* roster_query - limit, after, topic; other names are somebody else's.
 *
 * A page is cut by the position of a begin, for these never move: who began meanwhile comes on a
 * later page, whoever has ended is on none, and nobody comes twice. In the query it is two numbers,
 * and a client is not to read anything into them. */

#include "hub/roster_query.h"

#include "request/form.h"
#include "topic/percent.h"

#include <stdlib.h>

#define NO_ROOM "There is no room for this query.\n"

struct reader {
    struct arena *arena;
    struct roster_query *q;
    size_t max_topics;
    bool has_limit;
};

static const char *
read_limit(struct reader *r, struct slice value)
{
    uint64_t limit;
    if (r->has_limit || !slice_u64(value, SIZE_MAX - 1, &limit) || limit == 0)
        return "limit is a number of 1 or more, once.\n";
    r->has_limit = true;
    r->q->limit = (size_t)limit;
    return NULL;
}

static const char *
read_after(struct reader *r, struct slice value)
{
    struct roster_query *q = r->q;
    size_t dash = slice_index(value, '-');
    if (q->has_after || !slice_u64(slice_head(value, dash), UINT64_MAX, &q->after.run) ||
        !slice_u64(slice_from(value, dash + 1), UINT64_MAX, &q->after.sequence))
        return "after is what the link to the next page says, once.\n";
    q->has_after = true;
    return NULL;
}

static const char *
read_topic(struct reader *r, struct slice value)
{
    struct roster_query *q = r->q;
    if (q->topic_count == r->max_topics)
        return "There are more topics than max_matchers.\n";
    if (q->topics == NULL)
        q->topics = arena_alloc(r->arena, r->max_topics * sizeof *q->topics);
    char *out = arena_alloc(r->arena, 3 * value.len + 1);
    if (q->topics == NULL || out == NULL)
        return NO_ROOM;
    char *end = percent_encode(out, value, &PERCENT_SEGMENT);
    q->topics[q->topic_count++] = SLICE_OF(out, (size_t)(end - out));
    return NULL;
}

static const struct {
    struct slice name;
    const char *(*read)(struct reader *, struct slice value);
} parameters[] = {
    {SLICE_INIT("limit"), read_limit},
    {SLICE_INIT("after"), read_after},
    {SLICE_INIT("topic"), read_topic},
};

static const char *
read_parameter(struct reader *r, struct slice name, struct slice value)
{
    for (size_t i = 0; i < COUNT_OF(parameters); i++)
        if (slice_eq(name, parameters[i].name))
            return parameters[i].read(r, value);
    return NULL;
}

static int
compare(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

const char *
roster_query_read(struct arena *arena, struct slice query, size_t max_topics,
                  struct roster_query *q)
{
    struct reader r = {arena, q, max_topics, false};
    struct form form = {query};
    struct slice name, value;
    const char *fault = NULL;
    bool failed = false;
    *q = (struct roster_query){.limit = SIZE_MAX};
    while (fault == NULL && form_next(&form, arena, &name, &value, &failed))
        fault = read_parameter(&r, name, value);
    if (q->topic_count)
        qsort(q->topics, q->topic_count, sizeof *q->topics, compare);
    return failed ? NO_ROOM : fault;
}

bool
roster_query_wants(const struct roster_query *q, struct slice segment)
{
    return q->topic_count == 0 ||
           bsearch(&segment, q->topics, q->topic_count, sizeof *q->topics, compare) != NULL;
}

void
roster_query_add_next(struct buf *out, const struct roster_query *q, struct position after)
{
    buf_addf(out, "limit=%zu&after=%llu-%llu", q->limit, (unsigned long long)after.run,
             (unsigned long long)after.sequence);
    for (size_t i = 0; i < q->topic_count; i++) {
        buf_add(out, SLICE("&topic="));
        buf_add(out, q->topics[i]);
    }
}
