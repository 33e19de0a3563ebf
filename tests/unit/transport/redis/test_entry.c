/* What an update is in the stream comes back as it was, counts what the scripts count, and names
 * its predecessor; what is none of ours is told from it. */

#include "transport/redis/entry.h"

#include "base/alloc.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MOST_FIELDS = 16
};

static struct resp_reader *reader;

static void
setup(void)
{
    static const struct resp_bounds bounds = {.bulk = 100000, .answer = 1 << 20, .items = 100};
    struct error err;
    ck_assert_msg(resp_prepare(&err), "%s", err.text);
    reader = resp_reader_new(&bounds);
}

static void
teardown(void)
{
    resp_reader_free(&reader);
}

static struct update *
made(struct slice id, const struct slice *topics, size_t count)
{
    bool too_large;
    const struct update_parts parts = {.topics = topics,
                                       .topic_count = count,
                                       .id = id,
                                       .type = SLICE("news"),
                                       .data = SLICE("one\ntwo"),
                                       .is_private = true};
    struct update *u = update_new(&parts, 100000, &too_large);
    ck_assert_ptr_nonnull(u);
    return u;
}

/* The three words that a publish sends of it. Until the next answer. */
static const struct resp *
words_of(const struct update *u)
{
    struct buf out;
    const struct resp *answer;
    buf_init(&out, 100000);
    resp_begin(&out, 3);
    entry_add(&out, u);
    resp_reader_feed(reader, buf_slice(&out));
    ck_assert_int_eq(resp_reader_next(reader, &answer), PARSE_OK);
    buf_fini(&out);
    return answer;
}

static struct resp
text(const char *s)
{
    return (struct resp){.kind = RESP_TEXT, .text = slice_of(s)};
}

struct fields {
    struct resp all[MOST_FIELDS], entry[2];
    uint32_t count;
};

static void
add(struct fields *f, const char *name, struct resp value)
{
    f->all[f->count++] = text(name);
    f->all[f->count++] = value;
}

static const struct resp *
entry_of(struct fields *f, struct resp *whole, const char *place)
{
    f->entry[0] = text(place);
    f->entry[1] = (struct resp){.kind = RESP_ARRAY, .count = f->count, .items = f->all};
    *whole = (struct resp){.kind = RESP_ARRAY, .count = 2, .items = f->entry};
    return whole;
}

static const char *const ids[] = {
    "urn:uuid:0193e8f0-0001-7abc-8def-0123456789ab",
    "urn:uuid:0193E8F0-0001-7abc-8def-0123456789ab", /* not as the hub spells them */
    "urn:uuid:0193e8f0-0001-7abc-8def-0123456789a",
    "urn:uuid:0193e8f0+0001-7abc-8def-0123456789ab",
    "x",
    "u234567890123456", /* as long as one that is packed */
    "\xc3\xbc s u",
};

START_TEST(an_update_comes_back_as_it_was)
{
    struct slice topics[] = {SLICE("t"), SLICE("3:x12:y"), SLICE("https://example.com/a")};
    struct slice id = slice_of(ids[_i]);
    struct update *u = made(id, topics, 3);
    const struct resp *words = words_of(u);
    struct fields f = {0};
    struct resp whole;
    struct entry r;
    add(&f, "f", text("1"));
    add(&f, "b", text("0123456789ab 77"));
    add(&f, "i", words->items[0]);
    add(&f, "later", text("fields that are not known are passed over"));
    add(&f, "t", words->items[1]);
    add(&f, "e", words->items[2]);
    ck_assert(entry_read(entry_of(&f, &whole, "5-1000"), &r));
    ck_assert_uint_eq(r.origin.node, 0x0123456789ab);
    ck_assert_uint_eq(r.origin.number, 77);
    size_t size = words->items[0].text.len + words->items[1].text.len + words->items[2].text.len +
                  ENTRY_OVERHEAD;
    ck_assert_uint_eq(size, entry_size(u));
    ck_assert(position_cmp(r.position, (struct position){5, 1000}) == 0);
    ck_assert(position_cmp(r.before, (struct position){5, 1000 - size}) == 0);
    struct update *back = entry_update(&r);
    ck_assert_ptr_nonnull(back);
    ck_assert(slice_eq(back->id, id) && slice_eq(back->event, u->event));
    ck_assert(back->is_private && !back->id_is_chosen && back->topic_count == 3);
    for (uint32_t i = 0; i < 3; i++)
        ck_assert(slice_eq(back->topics[i].text, topics[i]));
    ck_assert(position_cmp(back->position, r.position) == 0);
    update_unref(&back);
    update_unref(&u);
}
END_TEST

START_TEST(an_id_that_may_stand_elsewhere_is_one_that_may_come_again)
{
    static const char *const flags[] = {"0", "2", "16", "64"};
    struct slice topic = SLICE("t");
    struct update *u = made(SLICE("x"), &topic, 1);
    const struct resp *words = words_of(u);
    for (size_t i = 0; i < COUNT_OF(flags); i++) {
        struct fields f = {0};
        struct resp whole;
        struct entry r;
        add(&f, "f", text(flags[i]));
        add(&f, "b", text("0123456789ab 1"));
        add(&f, "i", words->items[0]);
        add(&f, "t", words->items[1]);
        add(&f, "e", words->items[2]);
        add(&f, "p", text("4-7"));
        ck_assert(entry_read(entry_of(&f, &whole, "5-1000"), &r));
        ck_assert(position_cmp(r.before, (struct position){4, 7}) == 0);
        struct update *back = entry_update(&r);
        ck_assert_int_eq(back->id_is_chosen, i > 0);
        update_unref(&back);
    }
    update_unref(&u);
}
END_TEST

static const struct {
    const char *place, *flags, *origin, *id, *topics;
} foreign[] = {
    {"5-1000", "1", "0123456789ab 1", "", "1:t"},
    {"5-1000", "x", "0123456789ab 1", "sx", "1:t"},
    {"5-1000", "-1", "0123456789ab 1", "sx", "1:t"},
    {"5-1000", "1", "0123456789ab", "sx", "1:t"},
    {"5-1000", "1", "0123456789AB 1", "sx", "1:t"},
    {"5-1000", "1", "1 1", "sx", "1:t"},
    {"5-1000", "1", "0123456789ab 18446744073709551616", "sx", "1:t"},
    {"5-10", "1", "0123456789ab 1", "sx", "1:t"}, /* smaller than it counts itself */
    {"5", "1", "0123456789ab 1", "sx", "1:t"},
    {"", "1", "0123456789ab 1", "sx", "1:t"},
    {"5-1000", "1", "0123456789ab 1", "x", "1:t"},
    {"5-1000", "1", "0123456789ab 1", "s", "1:t"},
    {"5-1000", "1", "0123456789ab 1", "sx", ""},
    {"5-1000", "1", "0123456789ab 1", "sx", "t"},
    {"5-1000", "1", "0123456789ab 1", "sx", "2:t"},
    {"5-1000", "1", "0123456789ab 1", "sx", "18446744073709551615:t"},
    {"5-1000", "1", "0123456789ab 1", "sx", ":t"},
};

START_TEST(what_is_none_of_ours_is_told)
{
    struct fields f = {0};
    struct resp whole;
    struct entry r;
    add(&f, "f", text(foreign[_i].flags));
    add(&f, "b", text(foreign[_i].origin));
    add(&f, "i", text(foreign[_i].id));
    add(&f, "t", text(foreign[_i].topics));
    add(&f, "e", text("data: x\n\n"));
    if (!entry_read(entry_of(&f, &whole, foreign[_i].place), &r))
        return;
    struct update *u = entry_update(&r);
    ck_assert_ptr_null(u);
}
END_TEST

START_TEST(entries_of_other_shapes_are_none)
{
    struct entry r;
    struct resp items[2] = {text("5-1000"), text("no list")};
    const struct resp shapes[] = {
        {.kind = RESP_NIL},
        {.kind = RESP_INTEGER, .integer = 5},
        {.kind = RESP_ARRAY},
        {.kind = RESP_ARRAY, .count = 1, .items = items},
        {.kind = RESP_ARRAY, .count = 2, .items = items},
    };
    for (size_t i = 0; i < COUNT_OF(shapes); i++)
        ck_assert(!entry_read(&shapes[i], &r));
    ck_assert_uint_eq(r.position.run, 5); /* of the last, it is known where it stands */
}
END_TEST

START_TEST(a_place_is_read_as_it_is_written)
{
    static const struct position places[] = {
        {0, 0}, {1, 0}, {(UINT64_C(1) << 48) - 1, UINT64_C(1) << 53}};
    static const char *const wrong[] = {
        "", "-", "1-", "-1", "1-1-1", "1 -1", "a-1", "1-9007199254740993", "281474976710656-1"};
    char scratch[ENTRY_PLACE_LEN];
    struct position p = {7, 7};
    for (size_t i = 0; i < COUNT_OF(wrong); i++)
        ck_assert_msg(!entry_place_read(slice_of(wrong[i]), &p) && p.run == 7, "%s", wrong[i]);
    for (size_t i = 0; i < COUNT_OF(places); i++) {
        ck_assert(entry_place_read(entry_place_write(places[i], scratch), &p));
        ck_assert(position_cmp(p, places[i]) == 0);
    }
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("entry");
    TCase *t = tcase_create("entry");
    tcase_add_checked_fixture(t, setup, teardown);
    tcase_add_loop_test(t, an_update_comes_back_as_it_was, 0, COUNT_OF(ids));
    tcase_add_test(t, an_id_that_may_stand_elsewhere_is_one_that_may_come_again);
    tcase_add_loop_test(t, what_is_none_of_ours_is_told, 0, COUNT_OF(foreign));
    tcase_add_test(t, entries_of_other_shapes_are_none);
    tcase_add_test(t, a_place_is_read_as_it_is_written);
    suite_add_tcase(s, t);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
