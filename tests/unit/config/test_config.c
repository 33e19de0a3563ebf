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
    ck_assert_str_eq(config->publisher_jwt_key.ptr, "from the environment");
    ck_assert_str_eq(config->publisher_jwt_alg, "HS256");
    ck_assert_str_eq(config->subscriber_jwt_key.ptr, "a \"b\" # c");
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
          without_the_wrapper_it_is_the_same, durations_and_sizes_have_units,
          a_mistake_is_named_with_its_line)
