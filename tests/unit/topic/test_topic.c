/* What is worked out about a topic: kept with it for one base, remembered for others, and no more
 * of it than there is room for. */

#include "topic/topic.h"

#include "unit/guard.h"

#include <stdio.h>
#include <string.h>

enum {
    TOPICS = 1000,
    BASES = 64
};

static struct slice
base_of(unsigned n, char *out, size_t cap)
{
    int len = snprintf(out, cap, "http://h%u.example/hub", n);
    return SLICE_OF(out, (size_t)len);
}

static void
is_of(const struct topic *t, unsigned n)
{
    char text[40], host[20];
    const struct url *url;
    struct slice key;
    ck_assert(topic_url(t, base_of(n, text, sizeof text), &url, &key));
    snprintf(host, sizeof host, "h%u.example", n);
    ck_assert(slice_eq(url->host, slice_of(host)));
    ck_assert_uint_lt(slice_find(key, slice_of(host)), key.len);
}

START_TEST(any_number_of_bases_keeps_as_much_as_one)
{
    static struct topic topics[TOPICS];
    size_t one = 0;
    topic_set_room(16 << 20);
    for (size_t i = 0; i < TOPICS; i++)
        topics[i] = topic_of(SLICE("books/1"));
    for (unsigned n = 0; n < BASES; n++) {
        for (size_t i = 0; i < TOPICS; i++)
            is_of(&topics[i], n);
        one = n ? one : topic_kept();
        ck_assert_uint_eq(topic_kept(), one);
    }
    ck_assert_uint_gt(one, TOPICS * 100);
    for (size_t i = 0; i < TOPICS; i++)
        topic_fini(&topics[i]);
    ck_assert_uint_eq(topic_kept(), 0);
}
END_TEST

START_TEST(no_more_is_kept_than_there_is_room_for_and_all_are_answered)
{
    static struct topic topics[TOPICS];
    topic_set_room(10000);
    for (size_t i = 0; i < TOPICS; i++) {
        topics[i] = topic_of(SLICE("books/1"));
        is_of(&topics[i], 1);
        ck_assert_uint_le(topic_kept(), 10000);
    }
    ck_assert_uint_gt(topic_kept(), 5000);
    for (size_t i = 0; i < TOPICS; i++)
        is_of(&topics[i], 1);
    for (size_t i = 0; i < TOPICS; i++)
        topic_fini(&topics[i]);
    ck_assert_uint_eq(topic_kept(), 0);
    topic_set_room(4 << 20);
}
END_TEST

START_TEST(a_topic_is_parsed_once_while_one_base_is_asked_for)
{
    struct topic t = topic_of(SLICE("/a")), other = topic_of(SLICE("/b"));
    char one[40], two[40];
    struct slice first = base_of(1, one, sizeof one), second = base_of(2, two, sizeof two);
    ck_assert_uint_gt(topic_parse(&t, first), 0);
    ck_assert_uint_eq(topic_parse(&t, first), 0);
    ck_assert_uint_gt(topic_parse(&t, second), 0);
    ck_assert_uint_eq(topic_parse(&t, second), 0);
    ck_assert_uint_eq(topic_parse(&t, first), 0); /* it is kept */
    ck_assert_uint_eq(topic_parse(&t, second), 0);
    ck_assert_uint_gt(topic_parse(&other, second), 0);
    is_of(&t, 2); /* and not what was remembered of the other */
    is_of(&other, 1);
    is_of(&other, 2);
    topic_fini(&t);
    topic_fini(&other);
    /* One that is absolute is the same with every base. */
    t = topic_of(SLICE("https://example.com/a"));
    ck_assert_uint_gt(topic_parse(&t, first), 0);
    ck_assert_uint_eq(topic_parse(&t, second), 0);
    topic_fini(&t);
}
END_TEST

UNIT_MAIN("topic/topic", any_number_of_bases_keeps_as_much_as_one,
          no_more_is_kept_than_there_is_room_for_and_all_are_answered,
          a_topic_is_parsed_once_while_one_base_is_asked_for)
