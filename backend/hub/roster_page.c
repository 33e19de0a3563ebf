/* roster_page - references, in chunks.
 *
 * The registry keeps what has ended as long as somebody walks over it. So the walk is over as soon
 * as the worker's turns allow, however slowly its reader reads: from then on the answer holds eight
 * bytes for each subscription, and shares its text with the registry.
 *
 *     chunk   made by collect(), full of references; freed when all of them are written, or dropped
 *
 * What one gets wrong: the last reference to what has ended may be this one, so giving back costs
 * as much as taking, and is done in steps as well. */

#include "hub/roster_page.h"

#include "base/alloc.h"

#include <stdlib.h>

enum {
    CHUNK = 252 /* with its head 2 KiB */
};

struct chunk {
    struct list node;
    size_t first, count; /* refs[first] to refs[count - 1] are owned */
    struct active *refs[CHUNK];
};

void
roster_page_begin(struct roster_page *p, struct registry *registry, enum dialect dialect,
                  struct slice collection, const struct roster_query *query, bool keeps,
                  struct buf *ret_id)
{
    *p = (struct roster_page){.query = query, .keeps = keeps, .is_open = true};
    list_init(&p->chunks);
    registry_walk_begin(registry, &p->walk, dialect, collection, ret_id);
}

/* The matcher, as the id has it. */
static struct slice
segment_of(const struct active *a)
{
    size_t at = a->collection_len;
    while (at && a->id.ptr[at - 1] != '/')
        at--;
    return slice_from(slice_head(a->id, a->collection_len), at);
}

/* Counts it. Is it on the page? */
static bool
judge(struct roster_page *p, const struct active *a)
{
    const struct roster_query *q = p->query;
    if (!roster_query_wants(q, segment_of(a)))
        return false;
    p->total++;
    if (q->has_after && position_cmp(a->begun, q->after) <= 0)
        return false;
    if (p->count == q->limit) {
        p->has_more = true;
        return false;
    }
    p->length += a->json.len + (p->count > 0);
    p->count++;
    p->last = a->begun;
    return true;
}

/* Leaves in the chunk what is on the page. */
static void
sift(struct roster_page *p, struct chunk *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->count; i++) {
        if (judge(p, c->refs[i]) && p->keeps)
            c->refs[kept++] = c->refs[i];
        else
            active_unref(&c->refs[i]);
    }
    c->count = kept;
}

static void
drop_chunk(struct roster_page *p, struct chunk *c)
{
    while (c->first < c->count)
        active_unref(&c->refs[c->first++]);
    list_unlink(&c->node);
    p->held -= sizeof *c;
    free(c);
}

enum roster_progress
roster_page_collect(struct roster_page *p)
{
    struct chunk *c = try_alloc(sizeof *c);
    if (c == NULL) {
        p->failed = true;
        return ROSTER_DONE;
    }
    list_append(&p->chunks, &c->node);
    p->held += sizeof *c;
    size_t walked = c->count = registry_walk_next(&p->walk, c->refs, CHUNK);
    sift(p, c);
    if (c->count == 0)
        drop_chunk(p, c);
    return walked ? ROSTER_GOES_ON : ROSTER_DONE;
}

enum roster_progress
roster_page_write(struct roster_page *p, struct buf *out, size_t enough)
{
    LIST_EACH(node, after, &p->chunks)
    {
        struct chunk *c = CONTAINER_OF(node, struct chunk, node);
        while (c->first < c->count) {
            if (out->len >= enough)
                return ROSTER_GOES_ON;
            if (p->has_begun)
                buf_add_byte(out, ',');
            p->has_begun = true;
            buf_add(out, c->refs[c->first]->json);
            active_unref(&c->refs[c->first++]);
        }
        drop_chunk(p, c);
    }
    return ROSTER_DONE;
}

enum roster_progress
roster_page_drop(struct roster_page *p)
{
    registry_walk_end(&p->walk);
    p->is_open = false;
    if (list_is_empty(&p->chunks))
        return ROSTER_DONE;
    drop_chunk(p, CONTAINER_OF(p->chunks.next, struct chunk, node));
    return ROSTER_GOES_ON;
}
