/* The canonicalisers of URL Pattern, each alone. */

#include "topic/url_canonical.h"

#include "unit/guard.h"

typedef bool canonicaliser(struct arena *, struct slice, struct slice *);

static bool
port_of_https(struct arena *arena, struct slice in, struct slice *ret)
{
    return url_canonical_port(arena, in, SLICE("https"), ret);
}

static bool
port_of_none(struct arena *arena, struct slice in, struct slice *ret)
{
    return url_canonical_port(arena, in, SLICE(""), ret);
}

START_TEST(each_component_alone_becomes_what_the_standard_says)
{
    static const struct {
        canonicaliser *canonical;
        const char *in, *want; /* NULL: refused */
    } rows[] = {
        {url_canonical_protocol, "", ""},
        {url_canonical_protocol, "HTTPS", "https"},
        {url_canonical_protocol, "café", NULL},
        {url_canonical_protocol, "data", "data"},
        {url_canonical_protocol, "1a", NULL},
        {url_canonical_username, "a b:@", "a%20b%3A%40"},
        {url_canonical_username, "\t", "%09"},
        {url_canonical_password, "é", "%C3%A9"},
        {url_canonical_hostname, "", ""},
        {url_canonical_hostname, "EXAMPLE.com", "example.com"},
        {url_canonical_hostname, "bad hostname", NULL},
        {url_canonical_hostname, "a:80", NULL},
        {url_canonical_hostname, "a/b", "a"},
        {url_canonical_hostname, "/b", NULL},
        {url_canonical_hostname, "xn--caf-dma.com", "xn--caf-dma.com"},
        {url_canonical_hostname, "café.com", "xn--caf-dma.com"},
        {url_canonical_hostname, "[::0001]", "[::1]"},
        {url_canonical_hostname, "[::1", NULL},
        {url_canonical_hostname, "bad|hostname", NULL},
        {url_canonical_hostname, "bad\nhostname", "badhostname"},
        {url_canonical_ipv6_hostname, "[AB:", "[ab:"},
        {url_canonical_ipv6_hostname, "[::g", NULL},
        {port_of_https, "", ""},
        {port_of_https, "443", ""},
        {port_of_https, "80", "80"},
        {port_of_https, "0080", "80"},
        {port_of_none, "443", "443"},
        {port_of_none, "8\t0", "80"},
        {port_of_none, "80x", "80"},
        {port_of_none, "x80", NULL},
        {port_of_none, "65536", NULL},
        {port_of_none, "0", "0"},
        {url_canonical_pathname, "", ""},
        {url_canonical_pathname, "/a/../b", "/b"},
        {url_canonical_pathname, "a/./b", "a/b"},
        {url_canonical_pathname, ".", "."},
        {url_canonical_pathname, "a/../../..", ""},
        {url_canonical_pathname, "/café?#", "/caf%C3%A9%3F%23"},
        {url_canonical_pathname, "\\a", "/a"},
        {url_canonical_opaque_pathname, "a/../é b", "a/../%C3%A9 b"},
        {url_canonical_opaque_pathname, "a?b", "a"},
        {url_canonical_search, "", ""},
        {url_canonical_search, "q=café'#", "q=caf%C3%A9%27%23"},
        {url_canonical_hash, "", ""},
        {url_canonical_hash, "é`#", "%C3%A9%60#"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct arena arena;
        struct slice got;
        arena_init(&arena, 65536);
        bool ok = rows[i].canonical(&arena, guard_copy(slice_of(rows[i].in)), &got);
        ck_assert_msg(ok == (rows[i].want != NULL), "row %zu, %s: %d", i, rows[i].in, ok);
        if (ok)
            ck_assert_msg(slice_eq(got, slice_of(rows[i].want)), "row %zu, %s: " SLICE_FMT, i,
                          rows[i].in, SLICE_ARG(got));
        arena_fini(&arena);
    }
}
END_TEST

UNIT_MAIN("topic/url_canonical", each_component_alone_becomes_what_the_standard_says)
