/* merge - two pieces become one.
 *
 * A piece tells all that its place has up to its end, and none at all tells that the place has
 * nothing up to what is committed. What one gets wrong: a place may have more by now than was
 * committed when the reading began, of which the other was not asked; so nothing behind that
 * counts.
 *
 * Mostly one place has nothing in the stretch, and the other's piece, which many share, is the
 * answer as it is. */

#include "transport/merge.h"

static struct position
earlier(struct position a, struct position b)
{
    return position_cmp(a, b) <= 0 ? a : b;
}

/* What of a piece lies in (after, upto]. */
struct part {
    const struct batch *piece;
    uint32_t first, end;
};

static struct part
part_of(const struct batch *b, struct position after, struct position upto)
{
    if (b == NULL)
        return (struct part){0};
    return (struct part){b, batch_index_after(b, after), batch_index_after(b, upto)};
}

static bool
is_empty(const struct part *p)
{
    return p->first >= p->end;
}

static bool
ends_at(const struct part *p, struct position upto)
{
    return p->piece && position_cmp(p->piece->upto, upto) == 0;
}

static struct update *
take_earlier(struct part *a, struct part *b)
{
    struct part *from = is_empty(a) ? b : a;
    if (!is_empty(a) && !is_empty(b) &&
        position_cmp(b->piece->updates[b->first]->position, a->piece->updates[a->first]->position) <
            0)
        from = b;
    return update_ref(from->piece->updates[from->first++]);
}

static struct batch *
join(struct part a, struct part b, struct position after, struct position upto)
{
    struct batch *joined = batch_new(a.end - a.first + b.end - b.first);
    joined->after = after;
    joined->upto = upto;
    for (uint32_t i = 0; i < joined->count; i++) {
        joined->updates[i] = take_earlier(&a, &b);
        joined->bytes += joined->updates[i]->size;
    }
    return joined;
}

struct batch *
merge_pieces(struct batch *a, struct batch *b, struct position after, struct position committed,
             struct position *ret_upto)
{
    struct position upto = committed;
    struct batch *merged = NULL;
    if (a)
        upto = earlier(upto, a->upto);
    if (b)
        upto = earlier(upto, b->upto);
    struct part of_a = part_of(a, after, upto), of_b = part_of(b, after, upto);
    if (is_empty(&of_a) && is_empty(&of_b))
        merged = NULL;
    else if (is_empty(&of_b) && ends_at(&of_a, upto))
        merged = batch_ref(a);
    else if (is_empty(&of_a) && ends_at(&of_b, upto))
        merged = batch_ref(b);
    else
        merged = join(of_a, of_b, after, upto);
    *ret_upto = upto;
    batch_unref(&a);
    batch_unref(&b);
    return merged;
}
