/* Begins, ends and who is active, as they stand in a store: written and read back, and nothing else
 * is taken. */

#include "transport/active_update.h"
#include "transport/redis/entry.h"
#include "unit/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct active *
make(enum dialect dialect)
{
    const struct active_parts parts = {.dialect = dialect,
                                       .hub = SLICE("/hub"),
                                       .match_type =
                                           dialect == DIALECT_1_0 ? SLICE("exact") : SLICE(""),
                                       .match = SLICE("https://example.com/é 1"),
                                       .subscriber = SLICE("urn:uuid:1"),
                                       .payload = SLICE("{\"a\":[1.50,\"b\"]}"),
                                       .who = SLICE("somebody")};
    struct active *a = active_new(&parts);
    a->begun = (struct position){1764270000000, 123456};
    a->owner = 0xabcdef012345;
    return a;
}

/* The strings of what was added, one after another. */
static struct slice
next_word(struct slice *rest)
{
    uint64_t len;
    ck_assert_uint_gt(rest->len, 0);
    ck_assert_int_eq(rest->ptr[0], '$');
    size_t end = slice_find(*rest, SLICE("\r\n"));
    ck_assert(slice_u64(slice_from(slice_head(*rest, end), 1), SIZE_MAX, &len));
    struct slice word = SLICE_OF(rest->ptr + end + 2, (size_t)len);
    *rest = slice_from(*rest, end + 2 + (size_t)len + 2);
    return word;
}

START_TEST(who_is_active_is_read_back_as_it_was)
{
    for (int d = 0; d < DIALECTS; d++) {
        struct active *a = make((enum dialect)d);
        struct buf out;
        buf_init(&out, SIZE_MAX);
        entry_add_active(&out, a);
        struct slice rest = buf_slice(&out), who = next_word(&rest), record = next_word(&rest);
        struct active *b = entry_read_active(who, record);
        ck_assert_ptr_nonnull(b);
        ck_assert(b->dialect == a->dialect && b->same == a->same && b->owner == a->owner);
        ck_assert_int_eq(position_cmp(a->begun, b->begun), 0);
        ck_assert(slice_eq(a->id, b->id) && slice_eq(a->json, b->json));
        ck_assert(a->collection_len == b->collection_len && a->active_at == b->active_at);
        active_unref(&b);
        active_unref(&a);
        buf_fini(&out);
    }
}
END_TEST

START_TEST(every_prefix_of_a_record_is_none_or_the_event_was_cut)
{
    struct active *a = make(DIALECT_1_0);
    struct buf out;
    buf_init(&out, SIZE_MAX);
    entry_add_active(&out, a);
    struct slice rest = buf_slice(&out), who = next_word(&rest), record = next_word(&rest);
    for (size_t len = 0; len < record.len; len++) {
        struct active *b = entry_read_active(who, guard_copy(slice_head(record, len)));
        ck_assert(b == NULL ||
                  len > record.len - 8); /* the line is whole, what ends the event is not */
        active_unref(&b);
    }
    ck_assert_ptr_null(entry_read_active(SLICE("2x"), record));
    ck_assert_ptr_null(entry_read_active(SLICE("1"), record));
    ck_assert_ptr_null(entry_read_active(SLICE(""), record));
    active_unref(&a);
    buf_fini(&out);
}
END_TEST

/* As the stream has it. */
static struct entry
entry_of(const struct update *u, struct buf *out)
{
    struct entry e = {.position = {7, 1000}, .origin = {.node = 1, .number = 2}};
    e.origin.flags = entry_flags(u);
    entry_add(out, u);
    struct slice rest = buf_slice(out);
    e.id = next_word(&rest);
    e.topics = next_word(&rest);
    e.event = next_word(&rest);
    ck_assert_uint_eq(e.id.len + e.topics.len + e.event.len + ENTRY_OVERHEAD, entry_size(u));
    return e;
}

START_TEST(begins_and_ends_are_read_back_as_they_were)
{
    for (int i = 0; i < 2 * DIALECTS; i++) {
        struct active *a = make((enum dialect)(i / 2));
        struct update *u = active_update(a, i % 2, SLICE("urn:x"));
        struct buf out;
        buf_init(&out, SIZE_MAX);
        struct entry e = entry_of(u, &out);
        struct update *read = entry_update(&e);
        ck_assert_ptr_nonnull(read);
        ck_assert(read->kind == u->kind && read->dialect == u->dialect && read->is_private);
        ck_assert_uint_eq(read->same, i % 2 ? 0 : a->same);
        ck_assert_uint_eq(read->topic_count, 1);
        ck_assert(slice_eq(read->topics[0].text, a->id));
        ck_assert(slice_eq(read->event, u->event));
        struct active *b = active_update_read(read);
        ck_assert(i % 2 ? b == NULL : slice_eq(b->json, a->json));
        active_unref(&b);
        active_unref(&a);
        update_unref(&read);
        update_unref(&u);
        buf_fini(&out);
    }
}
END_TEST

START_TEST(a_begin_without_the_mark_of_who_is_the_same_is_none)
{
    struct active *a = make(DIALECT_1_0);
    struct update *u = active_update(a, false, SLICE("urn:x"));
    struct buf out;
    buf_init(&out, SIZE_MAX);
    struct entry e = entry_of(u, &out);
    struct slice topics = e.topics;
    e.topics = slice_head(topics, topics.len - 19);
    ck_assert_ptr_null(entry_update(&e));
    e.topics = slice_head(topics, topics.len - 1);
    ck_assert_ptr_null(entry_update(&e));
    e.origin.flags = ENTRY_END | ENTRY_PRIVATE;
    e.topics = topics;
    struct update *two = entry_update(&e); /* an end has what topics it has */
    ck_assert_uint_eq(two->topic_count, 2);
    update_unref(&two);
    update_unref(&u);
    active_unref(&a);
    buf_fini(&out);
}
END_TEST

UNIT_MAIN("redis who is there", who_is_active_is_read_back_as_it_was,
          every_prefix_of_a_record_is_none_or_the_event_was_cut,
          begins_and_ends_are_read_back_as_they_were,
          a_begin_without_the_mark_of_who_is_the_same_is_none)
