/* The directive language, from words to a configuration. */

#include "config/directive.h"

#include "base/buf.h"
#include "unit/config/text.h"
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
                              "\tcors_origins {$UNIT_NONE:https://a.example} `https://b.example`\n"
                              "\tname `raw \\\"`\n"
                              "\tanonymous\n"
                              "\tdispatch_timeout 5s\n"
                              "}\n")),
                  "%s", err.text);
    ck_assert_str_eq(config->keys[ROLE_PUBLISH].text.ptr, "from the environment");
    ck_assert_str_eq(config->keys[ROLE_PUBLISH].algs.items[0], "HS256");
    ck_assert_str_eq(config->keys[ROLE_SUBSCRIBE].text.ptr, "a \"b\" # c");
    ck_assert_uint_eq(config->cors_origins.count, 2);
    ck_assert_str_eq(config->cors_origins.items[0], "https://a.example");
    ck_assert_str_eq(config->cors_origins.items[1], "https://b.example");
    ck_assert_str_eq(config->name, "raw \\\"");
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
    ck_assert_str_eq(a->keys[ROLE_PUBLISH].text.ptr, "secret-1");
    ck_assert_str_eq(a->keys[ROLE_PUBLISH].place, "test.conf:5: jwt");
    ck_assert_str_eq(a->keys[ROLE_SUBSCRIBE].url, "https://a.example/jwks");
    ck_assert_uint_eq(a->keys[ROLE_SUBSCRIBE].algs.count, 2);
    ck_assert(key_setting_is_empty(&b->keys[ROLE_PUBLISH]));
    ck_assert_str_eq(b->keys[ROLE_SUBSCRIBE].text.ptr, "{\"kty\":1}");
    ck_assert_uint_eq(config->sources.count, 1);
    ck_assert_str_eq(config->keys[ROLE_PUBLISH].text.ptr, "-----BEGIN X-----\nab\n-----END X-----");
    ck_assert(config->speaks[DIALECT_0X] && config->speaks[DIALECT_1_0]);
}
END_TEST

/* Where bolt's file stands there is more than that file, and none of it is ours. */
START_TEST(the_history_in_place_of_bolt_is_a_folder_of_its_own)
{
    static const struct {
        const char *text, *path;
    } rows[] = {
        {"transport bolt { path mercure.db }", "mercure.db.history"},
        {"transport bolt { path /data/mercure.db\n size 7 }", "/data/mercure.db.history"},
        {"transport bolt { path /data/ }", "/data/history"},
        {"transport_url bolt://mercure.db?size=7", "mercure.db.history"},
        {"transport_url bolt:///data/mercure.db?cleanup_frequency=1", "/data/mercure.db.history"},
        {"transport bolt", "/var/lib/alipes/history"},
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ck_assert_msg(parse(slice_of(rows[i].text)), "row %zu: %s", i, err.text);
        ck_assert_str_eq(config->history_path, rows[i].path);
        ck_assert_msg(config_notes(config, rows[i].path), "row %zu", i); /* it says where */
    }
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

START_TEST(subscriptions_stand_alone_or_with_a_block)
{
    ck_assert(parse(SLICE("anonymous\n")));
    ck_assert(!config->subscriptions);
    ck_assert_msg(parse(SLICE("mercure {\n subscriptions\n}\n")), "%s", err.text);
    ck_assert(config->subscriptions);
    ck_assert_uint_eq(config->subscriptions_max_bytes, 64 << 20);
    ck_assert_uint_eq(config->subscriptions_max_age_ms, 3600000);
    ck_assert_uint_eq(config->hold_back_ms, 1000);
    ck_assert_uint_eq(config->hold_back_return_ms, 6000);
    ck_assert_msg(parse(SLICE("subscriptions {\n max_bytes 1MiB\n max_age 10m\n hold_back 0s\n"
                              " hold_back_return 1500ms\n}\nhistory { max_bytes 2MiB }\n")),
                  "%s", err.text);
    ck_assert(config->subscriptions);
    ck_assert_uint_eq(config->subscriptions_max_bytes, 1 << 20);
    ck_assert_uint_eq(config->max_bytes, 2 << 20);
    ck_assert_uint_eq(config->subscriptions_max_age_ms, 600000);
    ck_assert_uint_eq(config->hold_back_ms, 0);
    ck_assert_uint_eq(config->hold_back_return_ms, 1500);
}
END_TEST

static const struct {
    struct slice text;
    const char *place, *words;
} wrong[] = {
    {SLICE_INIT("anonymous\nheartbeet 1s\n"), "test.conf:2:", "did you mean heartbeat?"},
    {SLICE_INIT("transprot memory\n"), "test.conf:1:", "did you mean transport?"},
    {SLICE_INIT("subscription\n"), "test.conf:1:", "did you mean subscriptions?"},
    {SLICE_INIT("heartbeat\n"), "test.conf:1:", "DURATION"},
    {SLICE_INIT("heartbeat 1s 2s\n"), "test.conf:1:", "heartbeat"},
    {SLICE_INIT("heartbeat 1\n"), "test.conf:1:", "heartbeat"},
    {SLICE_INIT("heartbeat -1s\n"), "test.conf:1:", "heartbeat"},
    {SLICE_INIT("heartbeat 99999999999999999999h\n"), "test.conf:1:", "heartbeat"},
    {SLICE_INIT("\n\ntail 1\n"), "test.conf:3:", "tail"},
    {SLICE_INIT("tail 1XB\n"), "test.conf:1:", "tail"},
    {SLICE_INIT("max_streams many\n"), "test.conf:1:", "max_streams"},
    {SLICE_INIT("anonymous on\n"), "test.conf:1:", "anonymous takes no value"},
    {SLICE_INIT("busy wait\n"), "test.conf:1:", "retry"},
    {SLICE_INIT("name \"open\n"), "test.conf:1:", "quote is not closed"},
    {SLICE_INIT("anonymous\n}\n"), "test.conf:2:", "}"},
    {SLICE_INIT("transport postgres\n"), "test.conf:1:", "transport memory"},
    {SLICE_INIT("transport_url postgres://a:pass@b\n"), "test.conf:1:", "bolt://PATH"},
    {SLICE_INIT("transport memory {\n path a\n}\n"), "test.conf:1:", "transport redis { … }"},
    {SLICE_INIT("transport redis {\n url redis://a\n gob\n}\n"), "test.conf:3:", "begin with an"},
    {SLICE_INIT("transport redis { streem a }\n"), "test.conf:1:", "did you mean stream?"},
    {SLICE_INIT("transport redis {\n tls {\n  cipher a\n }\n}\n"),
     "test.conf:3:", "transport redis tls: unknown cipher"},
    {SLICE_INIT("transport redis {\n url {\n  a\n }\n}\n"), "test.conf:2:", "URL"},
    {SLICE_INIT("transport redis {\n timeout 1s {\n }\n}\n"), "test.conf:2:", "inside a block"},
    {SLICE_INIT("transport redis { replicas 17 }\n"), "test.conf:1:", "from 0 to 16"},
    {SLICE_INIT("transport_url redis://a?syze=5\n"),
     "test.conf:1:", "a parameter that is not known"},
    {SLICE_INIT("transport_url redis://a?gob=1\n"), "test.conf:1:", "gob: the format of what"},
    {SLICE_INIT("transport_url redis://a?max_length=x\n"), "test.conf:1:", "max_length"},
    {SLICE_INIT("jwt_key x\n"), "test.conf:1:", "publisher_jwt"},
    {SLICE_INIT("jwt_key_subscriber x\n"), "test.conf:1:", "subscriber_jwt"},
    {SLICE_INIT("license x\n"), "test.conf:1:", "license"},
    {SLICE_INIT("subscriptions on\n"), "test.conf:1:", "it stands alone"},
    {SLICE_INIT("subscriptions { max_events 1 }\n"), "test.conf:1:", "unknown max_events"},
    {SLICE_INIT("subscriptions { max_bytes 1KiB }\n"), "test.conf:1:", "max_bytes"},
    {SLICE_INIT("subscriptions { hold_back }\n"), "test.conf:1:", "hold_back"},
    {SLICE_INIT("subscriptions { hold_back { } }\n"), "test.conf:1:", "hold_back DURATION"},
    {SLICE_INIT("use_forwarded_headers \"1\"\n"), "test.conf:1:", "forwarded x-forwarded"},
    {SLICE_INIT("auto_https off\n"), "test.conf:1:", "it is Caddy's"},
    {SLICE_INIT("encode zstd {\n match x\n}\n"), "test.conf:1:", "it is Caddy's"},
    {SLICE_INIT("path relative\n"), "test.conf:1:", "path"},
    {SLICE_INIT("publisher_jwt \"\"\n"), "test.conf:1:", "publisher_jwt: the key is empty"},
    {SLICE_INIT("\npublisher_jwt file:/nowhere/at/all\n"), "test.conf:2:", "/nowhere/at/all"},
    {SLICE_INIT("publisher_jwt ${KEY}\n"), "test.conf:1:", "looks like a placeholder"},
    {SLICE_INIT("publisher_jwt a b c\n"), "test.conf:1:", "stands in quotes"},
    {SLICE_INIT("publisher_jwks_url http://a/b\n"), "test.conf:1:", "https"},
    {SLICE_INIT("forwarded yes\n"), "test.conf:1:", "x-forwarded"},
    {SLICE_INIT("listen 8080\n"), "test.conf:1:", "listen: 8080: a port is written :8080"},
    {SLICE_INIT("listen :80 127.0.0.1\n"), "test.conf:1:", "the port is missing"},
    {SLICE_INIT("metrics_listen 9180\n"), "test.conf:1:", "metrics_listen: 9180: a port"},
    {SLICE_INIT("cors_origins https://a/\n"), "test.conf:1:", "write https://a"},
    {SLICE_INIT("publish_origins a.example\n"), "test.conf:1:", "write https://a.example"},
    {SLICE_INIT("cookie_name \"\"\n"), "test.conf:1:", "cookie_name: it is empty"},
    {SLICE_INIT("jwks_ca \"\"\n"), "test.conf:1:", "jwks_ca: it is empty"},
    {SLICE_INIT("transport log { path \"\" }\n"), "test.conf:1:", "path: it is empty"},
    {SLICE_INIT("transport bolt { path }\n"), "test.conf:1:", "path is without a value"},
    {SLICE_INIT("transport bolt { file a }\n"), "test.conf:1:", "unknown file"},
    {SLICE_INIT("transport bolt { size 2000000000 }\n"), "test.conf:1:", "1000000000"},
    {SLICE_INIT("transport bolt { size many }\n"), "test.conf:1:", "max_events"},
    {SLICE_INIT("transport_url bolt://a?syze=1\n"), "test.conf:1:", "parameter syze"},
    {SLICE_INIT("log logfmt {\n}\n"), "test.conf:1:", "log takes no block"},
    {SLICE_INIT("heartbeat 1s {\n}\n"), "test.conf:1:", "heartbeat takes no block"},
    {SLICE_INIT("issuer a\n"), "test.conf:1:", "issuer"},
    {SLICE_INIT("issuer a {\n}\n"), "test.conf:1:", "neither"},
    {SLICE_INIT("issuer a {\n publisher {\n }\n}\n"), "test.conf:3:", "without"},
    {SLICE_INIT("issuer a {\n publisher {\n  jwt\n }\n}\n"), "test.conf:3:", "KEY"},
    {SLICE_INIT("issuer a {\n publisher {\n  jwt k\n  jwt l\n }\n}\n"), "test.conf:4:", "one"},
    {SLICE_INIT("issuer a {\n publisher {\n  jwt %KEY%\n }\n}\n"),
     "test.conf:3:", "issuer: jwt: this looks like a placeholder"},
    {SLICE_INIT("issuer a {\n\n wrong\n}\n"), "test.conf:3:", "authorization_server"},
    {SLICE_INIT("issuer a {\n publisher { jwt k }\n}\n\nissuer a {\n publisher { jwt k }\n}\n"),
     "test.conf:5:", "twice"},
    {SLICE_INIT("history { max_events 1 { } }\n"), "test.conf:1:", "block"},
    {SLICE_INIT("protocol_version_compatibility 6\n"), "test.conf:1:", "7 or 8"},
    {SLICE_INIT("mercure {\nanonymous\n"), "test.conf:1:", "not closed"},
    {SLICE_INIT("anonymous\nhistory {\n max_events 1\n\n"), "test.conf:2:", "not closed"},
    {SLICE_INIT("issuer a {\n publisher {\n  jwt k\n}\n"), "test.conf:1:", "not closed"},
    {SLICE_INIT("publisher_jwt <<KEY\nabc\n"), "test.conf:1:", "is not closed"},
    {SLICE_INIT("{\n debug\n}\n"), "test.conf:1:", "without a directive"},
    {SLICE_INIT("\xff\xfe"
                "a"),
     "test.conf:1:", "UTF-16"},
};

START_TEST(a_mistake_is_named_with_its_line)
{
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        ck_assert_msg(!parse(wrong[i].text), "row %zu passed", i);
        ck_assert_msg(says(wrong[i].place) && says(wrong[i].words), "row %zu: %s", i, err.text);
        ck_assert_msg(config->errors.count == 1, "row %zu: %zu", i, config->errors.count);
    }
    config_free(&config);
}
END_TEST

START_TEST(all_mistakes_are_named_at_once)
{
    static const char *const said[] = {
        "test.conf:2: unknown directive heartbeet; did you mean heartbeat?",
        "test.conf:4: history: unknown max_event; did you mean max_events?",
        "test.conf:7: listen: 80: a port is written :80",
        "test.conf:9: cors_origins: a never matches: the scheme is missing; write https://a",
        "test.conf:8: public_urls: expected https://host[:port], or that and "
        "/.well-known/mercure: b"};
    ck_assert(!parse(SLICE("mercure {\n heartbeet 1s\n history {\n  max_event 1\n }\n anonymous\n"
                           " listen 80\n public_urls b\n cors_origins a\n}\n")));
    ck_assert(!config_judge(config, &err));
    ck_assert_uint_eq(config->errors.count, COUNT_OF(said));
    for (size_t i = 0; i < COUNT_OF(said); i++)
        ck_assert_str_eq(config->errors.items[i], said[i]);
    ck_assert_msg(config->anonymous, "what is right between them is read");
    config_free(&config);
}
END_TEST

START_TEST(so_many_mistakes_are_enough)
{
    struct buf text;
    buf_init(&text, 65536);
    for (int i = 0; i < 1000; i++)
        buf_addf(&text, "heartbeet\n");
    ck_assert(!parse(buf_slice(&text)));
    ck_assert_uint_eq(config->errors.count, 51);
    ck_assert_str_eq(config->errors.items[50], "there is more that is wrong; mend this first");
    buf_fini(&text);
    config_free(&config);
}
END_TEST

/* Each of them is no directive; what it holds stays out of every sentence. */
START_TEST(no_sentence_repeats_what_may_be_a_key)
{
    static const char secret[] = "hunter2s4cr3t";
    static const struct slice rows[] = {
        SLICE_INIT("publisher_jwt two hunter2s4cr3t words\n"),
        SLICE_INIT("publisher_jwt\nhunter2s4cr3t\n"),
        SLICE_INIT("publisher_jwt -----BEGIN PUBLIC KEY-----\nhunter2s4cr3t\nhunter2s4cr3t\n"
                   "-----END PUBLIC KEY-----\n"),
        SLICE_INIT("publisher_jwt ${hunter2s4cr3t}\n"),
        SLICE_INIT("publisher_jwt `$(echo hunter2s4cr3t)`\n"),
        SLICE_INIT("publisher_jwks_url http://a:hunter2s4cr3t@b/c\n"),
        SLICE_INIT("cors_origins https://a:hunter2s4cr3t@b.example\n"),
        SLICE_INIT("transport_url postgres://a:hunter2s4cr3t@b\n"),
        SLICE_INIT("transport redis { password two hunter2s4cr3t }\n"),
        SLICE_INIT("transport redis {\n password two hunter2s4cr3t\n}\n"),
        SLICE_INIT("anonymous\nsubscriber_jwt \"hunter2s4cr3t\n"),
    };
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        ck_assert_msg(!parse(rows[i]), "row %zu", i);
        for (size_t k = 0; k < config->errors.count; k++)
            ck_assert_msg(!strstr(config->errors.items[k], secret), "row %zu: %s", i,
                          config->errors.items[k]);
    }
    config_free(&config);
}
END_TEST

START_TEST(a_key_of_several_lines_without_quotes_is_one_mistake)
{
    ck_assert(!parse(SLICE("publisher_jwt -----BEGIN PUBLIC KEY-----\nAAAA\nBBBB\n"
                           "-----END PUBLIC KEY----- RS256\nanonymous\nlisen :80\n")));
    ck_assert_uint_eq(config->errors.count, 2);
    ck_assert(strstr(config->errors.items[0], "test.conf:1: ") &&
              strstr(config->errors.items[0], "stands in quotes"));
    ck_assert(strstr(config->errors.items[1], "test.conf:6: ") && config->anonymous);
    ck_assert_msg(parse(SLICE("publisher_jwt \"-----BEGIN X-----\\nab\\n-----END X-----\" RS256\n"
                              "anonymous\n")),
                  "%s", err.text);
    ck_assert_msg(config->anonymous, "with quotes the next line is a line");
    config_free(&config);
}
END_TEST

START_TEST(of_a_heredoc_the_closing_indentation_is_taken_off)
{
    ck_assert_msg(parse(SLICE("publisher_jwt <<KEY\n\t-----BEGIN X-----\n\tabcd\n"
                              "\t-----END X-----\n\tKEY RS256\n"
                              "name <<A-1\n   \n  b\n KEY\n A-1\nanonymous\n")),
                  "%s", err.text);
    ck_assert_str_eq(config->keys[ROLE_PUBLISH].text.ptr,
                     "-----BEGIN X-----\nabcd\n-----END X-----");
    ck_assert_str_eq(config->keys[ROLE_PUBLISH].algs.items[0], "RS256");
    ck_assert_str_eq(config->name, "  \n b\nKEY");
    ck_assert(config->anonymous);
    config_free(&config);
}
END_TEST

static const struct {
    struct slice text;
    const char *said; /* NULL: it is none */
} caddyfiles[] = {
    {SLICE_INIT("{\n {$GLOBAL_OPTIONS}\n}\n{$SERVER_NAME:localhost} {\n encode zstd\n mercure {\n"
                "  anonymous\n }\n}\n"),
     "test.conf:6: this is a whole Caddyfile, and the hub's file is its mercure block alone: put "
     "lines 6 to 8 into"},
    {SLICE_INIT(
         "localhost\nroute {\n mercure {\n anonymous\n history {\n }\n }\n respond 404\n}\n"),
     "test.conf:3: this is a whole Caddyfile, and the hub's file is its mercure block alone: put "
     "lines 3 to 7 into"},
    {SLICE_INIT("mercure {\n anonymous\n}\n"), NULL},
    {SLICE_INIT("# mercure {\nanonymous\nname mercure\n"), NULL},
};

START_TEST(of_a_whole_caddyfile_the_block_to_paste_is_named)
{
    for (size_t i = 0; i < COUNT_OF(caddyfiles); i++) {
        bool ok = parse(caddyfiles[i].text);
        ck_assert_msg(ok == (caddyfiles[i].said == NULL), "row %zu: %s", i, err.text);
        ck_assert_msg(ok || says(caddyfiles[i].said), "row %zu: %s", i, err.text);
        ck_assert_msg(ok || config->errors.count == 1, "row %zu", i);
    }
    config_free(&config);
}
END_TEST

START_TEST(a_byte_order_mark_is_nothing)
{
    ck_assert_msg(parse(SLICE("\xef\xbb\xbf"
                              "anonymous\r\n")),
                  "%s", err.text);
    ck_assert(config->anonymous);
    config_free(&config);
}
END_TEST

/* What a package says gives way, list by list. */
START_TEST(a_list_replaces_what_yields_and_then_adds_up)
{
    ck_assert(parse(SLICE("listen :1 :2\ncors_origins *\ntrusted_proxies 10.0.0.0/8\n"
                          "publish_origins https://p\nheartbeat 1s\n")));
    reading_yield(config->reading);
    ck_assert(config_parse(config,
                           SLICE("listen :3\nlisten :4\ncors_origins https://a\nheartbeat 2s\n"),
                           "user.conf", &err));
    ck_assert_uint_eq(config->listen.count, 2);
    ck_assert_str_eq(config->listen.items[0], ":3");
    ck_assert_uint_eq(config->cors_origins.count, 1);
    ck_assert_str_eq(config->cors_origins.items[0], "https://a");
    ck_assert_uint_eq(config->trusted_proxies.count, 1);
    ck_assert_uint_eq(config->publish_origins.count, 1);
    ck_assert_msg(!config_notes(config, "twice"), "one for the package, one for its user");
    config_free(&config);
}
END_TEST

START_TEST(where_a_directive_stood_last_is_known)
{
    ck_assert(parse(SLICE("listen :1\nheartbeat 1s\nlisten :2\n")));
    const struct setting_place *listen = settings_place_of(config, "listen");
    ck_assert_str_eq(listen->text, "test.conf:3");
    ck_assert_msg(listen->is_line, "of a file");
    ck_assert_str_eq(settings_place_of(config, "heartbeat")->text, "test.conf:2");
    ck_assert_ptr_null(settings_place_of(config, "tail"));
    config->reading->file = "MERCURE_LISTEN_ADDR";
    reading_place(config->reading, SLICE("listen"));
    listen = settings_place_of(config, "listen");
    ck_assert_str_eq(listen->text, "MERCURE_LISTEN_ADDR");
    ck_assert_msg(!listen->is_line, "a variable has no lines");
    config_free(&config);
}
END_TEST

UNIT_MAIN("config/directive", where_a_directive_stood_last_is_known,
          a_block_of_the_established_hub_can_be_pasted, without_the_wrapper_it_is_the_same,
          an_issuer_has_keys_for_each_role, the_history_in_place_of_bolt_is_a_folder_of_its_own,
          durations_and_sizes_have_units, subscriptions_stand_alone_or_with_a_block,
          a_mistake_is_named_with_its_line, all_mistakes_are_named_at_once,
          so_many_mistakes_are_enough, no_sentence_repeats_what_may_be_a_key,
          a_key_of_several_lines_without_quotes_is_one_mistake,
          of_a_heredoc_the_closing_indentation_is_taken_off,
          of_a_whole_caddyfile_the_block_to_paste_is_named, a_byte_order_mark_is_nothing,
          a_list_replaces_what_yields_and_then_adds_up)
