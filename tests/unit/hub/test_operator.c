/* Who may see who is connected: somebody on the hub's own machine, and no page in a browser there.
 */

#include "hub/operator.h"

#include "base/cidr.h"
#include "unit/guard.h"

/* `peer` NULL: over a Unix socket. */
static bool
asks_host(const char *host, const char *peer, const char *header)
{
    unsigned char address[16];
    struct header one = {slice_of(header), SLICE("x")};
    struct request request = {.host = slice_of(host),
                              .headers = &one,
                              .header_count = header[0] ? 1 : 0,
                              .peer = peer ? address : NULL};
    const struct exchange ex = {.request = &request};
    ck_assert(peer == NULL || cidr_read_address(slice_of(peer), address));
    return operator_asks(&ex);
}

static bool
asks(const char *peer, const char *header)
{
    return asks_host("localhost", peer, header);
}

START_TEST(only_this_machine_may)
{
    static const char *const here[] = {NULL, "127.0.0.1", "127.8.9.1", "::1"},
                             *const elsewhere[] = {"128.0.0.1", "192.0.2.1", "10.0.0.1",
                                                   "::",        "fd00::1",   "::2"};
    for (size_t i = 0; i < COUNT_OF(here); i++)
        ck_assert(asks(here[i], ""));
    for (size_t i = 0; i < COUNT_OF(elsewhere); i++)
        ck_assert(!asks(elsewhere[i], ""));
}
END_TEST

START_TEST(no_page_may)
{
    ck_assert(!asks(NULL, "Origin") && !asks("127.0.0.1", "origin"));
    ck_assert(!asks(NULL, "Sec-Fetch-Site"));
    ck_assert(asks(NULL, "Accept"));
}
END_TEST

START_TEST(a_name_that_was_made_to_lead_here_is_not_this_machine)
{
    static const char *const own[] = {"localhost",      "LOCALHOST:9180", "127.0.0.1",
                                      "127.0.0.2:9180", "[::1]:9180",     "[::1]"};
    static const char *const others[] = {
        "",     "example.com", "example.com:9180", "10.0.0.1", "[fd00::1]", "localhost.example.com",
        "[::1", "127.0.0.1.a", "a@localhost",      "[]"};
    for (size_t i = 0; i < COUNT_OF(own); i++)
        ck_assert(asks_host(own[i], "127.0.0.1", ""));
    for (size_t i = 0; i < COUNT_OF(others); i++) {
        ck_assert(!asks_host(others[i], "127.0.0.1", ""));
        ck_assert(asks_host(others[i], NULL, ""));
    }
}
END_TEST

START_TEST(a_front_on_this_machine_may_not_for_others)
{
    static const char *const signs[] = {"Forwarded",        "X-Forwarded-For", "x-forwarded-proto",
                                        "X-Forwarded-Host", "X-Real-IP",       "Via"};
    for (size_t i = 0; i < COUNT_OF(signs); i++) {
        ck_assert(!asks("127.0.0.1", signs[i]));
        ck_assert(!asks(NULL, signs[i]));
    }
}
END_TEST

UNIT_MAIN("hub/operator", only_this_machine_may, no_page_may,
          a_name_that_was_made_to_lead_here_is_not_this_machine,
          a_front_on_this_machine_may_not_for_others)
