/* What a list holds, while begins and ends go on. */

#include "hub/roster_page.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "transport/active_update.h"

#include <stdio.h>
#include <stdlib.h>

#include "unit/guard.h"

enum {
    CROWD = 1000
};

static struct registry *registry;
static uint64_t sequence;
static struct active *crowd[CROWD]; /* borrowed of the registry */
static struct arena arena;
static struct roster_query query;
static struct buf id;

static struct active *
make(unsigned number)
{
    char match[20], subscriber[20];
    snprintf(match, sizeof match, "m%u", number % 10);
    snprintf(subscriber, sizeof subscriber, "s%04u", number);
    const struct active_parts parts = {.dialect = DIALECT_0X,
                                       .hub = SLICE("/h"),
                                       .match_type = SLICE(""),
                                       .match = slice_of(match),
                                       .subscriber = slice_of(subscriber)};
    return active_new(&parts);
}

static void
commit(struct active *a, bool is_end)
{
    struct batch *b = batch_new(1);
    b->after = (struct position){1, sequence};
    b->updates[0] = active_update(a, is_end, SLICE("id"));
    b->upto = b->updates[0]->position = (struct position){1, ++sequence};
    registry_commit(registry, b);
    batch_unref(&b);
}

static void
begin(const char *text)
{
    hash_seed();
    arena_init(&arena, 65536);
    buf_init(&id, 1000);
    registry = registry_new(64 << 20);
    sequence = 0;
    for (unsigned i = 0; i < CROWD; i++) {
        struct active *a = crowd[i] = make(i);
        ck_assert(registry_reserve(registry, a));
        commit(a, false);
        active_unref(&a);
    }
    ck_assert_ptr_null(roster_query_read(&arena, slice_of(text), 10, &query));
}

static void
end(void)
{
    registry_free(&registry);
    arena_fini(&arena);
    buf_fini(&id);
}

static void
collect(struct roster_page *p, const char *collection, bool keeps)
{
    roster_page_begin(p, registry, DIALECT_0X, slice_of(collection), &query, keeps, &id);
    while (roster_page_collect(p) == ROSTER_GOES_ON)
        continue;
    ck_assert(!p->failed);
}

/* All of it, in pieces. */
static struct buf
written(struct roster_page *p)
{
    struct buf out;
    buf_init(&out, SIZE_MAX);
    while (roster_page_write(p, &out, out.len + 1000) == ROSTER_GOES_ON)
        continue;
    return out;
}

START_TEST(a_page_says_its_length_before_it_is_written_and_is_in_order)
{
    struct roster_page p;
    begin("");
    collect(&p, "", true);
    ck_assert_uint_eq(p.total, CROWD);
    ck_assert_uint_eq(p.count, CROWD);
    ck_assert(!p.has_more && p.held > 0);
    struct buf out = written(&p);
    ck_assert_uint_eq(out.len, p.length);
    struct slice rest = buf_slice(&out);
    for (unsigned i = 0; i < CROWD; i++) {
        ck_assert(slice_starts(rest, crowd[i]->json));
        rest = slice_from(rest, crowd[i]->json.len + 1);
    }
    ck_assert_uint_eq(p.held, 0);
    ck_assert(roster_page_drop(&p) == ROSTER_DONE);
    buf_fini(&out);
    end();
}
END_TEST

START_TEST(limit_after_and_topics_cut_a_page_out_of_the_whole)
{
    struct roster_page p;
    begin("limit=30&topic=m3&topic=m7&after=1-500");
    collect(&p, "", true);
    ck_assert_uint_eq(p.total, 200);
    ck_assert_uint_eq(p.count, 30);
    ck_assert(p.has_more);
    ck_assert_uint_eq(p.last.sequence, 500 + 14 * 10 + 8); /* 503 is the 504th to begin */
    struct buf out = written(&p);
    ck_assert_uint_eq(out.len, p.length);
    ck_assert(slice_starts(buf_slice(&out), crowd[503]->json));
    ck_assert(slice_ends(buf_slice(&out), crowd[647]->json));
    buf_fini(&out);
    end();
}
END_TEST

START_TEST(a_page_that_only_counts_keeps_nothing)
{
    struct roster_page p, kept;
    begin("limit=7");
    collect(&p, "/h/subscriptions/m3", false);
    collect(&kept, "/h/subscriptions/m3", true);
    ck_assert_uint_eq(p.total, 100);
    ck_assert_uint_eq(p.length, kept.length);
    ck_assert_uint_eq(p.held, 0);
    ck_assert(list_is_empty(&p.chunks));
    while (roster_page_drop(&kept) == ROSTER_GOES_ON)
        continue;
    end();
}
END_TEST

START_TEST(what_ends_meanwhile_is_written_and_then_given_back)
{
    struct roster_page p;
    begin("");
    collect(&p, "", true);
    size_t size = 0;
    for (unsigned i = 0; i < CROWD; i++) {
        size += crowd[i]->json.len;
        commit(crowd[i], true);
    }
    ck_assert_uint_eq(registry_count(registry), 0);
    struct buf out = written(&p);
    ck_assert_uint_eq(out.len, size + CROWD - 1);
    buf_fini(&out);
    end();
}
END_TEST

/* In whatever state its reader leaves. */
START_TEST(a_page_is_dropped_in_steps)
{
    for (unsigned steps = 0; steps < 8; steps++) {
        struct roster_page p;
        struct buf out;
        unsigned drops = 0;
        begin("");
        buf_init(&out, SIZE_MAX);
        roster_page_begin(&p, registry, DIALECT_0X, SLICE(""), &query, true, &id);
        for (unsigned i = 0; i < steps && roster_page_collect(&p) == ROSTER_GOES_ON; i++)
            continue;
        if (steps == 7)
            ck_assert(roster_page_write(&p, &out, 20000) == ROSTER_GOES_ON);
        for (unsigned i = 0; i < CROWD; i++)
            commit(crowd[i], true);
        while (roster_page_drop(&p) == ROSTER_GOES_ON)
            drops++;
        ck_assert_uint_le(drops, 6);
        ck_assert_uint_eq(p.held, 0);
        buf_fini(&out);
        end();
    }
}
END_TEST

UNIT_MAIN("hub/roster_page", a_page_says_its_length_before_it_is_written_and_is_in_order,
          limit_after_and_topics_cut_a_page_out_of_the_whole, a_page_that_only_counts_keeps_nothing,
          what_ends_meanwhile_is_written_and_then_given_back, a_page_is_dropped_in_steps)
