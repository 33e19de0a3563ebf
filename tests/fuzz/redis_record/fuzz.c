/* An entry of the stream, its words parted by a byte 0x1E: what is taken for an update is one, and
 * written as an entry of the same size. A word that begins with 0x1F is no string. */

#include "base/alloc.h"
#include "transport/redis/entry.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

enum {
    WORDS = 32
};

static struct resp
word(struct slice s)
{
    if (s.len && s.ptr[0] == 0x1F)
        return (struct resp){.kind = s.len > 1 ? RESP_NIL : RESP_ARRAY};
    return (struct resp){.kind = RESP_TEXT, .text = s};
}

/* It comes back as it was, but for an id that was not packed as we do. */
static void
write_again(const struct entry *e, const struct update *u)
{
    struct buf out;
    size_t size = e->id.len + e->topics.len + e->event.len + ENTRY_OVERHEAD;
    ENSURE(position_cmp(u->position, e->position) == 0 && u->topic_count > 0);
    ENSURE(slice_eq(u->event, e->event) && u->id.len > 0);
    ENSURE(entry_size(u) <= size || e->topics.ptr[0] == '0');
    ENSURE(!(e->origin.flags & ENTRY_PRIVATE) == !u->is_private);
    buf_init(&out, 1 << 24);
    entry_add(&out, u);
    entry_add_origin(&out, &e->origin);
    ENSURE(buf_slice(&out).len > u->event.len);
    buf_fini(&out);
}

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct resp words[WORDS], entry[2];
    struct slice rest = SLICE_OF(bytes, len), one;
    uint32_t count = 0;
    while (count < WORDS && slice_cut(&rest, 0x1E, &one))
        words[count++] = word(one);
    if (count == 0)
        return 0;
    entry[0] = words[0];
    entry[1] = (struct resp){.kind = RESP_ARRAY, .count = count - 1, .items = words + 1};
    struct resp whole = {.kind = RESP_ARRAY, .count = 2, .items = entry};
    struct entry e;
    if (!entry_read(&whole, &e))
        return 0;
    struct update *u = entry_update(&e);
    if (u) {
        write_again(&e, u);
        update_unref(&u);
    }
    return 0;
}
