/* Under which URL a request came (request/hub_url), and from whom that is believed. */

#include "request/front.h"

#include "request/hub_url.h"
#include "unit/config/text.h"

#include "unit/guard.h"

static struct config *config;
static struct exchange ex;
static struct request request;
static struct header headers[8];

static void
begin(struct slice text)
{
    struct error err = {""};
    config_free(&config);
    config = config_new();
    ck_assert_msg(config_parse(config, SLICE("anonymous\ntransport memory\n"), "t", &err) &&
                      config_parse(config, text, "t", &err) && config_judge(config, &err),
                  "%s", err.text);
    arena_fini(&ex.arena);
    arena_init(&ex.arena, 65536);
    request = (struct request){.host = SLICE("hub.example"), .headers = headers};
    ex.config = config;
    ex.request = &request;
}

static void
header(struct slice name, struct slice value)
{
    headers[request.header_count++] = (struct header){name, value};
}

static bool
is(struct slice got, const char *want)
{
    return slice_eq(got, slice_of(want));
}

#define HUB "/.well-known/mercure"

START_TEST(the_audience_is_the_url_as_clients_name_it)
{
    static const struct {
        struct slice scheme, host;
        const char *url;
    } rows[] = {
        {SLICE_INIT(""), SLICE_INIT("hub.example"), "http://hub.example" HUB},
        {SLICE_INIT("https"), SLICE_INIT("Hub.Example:443"), "https://hub.example" HUB},
        {SLICE_INIT("HTTPS"), SLICE_INIT("hub.example:80"), "https://hub.example:80" HUB},
        {SLICE_INIT("http"), SLICE_INIT("[::1]:8080"), "http://[::1]:8080" HUB},
        {SLICE_INIT("ftp"), SLICE_INIT("hub.example:80"), "http://hub.example" HUB},
        {SLICE_INIT("https"), SLICE_INIT(""), ""},
        {SLICE_INIT("https"), SLICE_INIT("a\"b"), ""},
        {SLICE_INIT("https"), SLICE_INIT("user@hub.example"), ""},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(SLICE(""));
        request.is_told = true;
        request.scheme = rows[i].scheme;
        request.host = guard_copy(rows[i].host);
        ck_assert(front_settle(&ex));
        ck_assert_msg(is(hub_url_audience(&ex), rows[i].url), "row %zu", i);
    }
}
END_TEST

START_TEST(a_resource_identifier_names_the_hub_and_where_its_metadata_are)
{
    begin(SLICE("resource_identifier https://id.example:8443" HUB "\n"));
    ck_assert(front_settle(&ex));
    ck_assert(is(hub_url_audience(&ex), "https://id.example:8443" HUB));
    ck_assert(is(hub_url_base(&ex), "https://id.example:8443" HUB));
    ck_assert(is(hub_url_metadata(&ex), "https://id.example:8443" HUB_URL_METADATA_PREFIX HUB));
    begin(SLICE("resource_identifier urn:hub\n"));
    ck_assert(front_settle(&ex));
    ck_assert(is(hub_url_audience(&ex), "urn:hub"));
    ck_assert(is(hub_url_base(&ex), "http://hub.example" HUB));
    ck_assert(is(hub_url_metadata(&ex), "http://hub.example" HUB_URL_METADATA_PREFIX HUB));
    begin(SLICE("resource_identifier https://id.example/other\n"));
    ck_assert(front_settle(&ex));
    ck_assert_msg(is(hub_url_base(&ex), "http://hub.example" HUB), "it does not end in the path");
}
END_TEST

START_TEST(public_urls_say_the_scheme_and_refuse_other_hosts)
{
    static const struct {
        struct slice host;
        const char *url; /* NULL: refused */
    } rows[] = {
        {SLICE_INIT("hub.example"), "https://hub.example" HUB},
        {SLICE_INIT("HUB.example:443"), "https://hub.example" HUB},
        {SLICE_INIT("plain.example:8080"), "http://plain.example:8080" HUB},
        {SLICE_INIT("plain.example"), NULL},
        {SLICE_INIT("hub.example:80"), NULL},
        {SLICE_INIT("evil.example"), NULL},
        {SLICE_INIT(""), NULL},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(SLICE("public_urls https://hub.example http://plain.example:8080" HUB "\n"));
        request.host = rows[i].host;
        request.scheme = SLICE("http"); /* of a front behind another one */
        request.is_told = true;
        ck_assert_msg(front_settle(&ex) == (rows[i].url != NULL), "row %zu", i);
        if (rows[i].url)
            ck_assert_msg(is(hub_url_audience(&ex), rows[i].url), "row %zu", i);
    }
}
END_TEST

START_TEST(a_header_is_believed_from_whom_it_may_come)
{
    static const unsigned char loopback[16] = {[10] = 0xff, [11] = 0xff, 127, 0, 0, 1};
    static const unsigned char other[16] = {[10] = 0xff, [11] = 0xff, 10, 0, 0, 1};
    static const struct {
        struct slice text;
        const unsigned char *peer;
        bool is_told, believed;
    } rows[] = {
        {SLICE_INIT("forwarded x-forwarded\n"), loopback, false, true},
        {SLICE_INIT("forwarded x-forwarded\n"), NULL, false, true},
        {SLICE_INIT("forwarded x-forwarded\n"), other, false, false},
        {SLICE_INIT("forwarded x-forwarded\ntrusted_proxies 10.0.0.0/8\n"), other, false, true},
        {SLICE_INIT("forwarded x-forwarded\ntrusted_proxies 10.0.0.0/8\n"), loopback, false, false},
        {SLICE_INIT("forwarded x-forwarded\n"), loopback, true, false},
        {SLICE_INIT("forwarded forwarded\n"), loopback, false, false},
        {SLICE_INIT("forwarded none\n"), loopback, false, false},
        {SLICE_INIT(""), NULL, false, false},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        begin(rows[i].text);
        header(SLICE("X-Forwarded-For"), SLICE("192.0.2.1"));
        header(SLICE("X-Forwarded-Proto"), SLICE("http"));
        header(SLICE("x-forwarded-proto"), SLICE("https"));
        request.peer = rows[i].peer;
        request.is_told = rows[i].is_told;
        ck_assert(front_settle(&ex));
        ck_assert_msg(is(request.scheme, rows[i].believed ? "https" : ""), "row %zu", i);
        ck_assert_msg(is(request.address, rows[i].believed ? "192.0.2.1" : ""), "row %zu", i);
    }
}
END_TEST

START_TEST(an_address_is_one_or_is_not_known)
{
    static const struct {
        struct slice told;
        bool known;
    } rows[] = {
        {SLICE_INIT("192.0.2.1"), true},
        {SLICE_INIT("2001:db8::1"), true},
        {SLICE_INIT("::ffff:192.0.2.1"), true},
        {SLICE_INIT("unix:"), false},
        {SLICE_INIT(""), false},
        {SLICE_INIT("unknown"), false},
        {SLICE_INIT("192.0.2.1:80"), false},
        {SLICE_INIT("192.0.2.1, 192.0.2.2"), false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin(SLICE(""));
        request.is_told = true;
        request.address = guard_copy(rows[i].told);
        ck_assert(front_settle(&ex));
        ck_assert_msg(slice_eq(request.address, rows[i].known ? rows[i].told : SLICE("")),
                      "row %zu", i);
    }
}
END_TEST

/* The same request, as it came, under other rules. */
START_TEST(a_request_is_settled_anew_from_what_the_wire_told)
{
    static const struct {
        struct slice text;
        const char *url; /* NULL: refused */
    } rows[] = {
        {SLICE_INIT("public_urls https://hub.example\n"), "https://hub.example" HUB},
        {SLICE_INIT("public_urls https://other.example\n"), NULL},
        {SLICE_INIT("forwarded x-forwarded\n"), "https://hub.example" HUB},
        {SLICE_INIT(""), "http://hub.example" HUB},
        {SLICE_INIT("public_urls http://hub.example\n"), "http://hub.example" HUB},
    };
    struct request same;
    begin(SLICE(""));
    header(SLICE("X-Forwarded-Proto"), SLICE("https"));
    same = request;
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin(rows[i].text);
        request = same;
        ck_assert_msg(front_settle(&ex) == (rows[i].url != NULL), "row %zu", i);
        if (rows[i].url)
            ck_assert_msg(is(hub_url_audience(&ex), rows[i].url), "row %zu", i);
        same = request;
    }
}
END_TEST

START_TEST(an_audience_is_known_where_the_configuration_says_it)
{
    static const struct {
        struct slice text, audience;
        bool holds;
    } rows[] = {
        {SLICE_INIT("resource_identifier urn:hub\n"), SLICE_INIT("urn:hub"), true},
        {SLICE_INIT("resource_identifier urn:hub\n"), SLICE_INIT("urn:Hub"), false},
        {SLICE_INIT("public_urls https://a.example http://b.example:81\n"),
         SLICE_INIT("https://a.example" HUB), true},
        {SLICE_INIT("public_urls https://a.example http://b.example:81" HUB "\n"),
         SLICE_INIT("http://b.example:81" HUB), true},
        {SLICE_INIT("public_urls https://a.example\n"), SLICE_INIT("http://a.example" HUB), false},
        {SLICE_INIT("public_urls https://a.example\n"), SLICE_INIT("https://b.example" HUB), false},
        {SLICE_INIT("public_urls https://a.example\n"), SLICE_INIT("https://a.example/x"), false},
        {SLICE_INIT("public_urls https://a.example\n"), SLICE_INIT(""), false},
        {SLICE_INIT(""), SLICE_INIT("https://a.example" HUB), false},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        begin(rows[i].text);
        ck_assert_msg(hub_url_is_audience(config, guard_copy(rows[i].audience)) == rows[i].holds,
                      "row %zu", i);
    }
}
END_TEST

UNIT_MAIN("request/front", an_address_is_one_or_is_not_known,
          a_request_is_settled_anew_from_what_the_wire_told,
          an_audience_is_known_where_the_configuration_says_it,
          the_audience_is_the_url_as_clients_name_it,
          a_resource_identifier_names_the_hub_and_where_its_metadata_are,
          public_urls_say_the_scheme_and_refuse_other_hosts,
          a_header_is_believed_from_whom_it_may_come)
