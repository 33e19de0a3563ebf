/* Who may trace: somebody on the hub's own machine, and no page in a browser there. */

#include "hub/tracing.h"

#include "base/cidr.h"
#include "config/config.h"
#include "hub/home.h"
#include "unit/guard.h"

static struct config config = {.max_traces = 0}; /* who may is refused by that, with a 503 */
static struct rules rules = {.config = &config};
static struct hub hub = {.rules = &rules, .config = &config, .workers = 1};
static struct hub_worker home = {.hub = &hub, .rules = &rules};
static unsigned status;

static void
on_reply(struct exchange *ex, const struct reply *r)
{
    (void)ex;
    status = r->status;
}

static const struct exchange_wire wire = {.name = "test", .reply = on_reply};

/* `peer` NULL: over a Unix socket. */
static unsigned
ask(const char *peer, const char *header, const char *query)
{
    unsigned char address[16];
    struct header one = {slice_of(header), SLICE("x")};
    struct request request = {.method = SLICE("GET"),
                              .path = SLICE("/trace"),
                              .query = slice_of(query),
                              .host = SLICE("localhost"),
                              .headers = &one,
                              .header_count = header[0] ? 1 : 0,
                              .peer = peer ? address : NULL};
    struct exchange ex = {.wire = &wire, .request = &request, .rules = &rules, .config = &config};
    ck_assert(peer == NULL || cidr_read_address(slice_of(peer), address));
    ex.worker = worker_new(0);
    worker_set_local(ex.worker, &home);
    arena_init(&ex.arena, 65536);
    status = 0;
    tracing_handler.on_head(&ex);
    arena_fini(&ex.arena);
    worker_free(&ex.worker);
    return status;
}

START_TEST(only_the_hubs_own_machine_may)
{
    ck_assert_uint_eq(ask(NULL, "", "topic=a"), 503);
    ck_assert_uint_eq(ask("127.0.0.1", "", "topic=a"), 503);
    ck_assert_uint_eq(ask("127.8.9.1", "", "topic=a"), 503);
    ck_assert_uint_eq(ask("::1", "", "topic=a"), 503);
    ck_assert_uint_eq(ask("128.0.0.1", "", "topic=a"), 403);
    ck_assert_uint_eq(ask("192.0.2.1", "", "topic=a"), 403);
    ck_assert_uint_eq(ask("10.0.0.1", "", "topic=a"), 403);
    ck_assert_uint_eq(ask("::", "", "topic=a"), 403);
    ck_assert_uint_eq(ask("fd00::1", "", "topic=a"), 403);
}
END_TEST

START_TEST(a_page_may_not_wherever_it_is_looked_at)
{
    ck_assert_uint_eq(ask(NULL, "Origin", "topic=a"), 403);
    ck_assert_uint_eq(ask("127.0.0.1", "origin", "topic=a"), 403);
    ck_assert_uint_eq(ask("127.0.0.1", "Sec-Fetch-Site", "topic=a"), 403);
    ck_assert_uint_eq(ask("127.0.0.1", "Accept", "topic=a"), 503);
}
END_TEST

START_TEST(a_topic_has_to_be_named)
{
    ck_assert_uint_eq(ask(NULL, "", ""), 400);
    ck_assert_uint_eq(ask(NULL, "", "topic="), 400);
    ck_assert_uint_eq(ask(NULL, "", "Topic=a"), 400);
    ck_assert_uint_eq(ask(NULL, "", "topic=%2A"), 503);
}
END_TEST

START_TEST(who_was_refused_takes_no_place)
{
    for (int i = 0; i < 10; i++)
        ask(NULL, "", "topic=a");
    ck_assert_uint_eq(atomic_load(&hub.traces), 0);
}
END_TEST

UNIT_MAIN("hub/tracing", only_the_hubs_own_machine_may, a_page_may_not_wherever_it_is_looked_at,
          a_topic_has_to_be_named, who_was_refused_takes_no_place)
