/* The forms of an address. */

#include "loop/address.h"

#include "unit/guard.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

static const struct {
    const char *text;
    bool ok;
    enum address_kind kind;
    int family;
    unsigned port;
} rows[] = {
    {":80", true, ADDRESS_TCP, AF_INET6, 80},
    {"127.0.0.1:9000", true, ADDRESS_TCP, AF_INET, 9000},
    {"localhost:1", true, ADDRESS_TCP, AF_INET, 1},
    {"[::1]:65535", true, ADDRESS_TCP, AF_INET6, 65535},
    {"::1:80", true, ADDRESS_TCP, AF_INET6, 80},
    {"fd/7", true, ADDRESS_DESCRIPTOR, 0, 0},
    {"unix//tmp/a", true, ADDRESS_UNIX, AF_UNIX, 0},
    {"", false, 0, 0, 0},
    {"80", false, 0, 0, 0},
    {":", false, 0, 0, 0},
    {":65536", false, 0, 0, 0},
    {":8 0", false, 0, 0, 0},
    {"example.com:80", false, 0, 0, 0},
    {"127.0.0.1", false, 0, 0, 0},
    {"fd/", false, 0, 0, 0},
    {"fd/-1", false, 0, 0, 0},
    {"unix/", false, 0, 0, 0},
    {"unix//a|0680", false, 0, 0, 0},
    {"unix//a|06600", false, 0, 0, 0},
};

START_TEST(each_form_is_read_and_what_is_none_is_named)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct address a;
        struct error err = {""};
        ck_assert_msg(address_read(rows[i].text, &a, &err) == rows[i].ok, "row %zu", i);
        if (!rows[i].ok) {
            ck_assert_msg(strncmp(err.text, "listen ", 7) == 0, "row %zu", i);
            continue;
        }
        ck_assert_msg(a.kind == rows[i].kind, "row %zu", i);
        ck_assert_msg(a.at.ss_family == rows[i].family, "row %zu", i);
        if (a.kind == ADDRESS_TCP)
            ck_assert_uint_eq(ntohs(((struct sockaddr_in *)&a.at)->sin_port), rows[i].port);
    }
}
END_TEST

START_TEST(a_unix_socket_has_a_mode_and_a_group)
{
    struct address a;
    struct error err;
    ck_assert(address_read("unix//run/x.sock|0600|www-data", &a, &err));
    ck_assert_str_eq(((struct sockaddr_un *)&a.at)->sun_path, "/run/x.sock");
    ck_assert_uint_eq(a.mode, 0600);
    ck_assert(slice_eq(a.group, SLICE("www-data")));
    ck_assert(address_read("unix//run/x.sock", &a, &err));
    ck_assert_uint_eq(a.mode, 0660);
    ck_assert_uint_eq(a.group.len, 0);
    char longest[200] = "unix/";
    memset(longest + 5, 'x', 107);
    ck_assert(address_read(longest, &a, &err));
    longest[5 + 107] = 'x';
    ck_assert(!address_read(longest, &a, &err));
}
END_TEST

UNIT_MAIN("loop/address", each_form_is_read_and_what_is_none_is_named,
          a_unix_socket_has_a_mode_and_a_group)
