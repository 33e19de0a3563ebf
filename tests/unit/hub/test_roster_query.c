/* Pages and topics of a list. */

#include "hub/roster_query.h"

#include "unit/guard.h"

#include <string.h>

enum {
    MAX_TOPICS = 3
};

static struct arena arena;

static const char *
read(const char *query, struct roster_query *q)
{
    return roster_query_read(&arena, guard_copy(slice_of(query)), MAX_TOPICS, q);
}

static void
begin(void)
{
    arena_init(&arena, 65536);
}

static void
end(void)
{
    arena_fini(&arena);
}

START_TEST(without_parameters_all_of_it_is_asked_for)
{
    struct roster_query q;
    begin();
    ck_assert_ptr_null(read("", &q));
    ck_assert(q.limit == SIZE_MAX && !q.has_after && q.topic_count == 0);
    ck_assert(roster_query_wants(&q, SLICE("anything")));
    ck_assert_ptr_null(read("last_event_id=7&Limit=x&limits=y&topic%5B%5D=z&authorization=t", &q));
    ck_assert(q.limit == SIZE_MAX && q.topic_count == 0);
    end();
}
END_TEST

START_TEST(a_bad_parameter_is_said_in_a_sentence)
{
    static const char *const bad[] = {
        "limit",
        "limit=",
        "limit=0",
        "limit=-1",
        "limit=1.5",
        "limit=%31 ",
        "limit=1&limit=1",
        "after=",
        "after=1",
        "after=1-",
        "after=-1",
        "after=1-2-3",
        "after=1-x",
        "after=1-2&after=1-2",
        "limit=18446744073709551615",
        "after=18446744073709551616-1",
        "topic=a&topic=b&topic=c&topic=d",
    };
    struct roster_query q;
    begin();
    for (size_t i = 0; i < COUNT_OF(bad); i++) {
        const char *fault = read(bad[i], &q);
        ck_assert_msg(fault && strlen(fault) > 10 && fault[strlen(fault) - 1] == '\n', "row %zu",
                      i);
    }
    end();
}
END_TEST

START_TEST(topics_are_compared_as_they_stand_in_ids)
{
    struct roster_query q;
    begin();
    ck_assert_ptr_null(read("topic=https%3A%2F%2Fz.example%2F%C3%A9&topic=a+b&topic=", &q));
    ck_assert_uint_eq(q.topic_count, 3);
    ck_assert(roster_query_wants(&q, SLICE("https%3A%2F%2Fz.example%2F%C3%A9")));
    ck_assert(roster_query_wants(&q, SLICE("a%20b")));
    ck_assert(roster_query_wants(&q, SLICE("")));
    ck_assert(!roster_query_wants(&q, SLICE("a")));
    end();
}
END_TEST

START_TEST(the_query_of_the_next_page_reads_as_what_it_was_made_of)
{
    struct roster_query q, again;
    struct buf b;
    begin();
    buf_init(&b, 65536);
    ck_assert_ptr_null(read("topic=%26%3D%23%25&limit=10&topic=a&after=1-2", &q));
    roster_query_add_next(&b, &q, (struct position){7, UINT64_MAX});
    buf_add_byte(&b, '\0');
    ck_assert_ptr_null(read(b.ptr, &again));
    ck_assert(again.limit == 10 && again.has_after);
    ck_assert(position_cmp(again.after, (struct position){7, UINT64_MAX}) == 0);
    ck_assert_uint_eq(again.topic_count, 2);
    for (size_t i = 0; i < 2; i++)
        ck_assert(slice_eq(again.topics[i], q.topics[i]));
    buf_fini(&b);
    end();
}
END_TEST

START_TEST(a_query_that_finds_no_room_is_said_to)
{
    struct roster_query q;
    arena_init(&arena, 40);
    ck_assert_ptr_nonnull(read("topic=a", &q));
    arena_fini(&arena);
}
END_TEST

UNIT_MAIN("hub/roster_query", without_parameters_all_of_it_is_asked_for,
          a_bad_parameter_is_said_in_a_sentence, topics_are_compared_as_they_stand_in_ids,
          the_query_of_the_next_page_reads_as_what_it_was_made_of,
          a_query_that_finds_no_room_is_said_to)
