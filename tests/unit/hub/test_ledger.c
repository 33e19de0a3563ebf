/* The ledger: what several workers find about the same updates, in one place and one order; and
 * nothing that is lost without a word. */

#include "hub/ledger.h"

#include "unit/guard.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MANY = 1000
};

static struct ledger ledger;
static struct finding finding;
static char taken[2 * LEDGER_BYTES];

static void
begin(unsigned workers)
{
    ledger_init(&ledger, workers);
    finding_init(&finding);
}

static void
end(void)
{
    finding_fini(&finding);
    ledger_fini(&ledger);
}

static void
begin_armed(unsigned workers)
{
    begin(workers);
    for (unsigned i = 0; i < workers; i++)
        ck_assert_int_eq(ledger_arm(&ledger, (struct position){1, 0}), i + 1 == workers);
}

/* A worker is done with the update at that sequence, whose id is its number. */
static void
enter_update(uint64_t sequence, const struct update_parts *more)
{
    char id[24];
    const struct slice topic = SLICE("t");
    struct update_parts parts = *more;
    bool too_large;
    snprintf(id, sizeof id, "%llu", (unsigned long long)sequence);
    parts.topics = parts.topics ? parts.topics : &topic;
    parts.topic_count = parts.topic_count ? parts.topic_count : 1;
    parts.id = slice_of(id);
    struct update *u = update_new(&parts, 1 << 20, &too_large);
    u->position = (struct position){1, sequence};
    ledger_enter(&ledger, u, &finding, 5);
    update_unref(&u);
    finding_clear(&finding);
}

static void
enter(uint64_t sequence)
{
    enter_update(sequence, &(struct update_parts){.data = SLICE("x")});
}

static void
met(enum trace_meeting how, unsigned count)
{
    static struct exchange ex = {.token_by = "cookie"};
    for (unsigned i = 0; i < count; i++, ex.id++)
        finding_add(&finding, &ex, NULL, how);
}

static const char *
take(void)
{
    struct buf text;
    ledger_take(&ledger, &text);
    ck_assert(!text.failed && text.len < sizeof taken);
    memcpy(taken, text.len ? text.ptr : "", text.len);
    taken[text.len] = 0;
    buf_fini(&text);
    return taken;
}

static unsigned
count(const char *text, const char *what)
{
    unsigned n = 0;
    for (; (text = strstr(text, what)) != NULL; text++)
        n++;
    return n;
}

#define HAS(text, what) ck_assert_msg(strstr(text, what) != NULL, "%s is not in %s", what, text)

START_TEST(an_update_is_told_when_the_last_worker_is_done_with_it)
{
    begin_armed(3);
    met(TRACE_SENT, 2);
    enter(1);
    met(TRACE_SENT, 1);
    met(TRACE_CATCHING_UP, 1);
    enter(1);
    ck_assert(!ledger_has_news(&ledger));
    met(TRACE_NOT_GRANTED, 1);
    enter(1);
    ck_assert(ledger_has_news(&ledger));
    const char *text = take();
    HAS(text, "event=published id=\"1\" topics=\"t\" private=false type=\"\"");
    HAS(text, " connected=5 matched=3 catching_up=1 withheld=1");
    ck_assert_uint_eq(count(text, "event=matched"), 3);
    HAS(text, "reason=no_token");
    ck_assert(!ledger_has_news(&ledger));
    end();
}
END_TEST

START_TEST(updates_are_told_in_their_order_whatever_order_the_workers_are_in)
{
    begin_armed(2);
    for (uint64_t i = 1; i <= 100; i++)
        enter(i);
    ck_assert(!ledger_has_news(&ledger));
    for (uint64_t i = 1; i <= 100; i++) {
        char expected[32];
        enter(i);
        snprintf(expected, sizeof expected, "id=\"%llu\"", (unsigned long long)i);
        const char *text = take();
        HAS(text, expected);
        ck_assert_uint_eq(count(text, "event=published"), 1);
    }
    end();
}
END_TEST

START_TEST(what_stood_before_the_last_worker_that_came_is_not_told)
{
    begin(2);
    ck_assert(!ledger_arm(&ledger, (struct position){1, 3}));
    for (uint64_t i = 2; i <= 9; i++)
        enter(i);
    ck_assert(ledger_arm(&ledger, (struct position){1, 6}));
    for (uint64_t i = 5; i <= 9; i++)
        enter(i);
    const char *text = take();
    ck_assert_uint_eq(count(text, "event=published"), 3);
    HAS(text, "id=\"7\"");
    HAS(text, "id=\"9\"");
    ck_assert_uint_eq(count(text, "event=lost"), 0);
    end();
}
END_TEST

/* What is told and what is said to be lost are all there were. */
static void
judge(const char *text, unsigned all)
{
    unsigned lost = 0;
    for (const char *at = text; (at = strstr(at, "event=lost count=")) != NULL; at++)
        lost += (unsigned)atoi(at + strlen("event=lost count="));
    ck_assert_uint_gt(lost, 0);
    ck_assert_uint_eq(count(text, "event=published") + lost, all);
    ck_assert_uint_eq(count(text, "data: "), count(text, "\n") - count(text, "\n\n"));
}

START_TEST(a_worker_that_is_far_behind_costs_updates_and_they_are_counted)
{
    begin_armed(2);
    for (uint64_t i = 1; i <= MANY; i++)
        enter(i);
    for (uint64_t i = 1; i <= MANY; i++)
        enter(i);
    const char *text = take();
    judge(text, MANY);
    ck_assert_uint_eq(count(text, "event=published"), LEDGER_OPEN);
    for (int i = 0; i < 2; i++)
        enter(MANY + 1);
    text = take();
    HAS(text, "event=published id=\"1001\"");
    ck_assert_uint_eq(count(text, "event=lost"), 0);
    end();
}
END_TEST

START_TEST(text_that_nobody_takes_is_bounded_and_what_was_lost_is_told_in_its_place)
{
    begin_armed(1);
    for (uint64_t i = 1; i <= 10000; i++)
        enter(i);
    ck_assert_uint_le(ledger.text.len, LEDGER_BYTES + 512);
    const char *text = take();
    judge(text, 10000);
    ck_assert_ptr_ne(strstr(strstr(text, "event=lost"), "\n\n"), NULL);
    enter(10001);
    ck_assert_uint_eq(count(take(), "event=lost"), 0);
    end();
}
END_TEST

START_TEST(many_streams_are_counted_and_the_first_are_named)
{
    begin_armed(2);
    for (int worker = 0; worker < 2; worker++) {
        met(TRACE_SENT, 1000);
        met(TRACE_NOT_GRANTED, 100);
        enter(1);
    }
    const char *text = take();
    HAS(text, " matched=2000 catching_up=0 withheld=200");
    ck_assert_uint_eq(count(text, "event=matched"), 2 * FINDING_NAMED);
    ck_assert_uint_eq(count(text, "event=withheld"), 2 * FINDING_NAMED);
    end();
}
END_TEST

START_TEST(names_are_bounded_where_many_updates_are_open)
{
    begin_armed(2);
    for (uint64_t i = 1; i <= LEDGER_OPEN; i++) {
        met(TRACE_NOT_GRANTED, 1000);
        enter(i);
        ck_assert_uint_le(ledger.open_bytes, LEDGER_BYTES);
    }
    for (uint64_t i = 1; i <= LEDGER_OPEN; i++)
        enter(i);
    ck_assert_uint_eq(ledger.open_bytes, 0);
    HAS(take(), "withheld=1000");
    end();
}
END_TEST

START_TEST(hints_are_given_where_there_is_something_to_hint_at)
{
    static const struct {
        const char *type;
        enum trace_meeting how;
        unsigned streams;
        const char *hint; /* NULL: none */
    } rows[] = {
        {"", TRACE_SENT, 1, NULL},
        {"message", TRACE_SENT, 1, NULL},
        {"chat", TRACE_SENT, 1, "onmessage does not hear"},
        {"chat", TRACE_CATCHING_UP, 1, "onmessage does not hear"},
        {"chat", TRACE_NOT_GRANTED, 1, "nobody gets it"},
        {"chat", TRACE_SENT, 0, "nobody who is connected asks"},
        {"", TRACE_SENT, 0, "nobody who is connected asks"},
    };
    begin_armed(1);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        met(rows[i].how, rows[i].streams);
        enter_update(i + 1, &(struct update_parts){.type = slice_of(rows[i].type)});
        char *text = strdup(take());
        *strchr(text, '\n') = 0;
        HAS(text, rows[i].type);
        if (rows[i].hint)
            HAS(text, rows[i].hint);
        else
            ck_assert_ptr_eq(strstr(text, "msg="), NULL);
        free(text);
    }
    end();
}
END_TEST

START_TEST(whatever_an_update_holds_its_line_stays_one)
{
    static const char *const nasty[] = {"a\"b",    "a\\",         "a\nevent: x", "a\r\n\r\ndata: x",
                                        "\x1b[2J", "\xe2\x80\xae"};
    char large[5000];
    memset(large, 'x', sizeof large);
    begin_armed(1);
    for (uint64_t i = 0; i <= sizeof nasty / sizeof nasty[0]; i++) {
        struct slice topics[50];
        for (size_t k = 0; k < 50; k++)
            topics[k] = i < 6 ? slice_of(nasty[i]) : SLICE_OF(large, sizeof large);
        enter_update(i + 1, &(struct update_parts){.topics = topics,
                                                   .topic_count = 50,
                                                   .type = SLICE_OF(large, 1000),
                                                   .data = topics[0]});
        const char *text = take();
        ck_assert_uint_eq(count(text, "\n"), 2);
        ck_assert_uint_lt(strlen(text), TRACE_LINE_BYTES);
        ck_assert_uint_eq(count(text, "\x1b") + count(text, "\xe2"), 0);
    }
    end();
}
END_TEST

START_TEST(other_lines_come_between_as_they_happen)
{
    begin_armed(1);
    enter(1);
    ledger_say(&ledger, "stream_begin", SLICE("conn=7"));
    enter(2);
    const char *text = take(), *between = strstr(text, "event=stream_begin conn=7\n\n");
    ck_assert_ptr_ne(between, NULL);
    ck_assert(strstr(text, "id=\"1\"") < between && between < strstr(text, "id=\"2\""));
    end();
}
END_TEST

UNIT_MAIN("hub/ledger", an_update_is_told_when_the_last_worker_is_done_with_it,
          updates_are_told_in_their_order_whatever_order_the_workers_are_in,
          what_stood_before_the_last_worker_that_came_is_not_told,
          a_worker_that_is_far_behind_costs_updates_and_they_are_counted,
          text_that_nobody_takes_is_bounded_and_what_was_lost_is_told_in_its_place,
          many_streams_are_counted_and_the_first_are_named,
          names_are_bounded_where_many_updates_are_open,
          hints_are_given_where_there_is_something_to_hint_at,
          whatever_an_update_holds_its_line_stays_one, other_lines_come_between_as_they_happen)
