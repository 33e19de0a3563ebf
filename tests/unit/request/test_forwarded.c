/* What a front says of its client. */

#include "request/forwarded.h"

#include "unit/guard.h"

START_TEST(the_last_element_alone_is_believed)
{
    static const struct {
        struct slice value, scheme, address;
    } rows[] = {
        {SLICE_INIT("for=192.0.2.1;proto=https"), SLICE_INIT("https"), SLICE_INIT("192.0.2.1")},
        {SLICE_INIT("for=6.6.6.6;proto=http, for=192.0.2.1;proto=https"), SLICE_INIT("https"),
         SLICE_INIT("192.0.2.1")},
        {SLICE_INIT("for=6.6.6.6;proto=https, for=192.0.2.1"), SLICE_INIT(""),
         SLICE_INIT("192.0.2.1")},
        {SLICE_INIT("For=\"[2001:db8::1]:4711\" ; Proto=HTTPS"), SLICE_INIT("https"),
         SLICE_INIT("2001:db8::1")},
        {SLICE_INIT("for=\"a,b;proto=https\""), SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT("proto=https,"), SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT("for=unknown;proto=ftp"), SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT("for=_hidden;by=1;host=x"), SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT("for=\"192.0.2.1:80"), SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT(""), SLICE_INIT(""), SLICE_INIT("")},
        {SLICE_INIT("for"), SLICE_INIT(""), SLICE_INIT("")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct forwarded_client c = forwarded_read(guard_copy(rows[i].value));
        ck_assert_msg(slice_eq(c.scheme, rows[i].scheme), "row %zu", i);
        ck_assert_msg(slice_eq(c.address, rows[i].address), "row %zu", i);
    }
}
END_TEST

START_TEST(so_it_is_with_x_forwarded)
{
    static const struct {
        struct slice proto, for_, scheme, address;
    } rows[] = {
        {SLICE_INIT("https"), SLICE_INIT("192.0.2.1"), SLICE_INIT("https"),
         SLICE_INIT("192.0.2.1")},
        {SLICE_INIT("http, https"), SLICE_INIT("6.6.6.6, 192.0.2.1"), SLICE_INIT("https"),
         SLICE_INIT("192.0.2.1")},
        {SLICE_INIT("wss"), SLICE_INIT("2001:db8::1"), SLICE_INIT(""), SLICE_INIT("2001:db8::1")},
        {SLICE_INIT(""), SLICE_INIT("[2001:db8::1]"), SLICE_INIT(""), SLICE_INIT("2001:db8::1")},
        {SLICE_INIT("https,"), SLICE_INIT("192.0.2.1:4711"), SLICE_INIT(""),
         SLICE_INIT("192.0.2.1")},
        {SLICE_INIT(""), SLICE_INIT("example.org"), SLICE_INIT(""), SLICE_INIT("")},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct forwarded_client c = forwarded_read_x(rows[i].proto, rows[i].for_);
        ck_assert_msg(slice_eq(c.scheme, rows[i].scheme), "row %zu", i);
        ck_assert_msg(slice_eq(c.address, rows[i].address), "row %zu", i);
    }
}
END_TEST

UNIT_MAIN("request/forwarded", the_last_element_alone_is_believed, so_it_is_with_x_forwarded)
