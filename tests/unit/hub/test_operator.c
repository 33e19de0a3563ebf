/* Who may see who is connected: somebody on the hub's own machine, and no page in a browser there.
 */

#include "hub/operator.h"

#include "base/cidr.h"
#include "unit/guard.h"

/* `peer` NULL: over a Unix socket. */
static bool
asks(const char *peer, const char *header)
{
    unsigned char address[16];
    struct header one = {slice_of(header), SLICE("x")};
    struct request request = {
        .headers = &one, .header_count = header[0] ? 1 : 0, .peer = peer ? address : NULL};
    const struct exchange ex = {.request = &request};
    ck_assert(peer == NULL || cidr_read_address(slice_of(peer), address));
    return operator_asks(&ex);
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

UNIT_MAIN("hub/operator", only_this_machine_may, no_page_may)
