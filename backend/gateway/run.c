/* run - what one write carries. Streams of a worker mostly get the same updates one after another,
 * so the last run of small updates is kept as one piece of bytes: a send() of it costs less than a
 * sendmsg() of its parts. Known by positions, which are never used twice. */

#include "gateway/run.h"

#include <string.h>

enum {
    RUN_BYTES = 16384 /* of small updates, made one piece */
};

struct run {
    const struct framing *framing;
    uint16_t mark;
    unsigned wanted, count; /* updates asked for, updates that fitted */
    struct position positions[RUN_PARTS];
    size_t len;
    char bytes[RUN_BYTES];
};

static _Thread_local struct run last_run;

unsigned
run_parts(const struct framing *f, struct update *const *updates, size_t count, uint16_t mark,
          size_t offset, struct iovec *parts, char (*scratch)[RUN_SCRATCH])
{
    unsigned filled = 0;
    for (size_t i = 0; i < count && filled + 1 < RUN_PARTS; i++, offset = 0)
        filled += f->frame(updates[i], mark, offset, parts + filled, RUN_PARTS - filled,
                           scratch + filled);
    return filled;
}

static bool
is_last(const struct framing *f, struct update *const *updates, unsigned wanted, uint16_t mark)
{
    const struct run *r = &last_run;
    if (r->framing != f || r->mark != mark || r->wanted != wanted)
        return false;
    for (unsigned i = 0; i < r->count; i++)
        if (position_cmp(r->positions[i], updates[i]->position) != 0)
            return false;
    return true;
}

static void
add(struct run *r, const struct update *u)
{
    struct iovec parts[RUN_PARTS];
    char scratch[RUN_PARTS][RUN_SCRATCH];
    unsigned filled = r->framing->frame(u, r->mark, 0, parts, RUN_PARTS, scratch);
    for (unsigned k = 0; k < filled; k++) {
        memcpy(r->bytes + r->len, parts[k].iov_base, parts[k].iov_len);
        r->len += parts[k].iov_len;
    }
    r->positions[r->count++] = u->position;
}

struct slice
run_bytes(const struct framing *f, struct update *const *updates, size_t count, uint16_t mark)
{
    struct run *r = &last_run;
    unsigned wanted = count < RUN_PARTS ? (unsigned)count : RUN_PARTS;
    if (is_last(f, updates, wanted, mark))
        return SLICE_OF(r->bytes, r->len);
    r->framing = f;
    r->mark = mark;
    r->wanted = wanted;
    r->count = 0;
    r->len = 0;
    for (unsigned i = 0; i < wanted && f->size(updates[i], mark) <= RUN_BYTES - r->len; i++)
        add(r, updates[i]);
    return SLICE_OF(r->bytes, r->len);
}
