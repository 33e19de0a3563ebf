/* Threads meet here. */

#include "mod_alipes/arrival.h"

#include "unit/guard.h"

static const struct hub hub = {.name = "h"};

START_TEST(a_streams_head_is_cut_from_its_body_wherever_it_is_split)
{
    static const struct slice reply = SLICE_INIT("Content-Type: text/event-stream\r\n\r\n:\n");
    for (size_t at = 0; at <= reply.len; at++) {
        struct arrival *a = arrival_new(&hub, NULL);
        struct slice body = {0};
        bool first = arrival_take(a, slice_head(reply, at), &body);
        struct slice more = first ? slice_from(reply, at) : SLICE("");
        if (!first)
            ck_assert(arrival_take(a, slice_from(reply, at), &body));
        ck_assert_uint_eq(body.len + more.len, 2);
        ck_assert_uint_eq(a->reply.len, reply.len - 2);
        ck_assert_int_eq(arrival_verdict(a), VERDICT_NONE); /* the poller says it */
        arrival_free(&a);
    }
}
END_TEST

START_TEST(another_reply_is_kept_to_its_end)
{
    struct arrival *a = arrival_new(&hub, NULL);
    struct slice body;
    ck_assert(!arrival_take(a, SLICE("Status: 401 No\r\n\r\nso"), &body));
    ck_assert(!arrival_take(a, SLICE(" it is"), &body));
    ck_assert_int_eq(arrival_verdict(a), VERDICT_NONE);
    arrival_over(a);
    ck_assert_int_eq(arrival_verdict(a), VERDICT_REPLY);
    ck_assert(slice_eq(slice_from(buf_slice(&a->reply), a->head.size), SLICE("so it is")));
    arrival_free(&a);
}
END_TEST

START_TEST(a_reply_without_a_head_or_too_long_is_broken)
{
    static const char long_one[ARRIVAL_REPLY];
    struct slice body;
    struct arrival *a = arrival_new(&hub, NULL);
    arrival_over(a);
    ck_assert_int_eq(arrival_verdict(a), VERDICT_BROKEN);
    arrival_free(&a);
    a = arrival_new(&hub, NULL);
    ck_assert(!arrival_take(a, SLICE("Status: 404\r\n\r\n"), &body));
    ck_assert(!arrival_take(a, SLICE_OF(long_one, sizeof long_one), &body));
    ck_assert_int_eq(arrival_verdict(a), VERDICT_BROKEN);
    arrival_free(&a);
}
END_TEST

static void *
answer(void *a)
{
    arrival_answer(a, VERDICT_AWAY);
    arrival_answer(a, VERDICT_BUSY);
    return NULL;
}

START_TEST(a_worker_hears_the_first_verdict_or_has_waited_in_vain)
{
    pthread_t poller;
    struct arrival *a = arrival_new(&hub, NULL);
    ck_assert_int_eq(arrival_wait(a, 1), VERDICT_NONE);
    ck_assert_int_eq(pthread_create(&poller, NULL, answer, a), 0);
    ck_assert_int_eq(arrival_wait(a, 60000), VERDICT_AWAY);
    pthread_join(poller, NULL);
    ck_assert_int_eq(arrival_verdict(a), VERDICT_AWAY);
    arrival_free(&a);
}
END_TEST

UNIT_MAIN("arrival", a_streams_head_is_cut_from_its_body_wherever_it_is_split,
          another_reply_is_kept_to_its_end, a_reply_without_a_head_or_too_long_is_broken,
          a_worker_hears_the_first_verdict_or_has_waited_in_vain)
