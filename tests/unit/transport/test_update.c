/* An event's bytes, to the letter of the protocol.
 *
 * Threads meet here. */

#include "transport/batch.h"
#include "transport/update.h"

#include <check.h>
#include <pthread.h>
#include <stdlib.h>

static struct update *
make(struct slice id, struct slice type, struct slice retry, struct slice data)
{
    struct slice topics[] = {SLICE("https://example.com/1"), SLICE("https://example.com/2")};
    const struct update_parts parts = {
        .topics = topics, .topic_count = 2, .id = id, .type = type, .retry = retry, .data = data};
    bool too_large;
    return update_new(&parts, 1 << 20, &too_large);
}

static void
expect(struct slice type, struct slice retry, struct slice data, struct slice event)
{
    struct update *u = make(SLICE("i"), type, retry, data);
    ck_assert_ptr_nonnull(u);
    ck_assert_uint_eq(u->event.len, event.len);
    ck_assert_mem_eq(u->event.ptr, event.ptr, event.len);
    update_unref(&u);
    ck_assert_ptr_null(u);
}

START_TEST(an_event_has_its_fields_in_order_with_one_blank)
{
    struct slice none = SLICE("");
    expect(none, none, SLICE("a"), SLICE("id: i\ndata: a\n\n"));
    expect(SLICE("t"), SLICE("5"), SLICE("a"), SLICE("event: t\nretry: 5\nid: i\ndata: a\n\n"));
    expect(none, none, none, SLICE("id: i\ndata: \n\n"));
}
END_TEST

START_TEST(data_is_split_at_every_kind_of_line_end)
{
    struct slice none = SLICE("");
    expect(none, none, SLICE("a\nb"), SLICE("id: i\ndata: a\ndata: b\n\n"));
    expect(none, none, SLICE("a\r\nb\rc"), SLICE("id: i\ndata: a\ndata: b\ndata: c\n\n"));
    expect(none, none, SLICE("a\n"), SLICE("id: i\ndata: a\ndata: \n\n"));
    expect(none, none, SLICE("\r\r\n\n"), SLICE("id: i\ndata: \ndata: \ndata: \ndata: \n\n"));
    expect(none, none, SLICE("x\0y"), SLICE("id: i\ndata: x\0y\n\n"));
}
END_TEST

START_TEST(the_frame_is_one_chunk_around_the_event)
{
    struct update *u = make(SLICE("i"), SLICE(""), SLICE(""), SLICE("hello"));
    ck_assert(slice_eq(u->frame, SLICE("13\r\nid: i\ndata: hello\n\n\r\n")));
    ck_assert_ptr_eq(u->event.ptr, u->frame.ptr + 4);
    ck_assert(slice_eq(u->id, SLICE("i")));
    ck_assert_uint_eq(u->topic_count, 2);
    ck_assert(slice_eq(u->topics[1].text, SLICE("https://example.com/2")));
    update_unref(&u);
}
END_TEST

START_TEST(an_update_past_its_maximum_is_refused)
{
    struct slice topic = SLICE("t");
    const struct update_parts parts = {
        .topics = &topic, .topic_count = 1, .id = SLICE("i"), .data = SLICE("0123456789")};
    bool too_large = false;
    ck_assert_ptr_null(update_new(&parts, 20, &too_large));
    ck_assert(too_large);
    struct update *u = update_new(&parts, 30, &too_large);
    ck_assert_ptr_nonnull(u);
    ck_assert(!too_large);
    update_unref(&u);
    const struct slice topics[] = {SLICE("t"), SLICE("another topic")}; /* they are stored too */
    const struct update_parts more = {
        .topics = topics, .topic_count = 2, .id = SLICE("i"), .data = SLICE("0123456789")};
    ck_assert_ptr_null(update_new(&more, 30, &too_large));
    ck_assert(too_large);
    char id[200] = ""; /* and so is the id, beside the event that it stands in */
    memset(id, 'i', sizeof id);
    const struct update_parts longer = {
        .topics = &topic, .topic_count = 1, .id = SLICE_OF(id, sizeof id), .data = SLICE("")};
    ck_assert_ptr_null(update_new(&longer, 400, &too_large));
    ck_assert(too_large);
    ck_assert_ptr_nonnull(u = update_new(&longer, 420, &too_large));
    update_unref(&u);
}
END_TEST

START_TEST(a_batch_finds_what_is_behind_a_position)
{
    struct batch *b = batch_new(3);
    b->after = (struct position){1, 10};
    b->upto = (struct position){1, 13};
    for (unsigned i = 0; i < 3; i++) {
        b->updates[i] = make(SLICE("i"), SLICE(""), SLICE(""), SLICE(""));
        b->updates[i]->position = (struct position){1, 11 + i};
    }
    ck_assert_uint_eq(batch_index_after(b, (struct position){1, 10}), 0);
    ck_assert_uint_eq(batch_index_after(b, (struct position){0, 99}), 0);
    ck_assert_uint_eq(batch_index_after(b, (struct position){1, 12}), 2);
    ck_assert_uint_eq(batch_index_after(b, (struct position){1, 13}), 3);
    ck_assert_uint_eq(batch_index_after(b, (struct position){2, 0}), 3);
    ck_assert_int_eq(position_cmp(batch_before(b, 0), b->after), 0);
    ck_assert_uint_eq(batch_before(b, 2).sequence, 12);
    batch_unref(&b);
}
END_TEST

enum {
    THREADS = 4,
    BASES = 3
};

static struct update *shared;

static void *
ask_for_urls(void *arg)
{
    static const char *const bases[BASES] = {"https://one.example/", "https://two.example/a", ""};
    const struct url *url;
    struct slice key;
    (void)arg;
    for (size_t i = 0; i < 60; i++) {
        struct slice base = slice_of(bases[i % BASES]);
        ck_assert(topic_url(&shared->topics[0], base, &url, &key));
        ck_assert(slice_eq(url->host, SLICE("example.com")));
        ck_assert(topic_url(&shared->topics[1], base, &url, &key) == (base.len > 0));
        if (base.len)
            ck_assert(slice_starts(base, slice_head(key, 16)));
        ck_assert(!topic_url(&shared->topics[2], base, NULL, NULL));
    }
    return NULL;
}

START_TEST(any_number_of_threads_may_ask_what_url_a_topic_is)
{
    struct slice topics[] = {SLICE("https://example.com/1"), SLICE("/2"), SLICE("https://[")};
    const struct update_parts parts = {.topics = topics, .topic_count = 3, .id = SLICE("i")};
    bool too_large;
    for (size_t round = 0; round < 50; round++) {
        pthread_t threads[THREADS];
        shared = update_new(&parts, 1 << 20, &too_large);
        for (size_t i = 0; i < THREADS; i++)
            ck_assert_int_eq(pthread_create(&threads[i], NULL, ask_for_urls, NULL), 0);
        for (size_t i = 0; i < THREADS; i++)
            pthread_join(threads[i], NULL);
        update_unref(&shared);
    }
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("update");
    TCase *c = tcase_create("format");
    tcase_add_test(c, an_event_has_its_fields_in_order_with_one_blank);
    tcase_add_test(c, data_is_split_at_every_kind_of_line_end);
    tcase_add_test(c, the_frame_is_one_chunk_around_the_event);
    tcase_add_test(c, an_update_past_its_maximum_is_refused);
    tcase_add_test(c, any_number_of_threads_may_ask_what_url_a_topic_is);
    tcase_add_test(c, a_batch_finds_what_is_behind_a_position);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
