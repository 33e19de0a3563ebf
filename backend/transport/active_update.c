/* active_update - begins and ends, written and read back.
 *
 * Data is the object of the collection; alone, in 0.x, it is JSON-LD and says so. An end says what
 * the begin said, but that it is over. */

#include "transport/active_update.h"

#include "base/buf.h"

#define CONTEXT "\"@context\":\"https://mercure.rocks/\","

static void
add_data(struct buf *b, const struct active *a, bool is_end)
{
    struct slice json = a->json;
    if (!buf_reserve(b, json.len + sizeof CONTEXT + sizeof "false"))
        return;
    if (a->dialect == DIALECT_0X) {
        buf_add(b, SLICE("{" CONTEXT));
        json = slice_from(json, 1);
    }
    size_t before = a->active_at - (a->json.len - json.len);
    buf_add(b, slice_head(json, before));
    buf_add(b, is_end ? SLICE("false") : SLICE("true"));
    buf_add(b, slice_from(json, before + 4));
}

struct update *
active_update(struct active *a, bool is_end, struct slice update_id)
{
    struct buf data;
    struct update *u = NULL;
    bool too_large;
    buf_init(&data, SIZE_MAX);
    add_data(&data, a, is_end);
    const struct update_parts parts = {.topics = &a->id,
                                       .topic_count = 1,
                                       .id = update_id,
                                       .type =
                                           a->dialect == DIALECT_1_0 ? SLICE("mercure") : SLICE(""),
                                       .data = buf_slice(&data),
                                       .is_private = true};
    if (!data.failed)
        u = update_new(&parts, SIZE_MAX, &too_large);
    buf_fini(&data);
    if (u == NULL)
        return NULL;
    u->kind = is_end ? UPDATE_END : UPDATE_BEGIN;
    u->dialect = a->dialect;
    u->same = is_end ? 0 : a->same;
    u->active = active_ref(a);
    return u;
}

struct active *
active_update_read(const struct update *u)
{
    struct slice mark = SLICE("\ndata: "), context = SLICE("{" CONTEXT), json = u->event;
    struct active *a = NULL;
    struct buf plain;
    size_t at = slice_find(json, mark);
    if (u->kind != UPDATE_BEGIN || u->topic_count != 1 || at == json.len)
        return NULL;
    json = slice_from(json, at + mark.len);
    json = slice_head(json, slice_index(json, '\n'));
    buf_init(&plain, SIZE_MAX);
    if (slice_starts(json, context)) {
        buf_add_byte(&plain, '{');
        json = slice_from(json, context.len);
    }
    buf_add(&plain, json);
    if (!plain.failed)
        a = active_restore(u->dialect, u->topics[0].text, buf_slice(&plain), u->same);
    buf_fini(&plain);
    return a;
}
