/* The directive language, from words to a configuration. */

#include "config/config.h"

#include "unit/guard.h"

#include <stdlib.h>

static struct config *config;
static struct error err;

static bool
parse(struct slice text)
{
    config_free(&config);
    config = config_new();
    err.text[0] = 0;
    return config_parse(config, guard_copy(text), "test.conf", &err);
}

static bool
says(const char *words)
{
    return strstr(err.text, words) != NULL;
}

START_TEST(a_block_of_the_established_hub_can_be_pasted)
{
    setenv("UNIT_KEY", "from the environment", 1);
    unsetenv("UNIT_NONE");
    ck_assert_msg(parse(SLICE("# a comment\n"
                              "mercure {\n"
                              "\tpublisher_jwt {env.UNIT_KEY} HS256\n"
                              "\tsubscriber_jwt \"a \\\"b\\\" # c\"  # behind\n"
                              "\tcors_origins {$UNIT_NONE:https://a.example} `raw \\\"`\n"
                              "\tanonymous\n"
                              "\tdispatch_timeout 5s\n"
                              "}\n")),
                  "%s", err.text);
    ck_assert_str_eq(config->keys[CONFIG_PUBLISHER].text.ptr, "from the environment");
    ck_assert_str_eq(config->keys[CONFIG_PUBLISHER].algs.items[0], "HS256");
    ck_assert_str_eq(config->keys[CONFIG_SUBSCRIBER].text.ptr, "a \"b\" # c");
    ck_assert_uint_eq(config->cors_origins.count, 2);
    ck_assert_str_eq(config->cors_origins.items[0], "https://a.example");
    ck_assert_str_eq(config->cors_origins.items[1], "raw \\\"");
    ck_assert(config->anonymous);
    ck_assert_uint_ge(config->notes.count, 1);
}
END_TEST

START_TEST(without_the_wrapper_it_is_the_same)
{
    ck_assert(parse(SLICE("anonymous")));
    ck_assert(config->anonymous);
    ck_assert(parse(SLICE("")));
    ck_assert(parse(SLICE("\r\n \t# nothing\r\n")));
}
END_TEST

START_TEST(an_issuer_has_keys_for_each_role)
{
    ck_assert_msg(parse(SLICE("mercure {\n"
                              " issuer https://a.example {\n"
                              "  authorization_server\n"
                              "  publisher {\n   jwt secret-1 HS512\n  }\n"
                              "  subscriber { jwks_uri https://a.example/jwks RS256 ES256 }\n"
                              " }\n"
                              " issuer https://b.example { subscriber { jwt `{\"kty\":1}` } }\n"
                              " subscriber_jwks_url https://a.example/jwks\n"
                              " publisher_jwt \"-----BEGIN X-----\\nab\\n-----END X-----\" RS256\n"
                              "}\n")),
                  "%s", err.text);
    ck_assert_msg(config_judge(config, &err), "%s", err.text);
    ck_assert_uint_eq(config->issuer_count, 2);
    const struct issuer_setting *a = &config->issuers[0], *b = &config->issuers[1];
    ck_assert_str_eq(a->id, "https://a.example");
    ck_assert(a->authorization_server && !b->authorization_server);
    ck_assert_str_eq(a->keys[CONFIG_PUBLISHER].text.ptr, "secret-1");
    ck_assert_str_eq(a->keys[CONFIG_PUBLISHER].place, "test.conf:5: jwt");
    ck_assert_str_eq(a->keys[CONFIG_SUBSCRIBER].url, "https://a.example/jwks");
    ck_assert_uint_eq(a->keys[CONFIG_SUBSCRIBER].algs.count, 2);
    ck_assert(key_setting_is_empty(&b->keys[CONFIG_PUBLISHER]));
    ck_assert_str_eq(b->keys[CONFIG_SUBSCRIBER].text.ptr, "{\"kty\":1}");
    ck_assert_uint_eq(config->sources.count, 1);
    ck_assert_str_eq(config->keys[CONFIG_PUBLISHER].text.ptr,
                     "-----BEGIN X-----\nab\n-----END X-----");
    ck_assert(config_speaks_0x(config) && config_speaks_1_0(config));
}
END_TEST

static bool
has_note(const char *words)
{
    for (size_t i = 0; i < config->notes.count; i++)
        if (strstr(config->notes.items[i], words))
            return true;
    return false;
}

#define ISSUER "issuer https://a.example { publisher { jwt x HS256 } subscriber { jwt x HS256 } }\n"

START_TEST(what_the_whole_tells_is_said)
{
    static const struct {
        struct slice text;
        const char *note;
    } rows[] = {
        {SLICE_INIT("anonymous\nheartbeat 0s\n"), "test.conf:2: heartbeat: off"},
        {SLICE_INIT("anonymous\ncors_origins *\n"), "cors_origins: *"},
        {SLICE_INIT("anonymous\ncors_origins https://*\n"), "whole scheme"},
        {SLICE_INIT("anonymous\npublish_origins *\n"), "publish_origins: *"},
        {SLICE_INIT("anonymous\n"), "nobody can publish"},
        {SLICE_INIT("anonymous\nprotocol_version_compatibility 7\n"), "get 401"},
        {SLICE_INIT(ISSUER), "neither resource_identifier nor public_urls"},
        {SLICE_INIT("anonymous\ntrusted_proxies 10.0.0.0/8\n"), "trusted_proxies: no effect"},
        {SLICE_INIT("subscriber_jwt a\nsubscriber_jwks_url https://a/b\n"), "it counts"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(parse(rows[i].text) && config_judge(config, &err), "row %zu: %s", i,
                      err.text);
        ck_assert_msg(has_note(rows[i].note), "row %zu", i);
    }
    ck_assert(parse(SLICE(ISSUER "public_urls https://a.example\n")) && config_judge(config, &err));
    ck_assert(!has_note("neither resource_identifier"));
    ck_assert(config_speaks_1_0(config) && !config_speaks_0x(config));
    ck_assert_uint_eq(config->max_request_body_size, 1048576);
    ck_assert_uint_eq(config->max_query_body_size, 100 * 3 * 4096 + 65536);
    ck_assert(parse(SLICE(ISSUER "max_query_body_size 2KiB\n")) && config_judge(config, &err));
    ck_assert_uint_eq(config->max_query_body_size, 2048);
    ck_assert(parse(SLICE(ISSUER "max_pending_bytes 1MiB\n")) && config_judge(config, &err));
    ck_assert_uint_eq(config->max_query_body_size, 1048576 / 4);
    config_free(&config);
}
END_TEST

START_TEST(what_contradicts_itself_is_refused)
{
    static const struct {
        struct slice text;
        const char *words;
    } rows[] = {
        {SLICE_INIT("publisher_jwt x\n"), "nobody could subscribe"},
        {SLICE_INIT(ISSUER "protocol_version_compatibility 8\n"), "1.0 alone"},
        {SLICE_INIT("anonymous\npublic_urls hub.example\n"), "test.conf:2: public_urls"},
        {SLICE_INIT("anonymous\nmax_pending_bytes 1MiB\nmax_query_body_size 1MiB\n"),
         "max_query_body_size: at most a quarter"},
        {SLICE_INIT("anonymous\npublic_urls https://hub.example/other\n"), "public_urls"},
        {SLICE_INIT("anonymous\ntrusted_proxies 10.0.0.1/8\n"), "trusted_proxies"},
        {SLICE_INIT("anonymous\ncookie_name a=b\n"), "cookie_name"},
        {SLICE_INIT("anonymous\nresource_identifier \"a b\"\n"), "resource_identifier"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(parse(rows[i].text), "row %zu: %s", i, err.text);
        ck_assert_msg(!config_judge(config, &err) && says(rows[i].words), "row %zu: %s", i,
                      err.text);
    }
    config_free(&config);
}
END_TEST

START_TEST(durations_and_sizes_have_units)
{
    ck_assert(parse(SLICE("heartbeat 1500ms\nwrite_timeout 2h\ntail 1MiB\nmax_request_head 2KB\n"
                          "max_update_size 3kB\nmax_pending_bytes 1GiB\nmax_streams 7")));
    ck_assert_uint_eq(config->heartbeat_ms, 1500);
    ck_assert_uint_eq(config->write_timeout_ms, 7200000);
    ck_assert_uint_eq(config->tail, 1048576);
    ck_assert_uint_eq(config->max_request_head, 2000);
    ck_assert_uint_eq(config->max_update_size, 3000);
    ck_assert_uint_eq(config->max_pending_bytes, 1073741824);
    ck_assert_uint_eq(config->max_streams, 7);
}
END_TEST

static const struct {
    struct slice text;
    const char *place, *words;
} wrong[] = {
    {SLICE_INIT("anonymous\nheartbeet 1s\n"), "test.conf:2:", "heartbeat"},
    {SLICE_INIT("heartbeat\n"), "test.conf:1:", "DURATION"},
    {SLICE_INIT("heartbeat 1s 2s\n"), "test.conf:1:", "heartbeat"},
    {SLICE_INIT("heartbeat 1\n"), "test.conf:1:", "heartbeat"},
    {SLICE_INIT("heartbeat -1s\n"), "test.conf:1:", "heartbeat"},
    {SLICE_INIT("heartbeat 99999999999999999999h\n"), "test.conf:1:", "heartbeat"},
    {SLICE_INIT("\n\ntail 1\n"), "test.conf:3:", "tail"},
    {SLICE_INIT("tail 1XB\n"), "test.conf:1:", "tail"},
    {SLICE_INIT("max_streams many\n"), "test.conf:1:", "max_streams"},
    {SLICE_INIT("anonymous yes\n"), "test.conf:1:", "anonymous"},
    {SLICE_INIT("busy wait\n"), "test.conf:1:", "retry"},
    {SLICE_INIT("name \"open\n"), "test.conf:1:", ""},
    {SLICE_INIT("mercure {\nanonymous\n"), "test.conf:", "not closed"},
    {SLICE_INIT("anonymous\n}\n"), "test.conf:2:", "}"},
    {SLICE_INIT("transport redis\n"), "test.conf:1:", "transport memory"},
    {SLICE_INIT("jwt_key x\n"), "test.conf:1:", "publisher_jwt"},
    {SLICE_INIT("license x\n"), "test.conf:1:", "license"},
    {SLICE_INIT("path relative\n"), "test.conf:1:", "path"},
    {SLICE_INIT("publisher_jwt \"\"\n"), "test.conf:1:", "empty"},
    {SLICE_INIT("\npublisher_jwt file:/nowhere/at/all\n"), "test.conf:2:", "/nowhere/at/all"},
    {SLICE_INIT("publisher_jwks_url http://a/b\n"), "test.conf:1:", "https"},
    {SLICE_INIT("forwarded yes\n"), "test.conf:1:", "x-forwarded"},
    {SLICE_INIT("issuer a\n"), "test.conf:1:", "issuer"},
    {SLICE_INIT("issuer a {\n}\n"), "test.conf:1:", "neither"},
    {SLICE_INIT("issuer a {\n publisher {\n }\n}\n"), "test.conf:3:", "without"},
    {SLICE_INIT("issuer a {\n publisher {\n  jwt\n }\n}\n"), "test.conf:3:", "KEY"},
    {SLICE_INIT("issuer a {\n publisher {\n  jwt k\n  jwt l\n }\n}\n"), "test.conf:4:", "one"},
    {SLICE_INIT("issuer a {\n\n wrong\n}\n"), "test.conf:3:", "authorization_server"},
    {SLICE_INIT("issuer a {\n publisher { jwt k }\n}\n\nissuer a {\n publisher { jwt k }\n}\n"),
     "test.conf:5:", "twice"},
    {SLICE_INIT("history { max_events 1 { } }\n"), "test.conf:1:", "block"},
    {SLICE_INIT("protocol_version_compatibility 6\n"), "test.conf:1:", "7 or 8"},
};

START_TEST(a_mistake_is_named_with_its_line)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(!parse(wrong[i].text), "row %zu passed", i);
        ck_assert_msg(says(wrong[i].place) && says(wrong[i].words), "row %zu: %s", i, err.text);
    }
    config_free(&config);
}
END_TEST

UNIT_MAIN("config/config", a_block_of_the_established_hub_can_be_pasted,
          without_the_wrapper_it_is_the_same, an_issuer_has_keys_for_each_role,
          what_the_whole_tells_is_said, what_contradicts_itself_is_refused,
          durations_and_sizes_have_units, a_mistake_is_named_with_its_line)
