/* Replay: a stream's own matchers, asked about one update, in one go or in many; and what that
 * costs. */

#include "hub/replay.h"

#include "unit/guard.h"

#include "base/hash.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MANY = 1000
};

static struct index ix;
static struct subscription subs[MANY];
static struct replay_matchers matchers;

static struct stream *const somebody = (struct stream *)&subs;

static void
ask_for(const char *const *texts, size_t count, size_t exact)
{
    index_init(&ix);
    matchers =
        (struct replay_matchers){.all = subs, .count = (uint32_t)count, .exact = (uint32_t)exact};
    for (size_t i = 0; i < count; i++) {
        const struct selector s = {.type = MATCHER_TEMPLATE, .text = slice_of(texts[i])};
        ck_assert_int_eq(index_add(&ix, &subs[i], somebody, &s, NULL), INDEX_ADDED);
    }
}

static void
leave(void)
{
    for (size_t i = 0; i < matchers.count; i++)
        index_remove(&ix, &subs[i]);
    index_fini(&ix);
}

static struct update *
update(const struct slice *topics, size_t count)
{
    const struct update_parts parts = {.topics = topics, .topic_count = count, .id = SLICE("i")};
    bool too_large;
    return update_new(&parts, 4 << 20, &too_large);
}

/* The answer, with so many steps a turn; *ret_taken: what it took in all. */
static enum match
answer(const struct slice *topics, size_t count, uint64_t steps_a_turn, uint64_t *ret_taken)
{
    struct update *u = update(topics, count);
    struct replay at = {0};
    enum match found = MATCH_LIMIT;
    *ret_taken = 0;
    while (found == MATCH_LIMIT) {
        uint64_t steps = steps_a_turn;
        found = replay_match(&ix, &matchers, u, &at, &steps);
        *ret_taken += steps_a_turn - steps;
        ck_assert(found != MATCH_LIMIT || steps == 0);
    }
    ck_assert(at.topic == 0 && at.matcher == 0 && !at.is_met);
    update_unref(&u);
    return found;
}

START_TEST(any_topic_by_any_matcher_in_one_go_or_in_many)
{
    static const char *const texts[] = {"", "b", "c", "cc", "x/{", "u{v}", "t/{x}"};
    static const struct {
        struct slice topics[3];
        enum match expected;
    } rows[] = {
        {{SLICE_INIT("a"), SLICE_INIT("bb"), SLICE_INIT("d")}, MATCH_NO},
        {{SLICE_INIT("a"), SLICE_INIT("bb"), SLICE_INIT("cc")}, MATCH_YES},
        {{SLICE_INIT("a"), SLICE_INIT(""), SLICE_INIT("z")}, MATCH_YES},
        {{SLICE_INIT("b"), SLICE_INIT("z"), SLICE_INIT("z")}, MATCH_YES},
        {{SLICE_INIT("a"), SLICE_INIT("t/1"), SLICE_INIT("z")}, MATCH_YES},
        {{SLICE_INIT("a"), SLICE_INIT("t"), SLICE_INIT("x/{")}, MATCH_YES},
        {{SLICE_INIT("t/1/2"), SLICE_INIT("u/"), SLICE_INIT("u1")}, MATCH_YES},
        {{SLICE_INIT("t/1/2"), SLICE_INIT("u/"), SLICE_INIT("x/")}, MATCH_NO},
    };
    uint64_t taken;
    ask_for(texts, COUNT_OF(texts), 4);
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        for (uint64_t steps = 1; steps < 200; steps += 1 + steps / 4)
            ck_assert_int_eq(answer(rows[i].topics, 3, steps, &taken), rows[i].expected);
    leave();
}
END_TEST

START_TEST(a_thousand_exact_topics_cost_little_and_no_question_is_free_of_charge)
{
    static char names[MANY][8];
    static const char *texts[MANY];
    static struct slice topics[MANY];
    uint64_t taken;
    for (size_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "n%04zu", i);
        texts[i] = names[i];
        topics[i] = SLICE("n0500x");
    }
    ask_for(texts, MANY, MANY);
    ck_assert_int_eq(answer(topics, 1, 1000, &taken), MATCH_NO);
    ck_assert_uint_ge(taken, 1);
    ck_assert_uint_le(taken, 20);
    ck_assert_int_eq(answer(topics, MANY, 1000, &taken), MATCH_NO);
    ck_assert_uint_ge(taken, MANY);
    ck_assert_uint_le(taken, 20 * MANY);
    topics[MANY - 1] = SLICE("n0999");
    ck_assert_int_eq(answer(topics, MANY, 50, &taken), MATCH_YES);
    leave();
}
END_TEST

START_TEST(everything_is_met_whatever_else_is_asked_for)
{
    static const char *const texts[] = {"*", "b"};
    const struct slice topic = SLICE("a");
    uint64_t taken;
    ask_for(texts, 2, 2);
    matchers.has_everything = true;
    ck_assert_int_eq(answer(&topic, 1, 10, &taken), MATCH_YES);
    leave();
}
END_TEST

/* 1,000 topics just under the limit of one pattern: no turn does more than it has steps, but for
 * the match it was in. */
START_TEST(one_pattern_against_many_topics_is_interrupted)
{
    static char text[2000], topic[1500];
    static struct slice topics[MANY];
    static const char *texts[] = {text};
    for (size_t i = 0; i < 40; i++)
        strcat(text, "{+x}a");
    memset(topic, 'a', sizeof topic);
    topic[sizeof topic - 2] = '"'; /* in no expression */
    for (size_t i = 0; i < MANY; i++)
        topics[i] = SLICE_OF(topic, sizeof topic);
    ask_for(texts, 1, 0);
    struct update *u = update(topics, MANY);
    struct replay at = {0};
    size_t turns = 0;
    enum match found = MATCH_LIMIT;
    for (; found == MATCH_LIMIT; turns++) {
        uint32_t before = at.topic;
        uint64_t steps = 20000;
        found = replay_match(&ix, &matchers, u, &at, &steps);
        ck_assert(found != MATCH_LIMIT || at.topic > before || at.matcher);
    }
    ck_assert_int_eq(found, MATCH_NO);
    ck_assert_uint_ge(turns, 100);
    update_unref(&u);
    leave();
}
END_TEST

UNIT_MAIN("hub/replay", any_topic_by_any_matcher_in_one_go_or_in_many,
          a_thousand_exact_topics_cost_little_and_no_question_is_free_of_charge,
          everything_is_met_whatever_else_is_asked_for,
          one_pattern_against_many_topics_is_interrupted)
