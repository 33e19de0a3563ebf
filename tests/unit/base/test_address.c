/* The forms of an address. */

#include "base/address.h"

#include "unit/guard.h"

#include <netinet/in.h>
#include <string.h>
#include <sys/un.h>

static const struct {
    const char *text;
    enum address_kind kind;
    int family;
    unsigned port;
} rows[] = {
    {":80", ADDRESS_TCP, AF_INET6, 80},        {"127.0.0.1:9000", ADDRESS_TCP, AF_INET, 9000},
    {"localhost:1", ADDRESS_TCP, AF_INET, 1},  {"[::1]:65535", ADDRESS_TCP, AF_INET6, 65535},
    {"::1:80", ADDRESS_TCP, AF_INET6, 80},     {"fd/7", ADDRESS_DESCRIPTOR, 0, 0},
    {"unix//tmp/a", ADDRESS_UNIX, AF_UNIX, 0},
};

static const struct {
    const char *text, *words;
} wrong[] = {
    {"", "expected :PORT"},
    {"80", "written :80"},
    {"8080", "written :8080"},
    {":", "expected :PORT"},
    {":65536", "at most 65535"},
    {":99999", "at most 65535"},
    {":8 0", "expected :PORT"},
    {"*:80", "the port alone: :80"},
    {"http://127.0.0.1:80", "no IP address"},
    {"https://hub.example", "a URL is no address"},
    {"example.com:80", "no IP address; :80 alone"},
    {"127.0.0.1", "port is missing, as in 127.0.0.1:80"},
    {"fd/", "fd/N"},
    {"fd/-1", "fd/N"},
    {"unix/", "1 to 107 bytes"},
    {"unix:/run/a.sock", "written unix//run/a.sock"},
    {"unix:///run/a.sock", "written unix//run/a.sock"},
    {"/run/a.sock", "written unix//run/a.sock"},
    {"unix//a|0680", "octal"},
    {"unix//a|06600", "octal"},
    {"unix//a|0660|g|h", "MODE|GROUP"},
};

START_TEST(each_form_is_read)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct address a;
        struct error err = {""};
        ck_assert_msg(address_read(rows[i].text, &a, &err), "row %zu: %s", i, err.text);
        ck_assert_msg(a.kind == rows[i].kind, "row %zu", i);
        ck_assert_msg(a.at.ss_family == rows[i].family, "row %zu", i);
        if (a.kind == ADDRESS_TCP)
            ck_assert_uint_eq(ntohs(((struct sockaddr_in *)&a.at)->sin_port), rows[i].port);
    }
}
END_TEST

START_TEST(what_is_no_address_is_named_with_the_way_it_is_written)
{
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        struct address a;
        struct error err = {""};
        ck_assert_msg(!address_read(wrong[i].text, &a, &err), "row %zu", i);
        ck_assert_msg(slice_starts(slice_of(err.text), slice_of(wrong[i].text)) &&
                          strstr(err.text, wrong[i].words),
                      "row %zu: %s", i, err.text);
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

UNIT_MAIN("base/address", each_form_is_read, what_is_no_address_is_named_with_the_way_it_is_written,
          a_unix_socket_has_a_mode_and_a_group)
