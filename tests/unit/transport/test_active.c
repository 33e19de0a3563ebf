/* Active subscriptions: paths, JSON and events, to the letter of the protocol. */

#include "base/buf.h"
#include "transport/active_update.h"

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#define URN     "urn:uuid:8a0f9c6e-0000-7000-8000-000000000001"
#define URN_PCT "urn%3Auuid%3A8a0f9c6e-0000-7000-8000-000000000001"

static struct active *
make(enum dialect dialect, struct slice match, struct slice payload, struct slice who)
{
    const struct active_parts parts = {.dialect = dialect,
                                       .hub = SLICE("/.well-known/mercure"),
                                       .match_type =
                                           dialect == DIALECT_1_0 ? SLICE("exact") : SLICE(""),
                                       .match = match,
                                       .subscriber = SLICE(URN),
                                       .payload = payload,
                                       .who = who};
    struct active *a = active_new(&parts);
    ck_assert_ptr_nonnull(a);
    return a;
}

static void
expect_slice(struct slice got, struct slice want)
{
    ck_assert_uint_eq(got.len, want.len);
    ck_assert_mem_eq(got.ptr, want.ptr, want.len);
}

START_TEST(a_subscription_of_1_0_has_its_type_in_path_and_json)
{
    struct active *a = make(DIALECT_1_0, SLICE("https://example.com/a b?c=%2F~_-.é"),
                            SLICE("{\"n\":1.0}"), SLICE("me"));
    struct slice id = SLICE("/.well-known/mercure/subscriptions/exact/"
                            "https%3A%2F%2Fexample.com%2Fa%20b%3Fc%3D%252F~_-.%C3%A9/" URN_PCT);
    expect_slice(a->id, id);
    expect_slice(slice_head(a->id, a->collection_len),
                 slice_head(id, id.len - 1 - strlen(URN_PCT)));
    struct buf want;
    buf_init(&want, 4096);
    buf_addf(&want,
             "{\"id\":\"%.*s\",\"type\":\"subscription\",\"subscriber\":\"" URN "\",\"match\":"
             "\"https://example.com/a b?c=%%2F~_-.é\",\"match_type\":\"exact\",\"active\":true,"
             "\"payload\":{\"n\":1.0}}",
             SLICE_ARG(id));
    expect_slice(a->json, buf_slice(&want));
    struct update *u = active_update(a, true, SLICE("e1"));
    buf_clear(&want);
    buf_addf(&want,
             "event: mercure\nid: e1\ndata: {\"id\":\"%.*s\",\"type\":\"subscription\","
             "\"subscriber\":\"" URN "\",\"match\":\"https://example.com/a b?c=%%2F~_-.é\","
             "\"match_type\":\"exact\",\"active\":false,\"payload\":{\"n\":1.0}}\n\n",
             SLICE_ARG(id));
    expect_slice(u->event, buf_slice(&want));
    ck_assert_int_eq(u->kind, UPDATE_END);
    ck_assert_int_eq(u->dialect, DIALECT_1_0);
    ck_assert(u->is_private);
    ck_assert(!u->id_is_chosen);
    ck_assert_uint_eq(u->topic_count, 1);
    expect_slice(u->topics[0].text, a->id);
    ck_assert_ptr_eq(u->active, a);
    update_unref(&u);
    buf_fini(&want);
    active_unref(&a);
    ck_assert_ptr_null(a);
}
END_TEST

START_TEST(a_subscription_of_0x_is_json_ld_and_its_event_has_no_type)
{
    struct active *a = make(DIALECT_0X, SLICE("*"), SLICE(""), SLICE(""));
    struct slice id = SLICE("/.well-known/mercure/subscriptions/%2A/" URN_PCT);
    expect_slice(a->id, id);
    expect_slice(a->json, SLICE("{\"id\":\"/.well-known/mercure/subscriptions/%2A/" URN_PCT
                                "\",\"type\":\"Subscription\",\"subscriber\":\"" URN
                                "\",\"topic\":\"*\",\"active\":true}"));
    struct update *u = active_update(a, false, SLICE("b1"));
    expect_slice(
        u->event,
        SLICE("id: b1\ndata: {\"@context\":\"https://mercure.rocks/\",\"id\":\"/.well-known/"
              "mercure/subscriptions/%2A/" URN_PCT "\",\"type\":\"Subscription\","
              "\"subscriber\":\"" URN "\",\"topic\":\"*\",\"active\":true}\n\n"));
    ck_assert_int_eq(u->kind, UPDATE_BEGIN);
    ck_assert_int_eq(u->dialect, DIALECT_0X);
    update_unref(&u);
    active_unref(&a);
}
END_TEST

START_TEST(whatever_a_topic_holds_the_event_is_one_line_of_json)
{
    struct active *a = make(DIALECT_0X,
                            SLICE("\"\\\r\n\0\x01\xff\","
                                  "\"active\":true"),
                            SLICE(""), SLICE(""));
    struct update *u = active_update(a, false, SLICE("b"));
    json_t *parsed = json_loadb(a->json.ptr, a->json.len, JSON_ALLOW_NUL, NULL);
    ck_assert_ptr_nonnull(parsed);
    struct slice topic = SLICE_OF(json_string_value(json_object_get(parsed, "topic")),
                                  json_string_length(json_object_get(parsed, "topic")));
    expect_slice(topic, SLICE("\"\\\r\n\0\x01\xEF\xBF\xBD\",\"active\":true"));
    ck_assert(json_is_true(json_object_get(parsed, "active")));
    expect_slice(slice_head(slice_from(a->json, a->active_at), 5), SLICE("true}"));
    ck_assert_uint_eq(slice_count(u->event, '\n'), 3);
    ck_assert_uint_eq(slice_count(u->event, '\r'), 0);
    ck_assert(slice_starts(a->id, SLICE("/.well-known/mercure/subscriptions/"
                                        "%22%5C%0D%0A%00%01%FF%22%2C%22active%22%3Atrue/")));
    json_decref(parsed);
    update_unref(&u);
    active_unref(&a);
}
END_TEST

START_TEST(the_same_is_the_same_person_payload_and_matcher_and_nobody_never_is)
{
    struct slice who = SLICE("iss sub"), payload = SLICE("{\"a\":1}"), match = SLICE("m");
    struct active *all[] = {
        make(DIALECT_1_0, match, payload, who), make(DIALECT_0X, match, payload, who),
        make(DIALECT_1_0, SLICE("n"), payload, who), make(DIALECT_1_0, match, SLICE(""), who),
        make(DIALECT_1_0, match, payload, SLICE("iss2 sub"))};
    struct active *again = make(DIALECT_1_0, match, payload, who);
    struct active *nobody = make(DIALECT_1_0, match, payload, SLICE(""));
    ck_assert_uint_eq(again->same, all[0]->same);
    ck_assert_uint_eq(nobody->same, 0);
    for (size_t i = 0; i < COUNT_OF(all); i++) {
        ck_assert_uint_ne(all[i]->same, 0);
        for (size_t j = 0; j < i; j++)
            ck_assert_uint_ne(all[i]->same, all[j]->same);
    }
    for (size_t i = 0; i < COUNT_OF(all); i++)
        active_unref(&all[i]);
    active_unref(&again);
    active_unref(&nobody);
}
END_TEST

/* As a history gives it back. */
static struct update *
read_back(const struct update *u)
{
    const struct update_formatted f = {
        .topics = &u->topics[0].text, .topic_count = 1, .id = u->id, .event = u->event};
    struct update *back = update_restore(&f);
    back->kind = u->kind;
    back->dialect = u->dialect;
    back->same = u->same;
    return back;
}

START_TEST(a_begin_that_was_read_back_is_the_subscription_again)
{
    for (int dialect = 0; dialect < DIALECTS; dialect++) {
        struct active *a =
            make(dialect, SLICE("a,\"active\":true,\\"), SLICE("[\"active\",true]"), SLICE("me"));
        struct update *begin = active_update(a, false, SLICE("b")), *back = read_back(begin);
        struct active *b = active_update_read(back);
        ck_assert_ptr_nonnull(b);
        expect_slice(b->id, a->id);
        expect_slice(b->json, a->json);
        ck_assert_uint_eq(b->collection_len, a->collection_len);
        ck_assert_uint_eq(b->active_at, a->active_at);
        ck_assert_uint_eq(b->same, a->same);
        ck_assert_int_eq(b->dialect, dialect);
        ck_assert_uint_eq(active_size(b), active_size(a));
        struct update *end = active_update(a, true, SLICE("e"));
        struct update *end_again = active_update(b, true, SLICE("e"));
        expect_slice(end_again->event, end->event);
        update_unref(&end);
        update_unref(&end_again);
        active_unref(&b);
        update_unref(&back);
        update_unref(&begin);
        active_unref(&a);
    }
}
END_TEST

START_TEST(what_is_no_begin_is_no_subscription)
{
    struct slice topics[] = {SLICE("/h/subscriptions/a/s"), SLICE("nothing")};
    struct slice events[] = {SLICE("id: 1\ndata: {\"id\":1,\"active\":true}\n\n"),
                             SLICE("id: 1\ndata: {\"id\":1,\"active\":false}\n\n"),
                             SLICE("id: 1\ndata: x\n\n"),
                             SLICE("id: 1\ndata: {\"@context\":\"https://mercure.rocks/\","),
                             SLICE("id: 1\ndata: {\"id\":1,\r\"active\":true}\n\n"),
                             SLICE("id: 1\n\n"),
                             SLICE("")};
    for (size_t t = 0; t < COUNT_OF(topics); t++) {
        for (size_t e = 0; e < COUNT_OF(events); e++) {
            const struct update_formatted f = {
                .topics = &topics[t], .topic_count = 1, .id = SLICE("1"), .event = events[e]};
            struct update *u = update_restore(&f);
            ck_assert_ptr_null(active_update_read(u)); /* it was published */
            u->kind = UPDATE_BEGIN;
            struct active *a = active_update_read(u);
            ck_assert_int_eq(a != NULL, t == 0 && e == 0);
            active_unref(&a);
            update_unref(&u);
        }
    }
}
END_TEST

START_TEST(an_end_is_told_by_who_took_it_over_last_and_by_nobody_before)
{
    struct active *a = make(DIALECT_1_0, SLICE("m"), SLICE(""), SLICE(""));
    unsigned first = 0, second, third;
    ck_assert(active_take_over(a, &second));
    ck_assert(!active_claim_end(a, first));
    ck_assert(active_take_over(a, &third));
    ck_assert(third != second && !active_claim_end(a, second));
    ck_assert(active_claim_end(a, third));
    ck_assert(!active_claim_end(a, third));
    ck_assert(!active_take_over(a, &second));
    struct active *foreign = active_restore(a->dialect, a->id, a->json, a->same);
    active_is_foreign(foreign);
    ck_assert(!active_take_over(foreign, &second)); /* another hub's is none of ours */
    active_unref(&foreign);
    active_unref(&a);
}
END_TEST

int
main(void)
{
    Suite *s = suite_create("active");
    TCase *c = tcase_create("letters");
    tcase_add_test(c, a_subscription_of_1_0_has_its_type_in_path_and_json);
    tcase_add_test(c, a_subscription_of_0x_is_json_ld_and_its_event_has_no_type);
    tcase_add_test(c, whatever_a_topic_holds_the_event_is_one_line_of_json);
    tcase_add_test(c, the_same_is_the_same_person_payload_and_matcher_and_nobody_never_is);
    tcase_add_test(c, a_begin_that_was_read_back_is_the_subscription_again);
    tcase_add_test(c, what_is_no_begin_is_no_subscription);
    tcase_add_test(c, an_end_is_told_by_who_took_it_over_last_and_by_nobody_before);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
