/* The fault table of a publish, both columns. */

#include "hub/publish_form.h"

#include "unit/guard.h"

#include <stdlib.h>

static const struct publish_form_limits limits = {100, 3, 48, 64};

#define SIXTEEN "0123456789abcdef"

static const struct {
    struct slice form;
    unsigned status_0x, status_1_0; /* 200: accepted */
} rows[] = {
    {SLICE_INIT("topic=a"), 200, 200},
    {SLICE_INIT("topic="), 200, 200}, /* reserved in 1.0, but not by the form alone */
    {SLICE_INIT("topic=a&data=%00&private&id=x&type=y&retry=5&unknown=%01"), 200, 200},
    {SLICE_INIT(""), 400, 400},
    {SLICE_INIT("data=x"), 400, 400},
    {SLICE_INIT("Topic=a"), 400, 400},
    {SLICE_INIT("topic[]=a"), 400, 400},
    {SLICE_INIT("topic=a&retry=x"), 400, 400},
    {SLICE_INIT("topic=a&retry=-1"), 400, 400},
    {SLICE_INIT("topic=a&retry=+1"), 400, 400},
    {SLICE_INIT("topic=a&retry=1.0"), 400, 400},
    {SLICE_INIT("topic=a&retry="), 200, 200},
    {SLICE_INIT("topic=a&retry=0"), 200, 200},
    {SLICE_INIT("topic=a&retry=00018446744073709551615"), 200, 200},
    {SLICE_INIT("topic=a&retry=18446744073709551616"), 400, 400},
    {SLICE_INIT("topic=a&id=%00"), 400, 400},
    {SLICE_INIT("topic=a&id=a%0Ab"), 400, 400},
    {SLICE_INIT("topic=a&id=%09"), 400, 400},
    {SLICE_INIT("topic=a&id=%7F"), 400, 400},
    {SLICE_INIT("topic=a&id=%C2%85"), 200, 400},
    {SLICE_INIT("topic=a&id=%E2%80%8B"), 200, 400},
    {SLICE_INIT("topic=a&id=%FF"), 200, 400},
    {SLICE_INIT("topic=a&id=%C3%A9%20x"), 200, 200},
    /* HTTP takes the blanks off Last-Event-ID. */
    {SLICE_INIT("topic=a&id=x%20"), 400, 400},
    {SLICE_INIT("topic=a&id=+x"), 400, 400},
    {SLICE_INIT("topic=a&id=+"), 400, 400},
    {SLICE_INIT("topic=a&id=x+y"), 200, 200},
    {SLICE_INIT("topic=a&id=x%09"), 400, 400},
    {SLICE_INIT("topic=a&id=x%C2%A0"), 200, 200},
    {SLICE_INIT("topic=a&id=" SIXTEEN SIXTEEN SIXTEEN SIXTEEN), 200, 200},
    {SLICE_INIT("topic=a&id=" SIXTEEN SIXTEEN SIXTEEN SIXTEEN "x"), 400, 413},
    {SLICE_INIT("topic=a&id=earliest"), 200, 400},
    {SLICE_INIT("topic=a&id=earliest2"), 200, 200},
    {SLICE_INIT("topic=a&id=Earliest"), 200, 200},
    {SLICE_INIT("topic=a&id=%23"), 200, 400},
    {SLICE_INIT("topic=a&id=%23x"), 200, 400},
    {SLICE_INIT("topic=a&id=x%23"), 200, 200},
    {SLICE_INIT("topic=a&id=ok&id=%23x"), 200, 200},
    {SLICE_INIT("topic=a&type=%00"), 400, 400},
    {SLICE_INIT("topic=a&type=a%0Db"), 400, 400},
    {SLICE_INIT("topic=a&type=a%0Ab"), 400, 400},
    {SLICE_INIT("topic=a&type=%09"), 200, 400},
    {SLICE_INIT("topic=a&type=%7F"), 200, 400},
    {SLICE_INIT("topic=a&type=%C2%AD"), 200, 400},
    {SLICE_INIT("topic=a&type=%FF"), 200, 400},
    {SLICE_INIT("topic=a&type=mercure"), 200, 400},
    {SLICE_INIT("topic=a&type=Mercure"), 200, 200},
    {SLICE_INIT("topic=*"), 200, 400},
    {SLICE_INIT("topic=a&topic=*"), 200, 400},
    {SLICE_INIT("topic=**"), 200, 200},
    {SLICE_INIT("topic=%00"), 200, 400},
    {SLICE_INIT("topic=a%0A"), 200, 400},
    {SLICE_INIT("topic=%C2%9F"), 200, 400},
    {SLICE_INIT("topic=a&topic=%EF%BB%BF"), 200, 400},
    {SLICE_INIT("topic=%C3"), 200, 400},
    {SLICE_INIT("topic=a&data=%FF"), 200, 400},
    {SLICE_INIT("topic=a&data=%E2%80%8B%01"), 200, 200},
    {SLICE_INIT("topic=a&other=%FF"), 200, 400},
    {SLICE_INIT("topic=a&%FF=x"), 200, 400},
    {SLICE_INIT("topic=a&topic=b&topic=c"), 200, 200},
    {SLICE_INIT("topic=a&topic=b&topic=c&topic=d"), 400, 413},
    {SLICE_INIT("topic=" SIXTEEN "&topic=" SIXTEEN "&topic=%30" SIXTEEN "&data=x"), 400, 413},
    {SLICE_INIT("topic=" SIXTEEN "&topic=%30123456789abcdef&topic=" SIXTEEN "&data=x"), 200, 200},
    {SLICE_INIT("topic=" SIXTEEN SIXTEEN SIXTEEN "x"), 400, 413},
};

static unsigned
status_of(struct slice form, enum dialect dialect)
{
    struct arena arena;
    struct publish_form f;
    arena_init(&arena, 65536);
    enum publish_form_fault fault =
        publish_form_read(&arena, guard_copy(form), dialect, &limits, &f);
    ck_assert(slice_ends(publish_form_sentence(fault), SLICE("\n")));
    arena_fini(&arena);
    return fault == PUBLISH_FORM_OK ? 200 : publish_form_status(fault, dialect);
}

START_TEST(every_row_has_its_status_in_both_dialects)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        unsigned old = status_of(rows[i].form, DIALECT_0X);
        unsigned new = status_of(rows[i].form, DIALECT_1_0);
        ck_assert_msg(old == rows[i].status_0x, SLICE_FMT ": 0.x %u", SLICE_ARG(rows[i].form), old);
        ck_assert_msg(new == rows[i].status_1_0, SLICE_FMT ": 1.0 %u", SLICE_ARG(rows[i].form),
                      new);
    }
}
END_TEST

START_TEST(the_first_value_counts_and_zeros_are_dropped)
{
    struct arena arena;
    struct publish_form f;
    arena_init(&arena, 65536);
    ck_assert_int_eq(
        publish_form_read(
            &arena, SLICE("topic=a&topic=b&data=d&data=x&id=&id=x&type=t&type=x&retry=007&retry=x"),
            DIALECT_1_0, &limits, &f),
        PUBLISH_FORM_OK);
    ck_assert_uint_eq(f.topic_count, 2);
    ck_assert(slice_eq(f.topics[0], SLICE("a")) && slice_eq(f.topics[1], SLICE("b")));
    ck_assert(slice_eq(f.data, SLICE("d")) && f.id.len == 0);
    ck_assert(slice_eq(f.type, SLICE("t")) && slice_eq(f.retry, SLICE("7")));
    ck_assert(!f.is_private);
    ck_assert_int_eq(
        publish_form_read(&arena, SLICE("topic=a&private=0&retry=00"), DIALECT_0X, &limits, &f),
        PUBLISH_FORM_OK);
    ck_assert(f.is_private && f.retry.len == 0);
    arena_fini(&arena);
}
END_TEST

static const struct {
    struct slice form;
    enum publish_form_fault fault;
} topicless[] = {
    {SLICE_INIT(""), PUBLISH_FORM_NO_TOPIC},
    {SLICE_INIT("data=x"), PUBLISH_FORM_NO_TOPIC},
    {SLICE_INIT("topics=a"), PUBLISH_FORM_NO_TOPIC},
    {SLICE_INIT("topic[]=a"), PUBLISH_FORM_TOPIC_IN_BRACKETS},
    {SLICE_INIT("x=1&topic%5B0%5D=a&y=2"), PUBLISH_FORM_TOPIC_IN_BRACKETS},
    {SLICE_INIT("{\"topic\":\"a\"}"), PUBLISH_FORM_JSON},
    {SLICE_INIT("+{\"topic\":\"a&b=c\"}"), PUBLISH_FORM_JSON},
    {SLICE_INIT("[1]"), PUBLISH_FORM_JSON},
    {SLICE_INIT("topic=a&{"), PUBLISH_FORM_OK},
    {SLICE_INIT("topic=a&topic[]=b"), PUBLISH_FORM_OK},
};

START_TEST(what_is_there_instead_of_a_topic_is_told)
{
    for (size_t i = 0; i < COUNT_OF(topicless); i++) {
        struct arena arena;
        struct publish_form f;
        arena_init(&arena, 65536);
        enum publish_form_fault fault =
            publish_form_read(&arena, guard_copy(topicless[i].form), DIALECT_1_0, &limits, &f);
        ck_assert_msg(fault == topicless[i].fault, SLICE_FMT, SLICE_ARG(topicless[i].form));
        arena_fini(&arena);
    }
}
END_TEST

START_TEST(fields_that_are_not_known_are_counted_and_one_is_named)
{
    struct arena arena;
    struct publish_form f;
    arena_init(&arena, 65536);
    ck_assert_int_eq(publish_form_read(&arena, SLICE("topic=a&dat=x&private=no&other=y&id=1"),
                                       DIALECT_0X, &limits, &f),
                     PUBLISH_FORM_OK);
    ck_assert_uint_eq(f.unknown_count, 2);
    ck_assert(slice_eq(f.unknown, SLICE("dat")) && slice_eq(f.private_value, SLICE("no")));
    arena_fini(&arena);
}
END_TEST

START_TEST(too_many_fields_are_told_from_too_many_topics)
{
    struct arena arena;
    struct publish_form f;
    char form[404];
    for (int i = 0; i < 101; i++)
        memcpy(form + 4 * i, "x=y&", 4);
    arena_init(&arena, 65536);
    ck_assert_int_eq(publish_form_read(&arena, SLICE_OF(form, 404), DIALECT_0X, &limits, &f),
                     PUBLISH_FORM_TOO_MANY);
    ck_assert_int_eq(publish_form_read(&arena, SLICE_OF(form, 400), DIALECT_0X, &limits, &f),
                     PUBLISH_FORM_NO_TOPIC);
    arena_fini(&arena);
    arena_init(&arena, 8);
    ck_assert_int_eq(publish_form_read(&arena, SLICE("topic=a"), DIALECT_0X, &limits, &f),
                     PUBLISH_FORM_TOO_LARGE);
    arena_fini(&arena);
}
END_TEST

UNIT_MAIN("hub/publish_form", every_row_has_its_status_in_both_dialects,
          the_first_value_counts_and_zeros_are_dropped, what_is_there_instead_of_a_topic_is_told,
          fields_that_are_not_known_are_counted_and_one_is_named,
          too_many_fields_are_told_from_too_many_topics)
