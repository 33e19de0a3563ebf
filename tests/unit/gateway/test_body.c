/* What bodies take of the budgets that they are counted against, and give back. */

#include "gateway/body.h"

#include "unit/guard.h"

static atomic_size_t pending, used;
static struct gateway_shared shared = {.pending = &pending};
static struct config config;
static struct gateway_worker gw = {.shared = &shared, .config = &config};
static struct body one, other;

static void
begin(size_t all, size_t share)
{
    config.max_pending_bytes = all;
    atomic_store(&pending, 0);
    atomic_store(&used, 0);
    body_init(&one, 1 << 20, (struct body_share){&used, share});
    body_init(&other, 1 << 20, (struct body_share){0});
}

static unsigned
add(struct body *b, size_t bytes)
{
    static const char text[65536];
    buf_add(&b->bytes, SLICE_OF(text, bytes));
    return body_judge(b, &gw);
}

START_TEST(a_share_is_met_before_the_whole)
{
    begin(1 << 20, 8192);
    ck_assert_uint_eq(add(&one, 8192), 0);
    ck_assert_uint_eq(atomic_load(&used), one.bytes.cap);
    ck_assert_uint_eq(atomic_load(&pending), one.bytes.cap);
    ck_assert_uint_eq(add(&other, 65536), 0);
    ck_assert_uint_eq(add(&one, 8192), 503);
    ck_assert_msg(atomic_load(&used) == 0, "who is refused gives back at once");
    ck_assert_uint_eq(atomic_load(&pending), other.bytes.cap);
    body_fini(&other, &gw);
    ck_assert_uint_eq(atomic_load(&pending), 0);
}
END_TEST

START_TEST(the_whole_is_met_by_those_that_have_a_share_too)
{
    begin(65536, 65536);
    ck_assert_uint_eq(add(&other, 40000), 0);
    ck_assert_uint_eq(add(&one, 40000), 503);
    ck_assert_uint_eq(atomic_load(&used), 0);
    ck_assert_uint_eq(atomic_load(&pending), other.bytes.cap);
    body_fini(&other, &gw);
    body_fini(&one, &gw);
    ck_assert_uint_eq(atomic_load(&pending), 0);
}
END_TEST

START_TEST(a_body_past_its_maximum_is_413)
{
    begin(1 << 20, 1 << 20);
    body_init(&one, 100, (struct body_share){&used, 1 << 20});
    ck_assert_uint_eq(add(&one, 101), 413);
    ck_assert_uint_eq(atomic_load(&pending), 0);
}
END_TEST

UNIT_MAIN("gateway/body", a_share_is_met_before_the_whole,
          the_whole_is_met_by_those_that_have_a_share_too, a_body_past_its_maximum_is_413)
