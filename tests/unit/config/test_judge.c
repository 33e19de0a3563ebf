/* What only the whole of a configuration tells: contradictions, and what is unwise. */

#include "config/judge.h"

#include "unit/config/text.h"
#include "unit/guard.h"

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
        {SLICE_INIT("anonymous\nui_metrics all\n"), "ui_metrics: no effect without ui"},
        {SLICE_INIT("subscriber_jwt a\nsubscriber_jwks_url https://a/b\n"), "it counts"},
        {SLICE_INIT("anonymous\npublisher_jwt a\npublisher_jwt b\n"),
         "test.conf:3: publisher_jwt: it is there twice"},
        {SLICE_INIT("anonymous\nheartbeat 1s\nheartbeat 2s\n"), "heartbeat: it is there twice"},
        {SLICE_INIT("anonymous\nmax_streams 0\n"), "max_streams: 0: nobody can subscribe"},
        {SLICE_INIT("anonymous\npublisher_jwt \"'quoted'\"\n"), "wrapped in quotes"},
        {SLICE_INIT("anonymous\ntransport bolt { size 0 }\n"), "size 0 is no bound there"},
        {SLICE_INIT("anonymous\ntransport_url bolt://a/b?size=7&cleanup_frequency=0.4\n"),
         "bolt is transport log here"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(parse(rows[i].text) && config_judge(config, &err), "row %zu: %s", i,
                      err.text);
        ck_assert_msg(config_notes(config, rows[i].note), "row %zu", i);
    }
    ck_assert(parse(SLICE(ISSUER "public_urls https://a.example\n")) && config_judge(config, &err));
    ck_assert(!config_notes(config, "neither resource_identifier"));
    ck_assert(config->speaks[DIALECT_1_0] && !config->speaks[DIALECT_0X]);
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
        {SLICE_INIT("anonymous\nhealthz /.well-known/mercure\n"), "test.conf:2: healthz"},
        {SLICE_INIT("anonymous\npath /a\nhealthz /a/b\n"), "test.conf:3: healthz: /a/b"},
        {SLICE_INIT("anonymous\ntransport memory\ndurability commit\n"), "transport log"},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        ck_assert_msg(parse(rows[i].text), "row %zu: %s", i, err.text);
        ck_assert_msg(!config_judge(config, &err) && says(rows[i].words), "row %zu: %s", i,
                      err.text);
    }
    config_free(&config);
}
END_TEST

START_TEST(a_role_whose_line_is_wrong_is_not_said_to_be_missing)
{
    ck_assert(!parse(SLICE("subscriber_jwt file:/nowhere\n")));
    ck_assert(config_judge(config, &err));
    ck_assert_uint_eq(config->errors.count, 1);
    config_free(&config);
}
END_TEST

UNIT_MAIN("config/judge", what_the_whole_tells_is_said, what_contradicts_itself_is_refused,
          a_role_whose_line_is_wrong_is_not_said_to_be_missing)
