/* The index: who is met, each by what it subscribed to, in one go or in many, and nothing is left
 * behind; and the quota. */

#include "base/alloc.h"
#include "base/hash.h"
#include "hub/index.h"
#include "hub/quota.h"
#include "hub/walk.h"

#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MANY = 5000
};

/* Streams are numbers here. */
static struct stream *
stream(uintptr_t number)
{
    return (struct stream *)(number * 16);
}

static size_t hits;
static uintptr_t hit_sum;

static bool
hit(struct stream *s, void *context)
{
    (void)context;
    hits++;
    hit_sum += (uintptr_t)s / 16;
    return true;
}

static struct update *
update(const struct slice *topics, size_t count)
{
    const struct update_parts parts = {.topics = topics, .topic_count = count, .id = SLICE("i")};
    bool too_large;
    return update_new(&parts, 1 << 20, &too_large);
}

static size_t
match_all(struct index *ix, const struct slice *topics, size_t count)
{
    struct update *u = update(topics, count);
    uint64_t steps = UINT64_MAX;
    hits = hit_sum = 0;
    walk_begin(ix, u, hit, NULL);
    ck_assert(walk_go_on(ix, &steps));
    update_unref(&u);
    return hits;
}

static size_t
match(struct index *ix, struct slice topic)
{
    return match_all(ix, &topic, 1);
}

static void
add(struct index *ix, struct subscription *s, uintptr_t number, struct slice text)
{
    const struct selector selector = {.type = MATCHER_TEMPLATE, .text = text};
    ck_assert_int_eq(index_add(ix, s, stream(number), &selector, NULL), INDEX_ADDED);
}

START_TEST(a_topic_meets_its_own_subscriptions_and_everything)
{
    static struct subscription subs[MANY];
    struct subscription all, empty;
    struct index ix;
    char topic[40];
    index_init(&ix);
    add(&ix, &all, 1000000, SLICE("*"));
    add(&ix, &empty, 2000000, SLICE(""));
    for (uintptr_t i = 0; i < MANY; i++) {
        int n = snprintf(topic, sizeof topic, "https://example.com/%u", (unsigned)i);
        add(&ix, &subs[i], i + 1, SLICE_OF(topic, (size_t)n));
    }
    ck_assert_uint_eq(match(&ix, SLICE("https://example.com/77")), 2);
    ck_assert_uint_eq(hit_sum, 1000000 + 78);
    ck_assert_uint_eq(match(&ix, SLICE("https://example.com/77/")), 1);
    ck_assert_uint_eq(match(&ix, SLICE("")), 2);
    ck_assert_uint_eq(hit_sum, 3000000);
    for (uintptr_t i = 0; i < MANY; i++)
        index_remove(&ix, &subs[i]);
    ck_assert_uint_eq(match(&ix, SLICE("https://example.com/77")), 1);
    index_remove(&ix, &all);
    index_remove(&ix, &empty);
    index_remove(&ix, &empty);
    index_fini(&ix);
}
END_TEST

/* Who can get no begin or end is not asked how long these are kept. */
START_TEST(what_may_be_met_below_a_path_is_known_by_what_matchers_begin_with)
{
    static const struct {
        enum matcher_type type;
        const char *text;
        bool may;
    } rows[] = {
        {MATCHER_TEMPLATE, "*", true},
        {MATCHER_TEMPLATE, "/hub/subscriptions/a/b", true},
        {MATCHER_TEMPLATE, "/hub/subscriptions", false},
        {MATCHER_TEMPLATE, "https://example.com/a", false},
        {MATCHER_TEMPLATE, "/hub/subscriptions/{topic}/{subscriber}", true},
        {MATCHER_TEMPLATE, "/hub{/x}", true},
        {MATCHER_TEMPLATE, "{+x}", true},
        {MATCHER_TEMPLATE, "https://example.com/{id}", false},
        {MATCHER_TEMPLATE, "/hub/other/{id}", false},
        {MATCHER_EXACT, "/hub/subscriptions/exact/a/b", true},
        {MATCHER_EXACT, "/hub", false},
        {MATCHER_URLPATTERN, "/hub/subscriptions/:type/:match/:subscriber", true},
        {MATCHER_URLPATTERN, "hub/subscriptions/*", true},
        {MATCHER_URLPATTERN, "subscriptions/*", false},
        {MATCHER_URLPATTERN, "https://hub.example/*", true},
        {MATCHER_URLPATTERN, "https://example.com/*", false},
        {MATCHER_URLPATTERN, "/books/:id", false},
        {MATCHER_URLPATTERN, "*://*:*/*", true},
    };
    struct topic below = topic_of(SLICE("/hub/subscriptions/"));
    struct index ix;
    index_init(&ix);
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct selector selector = {.type = rows[i].type,
                                          .text = slice_of(rows[i].text),
                                          .base = SLICE("https://hub.example/hub")};
        struct subscription sub;
        struct error err = {""};
        ck_assert_msg(index_add(&ix, &sub, stream(1), &selector, &err) == INDEX_ADDED, "%s: %s",
                      rows[i].text, err.text);
        ck_assert_msg(walk_may_meet_below(&sub, &below) == rows[i].may, "%s", rows[i].text);
        index_remove(&ix, &sub);
    }
    topic_fini(&below);
    index_fini(&ix);
}
END_TEST

START_TEST(alternate_topics_are_met_as_well)
{
    struct subscription a, b, t;
    struct index ix;
    struct slice topics[] = {SLICE("a"), SLICE("b"), SLICE("b/7")};
    uint64_t steps = 1000;
    index_init(&ix);
    add(&ix, &a, 1, SLICE("b"));
    add(&ix, &b, 2, SLICE("c"));
    add(&ix, &t, 4, SLICE("b/{x}"));
    ck_assert_uint_eq(match_all(&ix, topics, 3), 2);
    ck_assert_uint_eq(hit_sum, 5);
    struct update *u = update(topics, 3);
    ck_assert_int_eq(walk_try(&ix, &a, &u->topics[1], &steps), MATCH_YES);
    ck_assert_int_eq(walk_try(&ix, &b, &u->topics[1], &steps), MATCH_NO);
    ck_assert_int_eq(walk_try(&ix, &t, &u->topics[2], &steps), MATCH_YES);
    update_unref(&u);
    index_remove(&ix, &a);
    index_remove(&ix, &b);
    index_remove(&ix, &t);
    index_fini(&ix);
}
END_TEST

START_TEST(a_pattern_that_two_topics_meet_is_tried_once)
{
    struct subscription s;
    struct index ix;
    struct slice topics[] = {SLICE("b/1"), SLICE("b/2")};
    index_init(&ix);
    add(&ix, &s, 1, SLICE("b/{x}"));
    ck_assert_uint_eq(match_all(&ix, topics, 2), 1);
    index_remove(&ix, &s);
    index_fini(&ix);
}
END_TEST

START_TEST(equal_matchers_of_a_stream_are_one)
{
    struct subscription s[5];
    struct index ix;
    const struct selector exact = {.type = MATCHER_EXACT, .text = SLICE("a")};
    const struct selector template = {.type = MATCHER_TEMPLATE, .text = SLICE("a{b}")};
    index_init(&ix);
    ck_assert_int_eq(index_add(&ix, &s[0], stream(1), &exact, NULL), INDEX_ADDED);
    ck_assert_int_eq(index_add(&ix, &s[1], stream(1), &exact, NULL), INDEX_TWICE);
    ck_assert_int_eq(index_add(&ix, &s[1], stream(1), &template, NULL), INDEX_ADDED);
    ck_assert_int_eq(index_add(&ix, &s[2], stream(1), &template, NULL), INDEX_TWICE);
    ck_assert_int_eq(index_add(&ix, &s[2], stream(2), &exact, NULL), INDEX_ADDED);
    ck_assert_uint_eq(match(&ix, SLICE("a")), 3);
    for (size_t i = 0; i < 3; i++)
        index_remove(&ix, &s[i]);
    index_fini(&ix);
}
END_TEST

START_TEST(an_invalid_template_is_an_exact_string_and_a_valid_one_is_also)
{
    struct subscription a, b;
    struct index ix;
    index_init(&ix);
    add(&ix, &a, 1, SLICE("x/{"));
    add(&ix, &b, 2, SLICE("x/{id}"));
    ck_assert_uint_eq(match(&ix, SLICE("x/{")), 1);
    ck_assert_uint_eq(hit_sum, 1);
    ck_assert_uint_eq(match(&ix, SLICE("x/{id}")), 1);
    ck_assert_uint_eq(hit_sum, 2);
    ck_assert_uint_eq(match(&ix, SLICE("x/7")), 1);
    ck_assert_uint_eq(hit_sum, 2);
    ck_assert_uint_eq(ix.patterns.count, 1);
    index_remove(&ix, &a);
    index_remove(&ix, &b);
    index_fini(&ix);
}
END_TEST

START_TEST(patterns_past_their_bounds_are_refused)
{
    static struct subscription subs[8];
    struct index ix;
    const struct selector unfixed[] = {{.type = MATCHER_TEMPLATE, .text = SLICE("{x}")},
                                       {.type = MATCHER_TEMPLATE, .text = SLICE("{y}")},
                                       {.type = MATCHER_TEMPLATE, .text = SLICE("http://{y}")}};
    index_init(&ix);
    ix.limits.most[SHARE_PATTERNS] = 3;
    ix.limits.most[SHARE_UNFIXED] = 1;
    ck_assert_int_eq(index_add(&ix, &subs[0], stream(1), &unfixed[0], NULL), INDEX_ADDED);
    ck_assert_int_eq(index_add(&ix, &subs[1], stream(2), &unfixed[0], NULL), INDEX_ADDED);
    ck_assert_int_eq(index_add(&ix, &subs[2], stream(1), &unfixed[1], NULL), INDEX_FULL);
    ck_assert_int_eq(index_add(&ix, &subs[2], stream(1), &unfixed[2], NULL), INDEX_FULL);
    add(&ix, &subs[2], 1, SLICE("a{x}"));
    add(&ix, &subs[3], 1, SLICE("b{x}"));
    const struct selector one_more = {.type = MATCHER_TEMPLATE, .text = SLICE("c{x}")};
    ck_assert_int_eq(index_add(&ix, &subs[4], stream(1), &one_more, NULL), INDEX_FULL);
    add(&ix, &subs[4], 1, SLICE("c"));
    index_remove(&ix, &subs[0]);
    index_remove(&ix, &subs[1]);
    ck_assert_int_eq(index_add(&ix, &subs[0], stream(1), &unfixed[2], NULL), INDEX_ADDED);
    index_remove(&ix, &subs[0]);
    for (size_t i = 2; i < 5; i++)
        index_remove(&ix, &subs[i]);
    index_fini(&ix);
}
END_TEST

static uint64_t seed = 88172645463325252u;

static size_t
below(size_t n)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (size_t)(seed % n);
}

/* From few parts, so that prefixes split and meet. */
static struct slice
generate(char *out, bool with_expressions)
{
    static const char *const parts[] = {"a", "b", "aa", "/", "ab", "{x}", "{+x}", "{/x}"};
    size_t len = 0;
    for (size_t n = below(5); n; n--) {
        const char *part = parts[below(with_expressions ? 8 : 5)];
        memcpy(out + len, part, strlen(part));
        len += strlen(part);
    }
    return SLICE_OF(out, len);
}

/* URL Patterns that a hub under one of two URLs may be asked for. */
static struct selector
generate_pattern(char *out)
{
    static const char *const starts[] = {
        "https://h.example",   "https://:host", "", "", "https://*.example", "urn:a",
        "http{s}?://h.example"};
    static const char *const parts[] = {"/a", "/b", "/:x", "/*", "/(a|b)", "/a{b}?", "?a=:x", "#b"};
    static const char *const bases[] = {"https://h.example/hub", "https://g.example/a/hub"};
    size_t start = below(COUNT_OF(starts)), len = strlen(starts[start]);
    memcpy(out, starts[start], len);
    for (size_t n = below(4); n; n--) {
        const char *part = parts[below(COUNT_OF(parts))];
        memcpy(out + len, part, strlen(part));
        len += strlen(part);
    }
    return (struct selector){
        .type = MATCHER_URLPATTERN, .text = SLICE_OF(out, len), .base = slice_of(bases[below(2)])};
}

static struct slice
generate_url(char *out)
{
    static const char *const starts[] = {"https://h.example",
                                         "https://g.example",
                                         "",
                                         "/a",
                                         "HTTPS://u:p@H.example:443",
                                         "urn:a",
                                         "https:",
                                         "x"};
    static const char *const parts[] = {"/a", "/b", "/..", "/ab", "?a=b", "#b", "/%41", "/."};
    size_t start = below(COUNT_OF(starts)), len = strlen(starts[start]);
    memcpy(out, starts[start], len);
    for (size_t n = below(4); n; n--) {
        const char *part = parts[below(COUNT_OF(parts))];
        memcpy(out + len, part, strlen(part));
        len += strlen(part);
    }
    return SLICE_OF(out, len);
}

struct known {
    struct subscription sub;
    struct matcher *matcher; /* owns; NULL: the place is free */
};

static size_t expected_hits;
static uintptr_t expected_sum;

static void
expect(struct known *all, size_t count, struct slice topic)
{
    struct topic as_topic = topic_of(topic);
    expected_hits = expected_sum = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t steps = matcher_steps(&as_topic);
        if (all[i].matcher && matcher_try(all[i].matcher, &as_topic, &steps) == MATCH_YES) {
            expected_hits++;
            expected_sum += i + 1;
        }
    }
    topic_fini(&as_topic);
}

START_TEST(whoever_comes_and_goes_the_index_meets_whom_a_loop_over_all_would)
{
    enum {
        PLACES = 400
    };
    static struct known all[PLACES];
    struct index ix;
    char text[32], topic[32];
    size_t met = 0;
    index_init(&ix);
    for (size_t round = 0; round < 60000; round++) {
        size_t at = below(PLACES);
        struct known *k = &all[at];
        if (k->matcher) {
            index_remove(&ix, &k->sub);
            matcher_free(&k->matcher);
        } else {
            struct slice t = generate(text, below(2));
            add(&ix, &k->sub, at + 1, t);
            k->matcher = matcher_new(MATCHER_TEMPLATE, t, SLICE(""), NULL);
        }
        if (round % 4)
            continue;
        struct slice t = generate(topic, false);
        expect(all, PLACES, t);
        match(&ix, t);
        met += hits;
        ck_assert_msg(hits == expected_hits && hit_sum == expected_sum, "%zu: " SLICE_FMT, round,
                      SLICE_ARG(t));
    }
    ck_assert_uint_gt(met, 100000);
    for (size_t i = 0; i < PLACES; i++) {
        if (all[i].matcher)
            index_remove(&ix, &all[i].sub);
        matcher_free(&all[i].matcher);
    }
    index_fini(&ix);
}
END_TEST

START_TEST(url_patterns_are_met_whatever_their_literal_and_their_base)
{
    enum {
        PLACES = 300
    };
    static struct known all[PLACES];
    struct index ix;
    char text[128], topic[128];
    size_t met = 0, ill_formed = 0;
    index_init(&ix);
    for (size_t round = 0; round < 20000; round++) {
        size_t at = below(PLACES);
        struct known *k = &all[at];
        struct selector selector = generate_pattern(text);
        if (k->matcher) {
            index_remove(&ix, &k->sub);
            matcher_free(&k->matcher);
        } else if ((k->matcher = matcher_new(selector.type, selector.text, selector.base, NULL))) {
            ck_assert_int_eq(index_add(&ix, &k->sub, stream(at + 1), &selector, NULL), INDEX_ADDED);
        } else {
            ck_assert_int_eq(index_add(&ix, &k->sub, stream(at + 1), &selector, NULL),
                             INDEX_ILL_FORMED);
            ill_formed++;
        }
        if (round % 4)
            continue;
        struct slice t = generate_url(topic);
        expect(all, PLACES, t);
        match(&ix, t);
        met += hits;
        ck_assert_msg(hits == expected_hits && hit_sum == expected_sum, "%zu: " SLICE_FMT, round,
                      SLICE_ARG(t));
    }
    ck_assert_uint_gt(met, 10000);
    ck_assert_uint_lt(ill_formed, 5000);
    for (size_t i = 0; i < PLACES; i++) {
        if (all[i].matcher)
            index_remove(&ix, &all[i].sub);
        matcher_free(&all[i].matcher);
    }
    ck_assert_uint_eq(ix.url_patterns.nodes, 0);
    ck_assert_uint_eq(ix.shares.held[SHARE_BASES], 0);
    index_fini(&ix);
}
END_TEST

START_TEST(a_pause_between_any_two_patterns_changes_nothing)
{
    enum {
        PATTERNS = 40
    };
    struct subscription subs[PATTERNS], late;
    struct index ix;
    char text[32];
    struct slice topics[] = {SLICE("a/1"), SLICE("b/1")};
    index_init(&ix);
    for (size_t leave = 0; leave < PATTERNS; leave++) {
        for (uintptr_t i = 0; i < PATTERNS; i++) {
            int n = snprintf(text, sizeof text, "%c/{x%u}", i & 1 ? 'a' : 'b', (unsigned)i);
            add(&ix, &subs[i], i + 1, SLICE_OF(text, (size_t)n));
        }
        struct update *u = update(topics, 2);
        hits = hit_sum = 0;
        walk_begin(&ix, u, hit, NULL);
        size_t turns = 0;
        for (;; turns++) {
            uint64_t steps = 1;
            if (walk_go_on(&ix, &steps))
                break;
            /* One leaves after a third of the turns; one joins a pattern and leaves again. */
            if (turns == PATTERNS / 3) {
                index_remove(&ix, &subs[leave]);
                add(&ix, &late, 1000, SLICE("a/{new}"));
            }
        }
        update_unref(&u);
        ck_assert_uint_ge(turns, PATTERNS - 2);
        /* The one that left was met if its turn had come; the late one is not among this walk's
         * candidates or, where it is, is for the hub to judge. */
        ck_assert_uint_ge(hits, PATTERNS - 1);
        index_remove(&ix, &late);
        for (size_t i = 0; i < PATTERNS; i++)
            index_remove(&ix, &subs[i]);
        ck_assert_uint_eq(ix.patterns.count, 0);
        ck_assert_uint_eq(ix.templates.nodes, 0);
    }
    index_fini(&ix);
}
END_TEST

/* Each is met once, in however many turns, whoever of them leaves between two of these. */
START_TEST(a_pause_between_any_two_streams_of_an_entry_changes_nothing)
{
    enum {
        STREAMS = 300
    };
    static struct subscription subs[3][STREAMS], late;
    static const char *const texts[] = {"*", "a", "a{x}"};
    struct index ix;
    struct slice topic = SLICE("a");
    index_init(&ix);
    for (size_t leave = 0; leave < 3 * STREAMS; leave += 7) {
        for (uintptr_t i = 0; i < 3 * STREAMS; i++)
            add(&ix, &subs[i % 3][i / 3], 1 + i, slice_of(texts[i % 3]));
        struct update *u = update(&topic, 1);
        struct subscription *gone = &subs[leave % 3][leave / 3];
        size_t turns = 0;
        bool is_gone = false;
        hits = hit_sum = 0;
        walk_begin(&ix, u, hit, NULL);
        for (uint64_t steps = 1; !walk_go_on(&ix, &steps); steps = 1, turns++) {
            if (!is_gone && ix.walk.next == gone) { /* the next to be told leaves */
                index_remove(&ix, gone);
                add(&ix, &late, 1000000, slice_of(texts[leave % 3]));
                is_gone = true;
            }
        }
        uintptr_t all = 3 * STREAMS * (3 * STREAMS + 1) / 2;
        ck_assert_uint_eq(hits, 3 * STREAMS - is_gone);
        ck_assert_uint_eq(hit_sum, is_gone ? all - leave - 1 : all);
        ck_assert_uint_ge(turns, 3 * STREAMS / 64);
        index_remove(&ix, &late);
        for (size_t i = 0; i < 3 * STREAMS; i++)
            index_remove(&ix, &subs[i % 3][i / 3]);
        update_unref(&u);
        late = (struct subscription){0};
    }
    index_fini(&ix);
}
END_TEST

static bool
hit_at_the_third_time(struct stream *s, void *context)
{
    static size_t asked;
    return ++asked % 3 == 0 && hit(s, context);
}

START_TEST(whoever_cannot_be_told_yet_is_told_in_a_later_turn)
{
    struct subscription a, b;
    struct index ix;
    struct slice topic = SLICE("a");
    size_t turns = 0;
    index_init(&ix);
    add(&ix, &a, 1, SLICE("a"));
    add(&ix, &b, 2, SLICE("a"));
    struct update *u = update(&topic, 1);
    hits = hit_sum = 0;
    walk_begin(&ix, u, hit_at_the_third_time, NULL);
    for (uint64_t steps = 100; !walk_go_on(&ix, &steps); steps = 100)
        turns++;
    ck_assert_uint_eq(turns, 4);
    ck_assert_uint_eq(hits, 2);
    ck_assert_uint_eq(hit_sum, 3);
    update_unref(&u);
    index_remove(&ix, &a);
    index_remove(&ix, &b);
    index_fini(&ix);
}
END_TEST

START_TEST(everything_in_a_walk_takes_steps)
{
    enum {
        PATTERNS = 1000,
        BASES = 20
    };
    static struct subscription subs[PATTERNS], urls[BASES];
    static struct slice topics[PATTERNS];
    struct index ix;
    char text[40];
    index_init(&ix);
    for (uintptr_t i = 0; i < PATTERNS; i++) {
        int n = snprintf(text, sizeof text, "a{x%u}", (unsigned)i);
        add(&ix, &subs[i], i + 1, SLICE_OF(text, (size_t)n));
        topics[i] = SLICE("a");
    }
    struct update *u = update(topics, PATTERNS);
    uint64_t steps = UINT64_MAX;
    walk_begin(&ix, u, hit, NULL);
    ck_assert(walk_go_on(&ix, &steps));
    /* All of them match the first topic, and are on the list of each further one. */
    ck_assert_uint_ge(UINT64_MAX - steps, PATTERNS * PATTERNS);
    update_unref(&u);
    for (uintptr_t i = 0; i < BASES; i++) {
        char base[40];
        int n = snprintf(base, sizeof base, "http://h%u.example/hub", (unsigned)i);
        const struct selector s = {
            .type = MATCHER_URLPATTERN, .text = SLICE("/x"), .base = SLICE_OF(base, (size_t)n)};
        ck_assert_int_eq(index_add(&ix, &urls[i], stream(i + 1), &s, NULL), INDEX_ADDED);
    }
    /* Between two bases it may stop, and a base may go. */
    struct slice topic = SLICE("/x");
    u = update(&topic, 1);
    size_t turns = 0;
    hits = 0;
    walk_begin(&ix, u, hit, NULL);
    for (steps = 1; !walk_go_on(&ix, &steps); steps = 1, turns++)
        if (turns == BASES / 2)
            index_remove(&ix, &urls[BASES - 1]);
    ck_assert_uint_ge(turns, BASES);
    ck_assert_uint_eq(hits, BASES - 1);
    update_unref(&u);
    for (size_t i = 0; i < PATTERNS; i++)
        index_remove(&ix, &subs[i]);
    for (size_t i = 0; i < BASES; i++)
        index_remove(&ix, &urls[i]);
    index_fini(&ix);
}
END_TEST

START_TEST(no_client_takes_a_bound_for_itself)
{
    static struct subscription subs[40];
    struct index ix;
    index_init(&ix);
    ix.limits.most[SHARE_UNFIXED] = 8;
    ix.limits.of_client[SHARE_UNFIXED] = 2;
    size_t got = 0;
    for (uint64_t client = 1; client <= 5; client++) {
        for (unsigned i = 0; i < 4; i++) {
            char text[40];
            int n = snprintf(text, sizeof text, "{x%u_%u}", (unsigned)client, i);
            const struct selector s = {
                .type = MATCHER_TEMPLATE, .text = SLICE_OF(text, (size_t)n), .client = client};
            enum index_answer answer = index_add(&ix, &subs[got], stream(client), &s, NULL);
            ck_assert_int_eq(answer, i < 2 && client < 5 ? INDEX_ADDED
                                     : client < 4        ? INDEX_HOARDED
                                                         : INDEX_FULL);
            ck_assert_int_eq(ix.full, answer == INDEX_ADDED ? SHARE_KINDS : SHARE_UNFIXED);
            got += answer == INDEX_ADDED;
        }
    }
    /* What is there already is for everybody, and stays on the account of who brought it. */
    struct selector there = {.type = MATCHER_TEMPLATE, .text = SLICE("{x1_0}"), .client = 5};
    ck_assert_int_eq(index_add(&ix, &subs[got++], stream(9), &there, NULL), INDEX_ADDED);
    index_remove(&ix, &subs[0]);
    struct selector more = {.type = MATCHER_TEMPLATE, .text = SLICE("{y}"), .client = 1};
    ck_assert_int_eq(index_add(&ix, &subs[0], stream(9), &more, NULL), INDEX_FULL);
    index_remove(&ix, &subs[got - 1]);
    ck_assert_int_eq(index_add(&ix, &subs[0], stream(9), &more, NULL), INDEX_ADDED);
    for (size_t i = 0; i + 1 < got; i++)
        index_remove(&ix, &subs[i]);
    for (size_t kind = 0; kind < SHARE_KINDS; kind++)
        ck_assert_uint_eq(ix.shares.held[kind], 0);
    ck_assert_uint_eq(ix.shares.clients.count, 0);
    index_fini(&ix);
}
END_TEST

START_TEST(every_byte_that_is_asked_for_is_counted)
{
    static char text[58000];
    struct subscription exact, template, again;
    struct index ix;
    index_init(&ix);
    for (size_t i = 0; i + 3 <= sizeof text; i += 3)
        memcpy(text + i, "{a}", 3);
    const struct selector wide = {
        .type = MATCHER_TEMPLATE, .text = SLICE_OF(text, sizeof text / 3 * 3), .client = 7};
    ck_assert_int_eq(index_add(&ix, &template, stream(1), &wide, NULL), INDEX_ADDED);
    size_t held = ix.shares.held[SHARE_BYTES];
    ck_assert_uint_ge(held, sizeof text / 3 * 32 + 2 * (sizeof text / 3 * 3));
    ck_assert_uint_le(held, sizeof text / 3 * 32 + 2 * sizeof text + 1000);
    const struct selector long_one = {
        .type = MATCHER_EXACT, .text = SLICE_OF(text, 5000), .client = 7};
    ck_assert_int_eq(index_add(&ix, &exact, stream(1), &long_one, NULL), INDEX_ADDED);
    ck_assert_uint_ge(ix.shares.held[SHARE_BYTES], held + 5000);
    held = ix.shares.held[SHARE_BYTES];
    ck_assert_int_eq(index_add(&ix, &again, stream(2), &long_one, NULL), INDEX_ADDED);
    ck_assert_uint_eq(ix.shares.held[SHARE_BYTES], held);
    index_remove(&ix, &again);
    index_remove(&ix, &exact);
    ix.limits.of_client[SHARE_BYTES] = held - 1;
    ck_assert_int_eq(index_add(&ix, &exact, stream(1), &long_one, NULL), INDEX_HOARDED);
    ck_assert_int_eq(ix.full, SHARE_BYTES);
    index_remove(&ix, &template);
    ck_assert_uint_eq(ix.shares.held[SHARE_BYTES], 0);
    index_fini(&ix);
}
END_TEST

START_TEST(a_pattern_is_struck_by_the_third_topic_that_takes_too_long)
{
    struct subscription slow, fine;
    struct index ix;
    struct selector pattern;
    struct subscription *first;
    char topic[4001], text[3001];
    memset(topic, 'a', 4000);
    for (size_t i = 0; i < 600; i++)
        memcpy(text + i * 5, "{+x}a", 5);
    index_init(&ix);
    add(&ix, &slow, 1, SLICE_OF(text, 3000));
    add(&ix, &fine, 2, SLICE("{+x}"));
    for (size_t i = 0; i < 3; i++) {
        for (size_t again = 0; again < 5; again++) {
            ck_assert(!index_take_struck(&ix, &pattern, &first));
            ck_assert_uint_eq(match(&ix, SLICE_OF(topic, 3998 + (i ? i - 1 : 0))), 1);
        }
    }
    ck_assert_uint_eq(match(&ix, SLICE_OF(topic, 4000)), 1);
    ck_assert(index_take_struck(&ix, &pattern, &first));
    ck_assert_ptr_eq(first, &slow);
    ck_assert(slice_eq(pattern.text, SLICE_OF(text, 3000)));
    ck_assert(!index_take_struck(&ix, &pattern, &first));
    ck_assert_uint_eq(match(&ix, SLICE("aaa")), 1);
    index_remove(&ix, &slow);
    index_remove(&ix, &fine);
    index_fini(&ix);
}
END_TEST

START_TEST(a_quota_gives_its_places_back)
{
    struct quota *q = quota_new();
    ck_assert(quota_take(q, 5, 2));
    ck_assert(quota_take(q, 5, 2));
    ck_assert(!quota_take(q, 5, 2));
    ck_assert(quota_take(q, 5 + 4096, 2));
    quota_give(q, 5);
    ck_assert(quota_take(q, 5, 2));
    ck_assert(!quota_take(q, 9, 0));
    quota_free(&q);
    ck_assert_ptr_null(q);
}
END_TEST

int
main(void)
{
    hash_seed();
    Suite *s = suite_create("index");
    TCase *c = tcase_create("match");
    tcase_set_timeout(c, 60);
    tcase_add_test(c, a_topic_meets_its_own_subscriptions_and_everything);
    tcase_add_test(c, what_may_be_met_below_a_path_is_known_by_what_matchers_begin_with);
    tcase_add_test(c, alternate_topics_are_met_as_well);
    tcase_add_test(c, a_pattern_that_two_topics_meet_is_tried_once);
    tcase_add_test(c, equal_matchers_of_a_stream_are_one);
    tcase_add_test(c, an_invalid_template_is_an_exact_string_and_a_valid_one_is_also);
    tcase_add_test(c, patterns_past_their_bounds_are_refused);
    tcase_add_test(c, whoever_comes_and_goes_the_index_meets_whom_a_loop_over_all_would);
    tcase_add_test(c, url_patterns_are_met_whatever_their_literal_and_their_base);
    tcase_add_test(c, a_pause_between_any_two_patterns_changes_nothing);
    tcase_add_test(c, a_pause_between_any_two_streams_of_an_entry_changes_nothing);
    tcase_add_test(c, whoever_cannot_be_told_yet_is_told_in_a_later_turn);
    tcase_add_test(c, everything_in_a_walk_takes_steps);
    tcase_add_test(c, no_client_takes_a_bound_for_itself);
    tcase_add_test(c, every_byte_that_is_asked_for_is_counted);
    tcase_add_test(c, a_pattern_is_struck_by_the_third_topic_that_takes_too_long);
    tcase_add_test(c, a_quota_gives_its_places_back);
    suite_add_tcase(s, c);
    SRunner *r = srunner_create(s);
    srunner_run_all(r, CK_NORMAL);
    int failed = srunner_ntests_failed(r);
    srunner_free(r);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
