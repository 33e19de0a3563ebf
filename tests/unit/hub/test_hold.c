/* Holds: while an exchange waits its handler hears nothing; then it begins again with its state, or
 * its peer has left, or the hub stops. */

#include "hub/hold.h"

#include "base/alloc.h"
#include "config/config.h"
#include "hub/home.h"
#include "unit/guard.h"

#include <stdlib.h>

static struct worker *worker;
static struct hub_worker home;
static struct config config;
static struct rules rules = {.config = &config};
static struct request request;
static struct exchange ex;
static struct list waiting;
static unsigned waits, begun, dropped, gone, replies;
static bool was_resumed;
static int state;

static void
drop(struct hold *h)
{
    dropped++;
    free(h);
}

static void
drop_other(struct hold *h)
{
    (void)h;
}

static void
on_wait(struct exchange *e)
{
    (void)e;
    waits++;
}

static void
on_reply(struct exchange *e, const struct reply *r)
{
    (void)e;
    ck_assert_uint_eq(r->status, 503);
    replies++;
}

static const struct exchange_wire wire = {.name = "test", .wait = on_wait, .reply = on_reply};

static void
again(struct exchange *e)
{
    ck_assert_ptr_eq(e->state, &state);
    ck_assert_uint_eq(dropped, 0);
    was_resumed = hold_resumed(e, drop) && !hold_resumed(e, drop_other);
    begun++;
}

static void
on_gone(struct exchange *e)
{
    ck_assert_ptr_eq(e->state, &state);
    gone++;
}

static const struct exchange_handler handler = {.on_head = again, .on_gone = on_gone};

static struct hold *
hold(void)
{
    worker = worker_new(0);
    worker_set_local(worker, &home);
    config = (struct config){.path = (char[]){"/hub"}};
    request = (struct request){.method = SLICE("POST"), .path = SLICE("/hub")};
    home = (struct hub_worker){.worker = worker, .rules = &rules};
    ex = (struct exchange){.wire = &wire,
                           .handler = &handler,
                           .worker = worker,
                           .request = &request,
                           .rules = &rules,
                           .config = &config,
                           .state = &state};
    waits = begun = dropped = gone = replies = 0;
    list_init(&waiting);
    struct hold *h = xalloc(sizeof *h);
    hold_begin(h, &waiting, &ex, again, drop);
    ck_assert_ptr_ne(ex.handler, &handler);
    ck_assert_ptr_null(ex.handler->on_body);
    ck_assert_uint_eq(waits, 1);
    ck_assert(!list_is_empty(&waiting));
    ck_assert_ptr_null(hold_resumed(&ex, drop));
    return h;
}

static void
assert_let_go(void)
{
    ck_assert_ptr_eq(ex.handler, &handler);
    ck_assert_ptr_eq(ex.state, &state);
    ck_assert(list_is_empty(&waiting));
    ck_assert_uint_eq(dropped, 1);
    ck_assert_ptr_null(hold_resumed(&ex, drop));
    worker_free(&worker);
}

START_TEST(an_exchange_that_was_held_begins_again_with_its_state_and_knows_why)
{
    hold_resume(hold());
    ck_assert_uint_eq(begun, 1);
    ck_assert(was_resumed);
    ck_assert_uint_eq(gone, 0);
    assert_let_go();
}
END_TEST

START_TEST(a_peer_that_leaves_takes_the_hold_along_and_its_handler_hears_of_it)
{
    hold();
    ex.handler->on_gone(&ex);
    ck_assert_uint_eq(gone, 1);
    ck_assert_uint_eq(begun, 0);
    assert_let_go();
}
END_TEST

START_TEST(a_handler_that_needs_no_end_is_not_told_one)
{
    static const struct exchange_handler endless = {.on_head = again};
    struct hold *h = hold();
    h->handler = &endless;
    ex.handler->on_gone(&ex);
    ck_assert_ptr_eq(ex.handler, &endless);
    ck_assert_uint_eq(gone, 0);
    ck_assert_uint_eq(dropped, 1);
    worker_free(&worker);
}
END_TEST

START_TEST(a_stop_answers_all_that_wait)
{
    hold();
    hold_stop_all(&waiting);
    ck_assert_uint_eq(replies, 1);
    ck_assert_uint_eq(begun, 0);
    assert_let_go();
}
END_TEST

UNIT_MAIN("hub/hold", an_exchange_that_was_held_begins_again_with_its_state_and_knows_why,
          a_peer_that_leaves_takes_the_hold_along_and_its_handler_hears_of_it,
          a_handler_that_needs_no_end_is_not_told_one, a_stop_answers_all_that_wait)
