/* What the block of transport redis means, and what of it contradicts itself. */

#include "config/redis_setting.h"

#include "unit/config/text.h"
#include "unit/guard.h"

static struct config *config;
static struct error err;

static bool
judge(struct slice text)
{
    config_free(&config);
    config = config_new();
    err.text[0] = 0;
    return config_parse(config, guard_copy(text), "test.conf", &err) && config_judge(config, &err);
}

START_TEST(a_block_says_all)
{
    ck_assert_msg(
        judge(SLICE("anonymous\ntransport redis {\n url redis://s1\n addresses s2:7000 [::1] s3\n"
                    " sentinel main\n username alipes\n password s3cret\n stream shop\n"
                    " sentinel_username watch\n sentinel_password_file /run/pw\n sentinel_tls\n"
                    " tls {\n  ca /ca.pem\n  cert /c.pem\n  key /k.pem\n  name redis.internal\n }\n"
                    " connect_timeout 1s\n timeout 2s\n publish_timeout 3s\n heal 0s\n"
                    " hold 1MiB\n replicas 2\n max_length 7\n}\n")),
        "%s", err.text);
    const struct config *c = config;
    static const struct {
        const char *host, *port;
    } servers[] = {{"s1", "26379"}, {"s2", "7000"}, {"::1", "26379"}, {"s3", "26379"}};
    ck_assert_uint_eq(c->transport, TRANSPORT_REDIS);
    ck_assert_uint_eq(c->redis_server_count, 4);
    for (size_t i = 0; i < 4; i++) {
        ck_assert_str_eq(c->redis_servers[i].host, servers[i].host);
        ck_assert_str_eq(c->redis_servers[i].port, servers[i].port);
    }
    ck_assert_str_eq(c->redis_sentinel, "main");
    ck_assert_str_eq(c->redis_username, "alipes");
    ck_assert_str_eq(c->redis_password, "s3cret");
    ck_assert_str_eq(c->redis_sentinel_username, "watch");
    ck_assert_str_eq(c->redis_sentinel_password_file, "/run/pw");
    ck_assert_str_eq(c->redis_tls_ca, "/ca.pem");
    ck_assert_str_eq(c->redis_tls_cert, "/c.pem");
    ck_assert_str_eq(c->redis_tls_key, "/k.pem");
    ck_assert_str_eq(c->redis_tls_name, "redis.internal");
    ck_assert(c->redis_tls && c->redis_sentinel_tls && !c->redis_tls_insecure);
    ck_assert_uint_eq(c->redis_connect_timeout_ms, 1000);
    ck_assert_uint_eq(c->redis_timeout_ms, 2000);
    ck_assert_uint_eq(c->redis_publish_timeout_ms, 3000);
    ck_assert_uint_eq(c->redis_heal_ms, 0);
    ck_assert_uint_eq(c->redis_hold, 1 << 20);
    ck_assert_uint_eq(c->redis_replicas, 2);
    ck_assert_uint_eq(c->max_events, 7);
    ck_assert_str_eq(c->redis_stream, "shop");
    config_free(&config);
}
END_TEST

START_TEST(what_is_not_said_has_its_default)
{
    ck_assert(judge(SLICE("anonymous\ntransport redis { url redis://r }\n")));
    ck_assert_uint_eq(config->max_bytes, 64 << 20);
    ck_assert_uint_eq(config->max_update_size, 16 << 20);
    ck_assert_str_eq(config->redis_stream, "alipes");
    ck_assert_str_eq(config->redis_servers[0].port, "6379");
    ck_assert(!config->redis_tls && config->redis_servers[0].db == 0);
    ck_assert_uint_eq(config->redis_publish_timeout_ms, 10000);
    ck_assert(
        config_notes(config, "test.conf:2: transport: redis: what is kept takes some 86 MiB"));
    ck_assert(judge(SLICE("anonymous\n")));
    ck_assert_uint_eq(config->max_bytes, 256 << 20);
    config_free(&config);
}
END_TEST

START_TEST(a_url_alone_will_do)
{
    ck_assert(
        judge(SLICE("anonymous\ntransport_url rediss://u:p@r:1/2?stream=shop&max_length=9\n")));
    ck_assert_uint_eq(config->transport, TRANSPORT_REDIS);
    ck_assert_str_eq(config->redis_stream, "shop");
    ck_assert_uint_eq(config->max_events, 9);
    ck_assert_str_eq(config->redis_servers[0].password, "p");
    ck_assert(config->redis_tls && config->redis_servers[0].db == 2);
    ck_assert(judge(SLICE("anonymous\ntransport_url unix:///run/r.sock?db=3\n")));
    ck_assert_str_eq(config->redis_servers[0].path, "/run/r.sock");
    ck_assert_uint_eq(config->redis_servers[0].db, 3);
    config_free(&config);
}
END_TEST

#define REDIS(text) SLICE_INIT("anonymous\ntransport redis {\n" text "\n}\n")

static const struct {
    struct slice text;
    const char *words;
} wrong[] = {
    {REDIS("stream a"), "test.conf:2: transport: redis: where is it?"},
    {REDIS("url http://r"), "transport: redis: url: expected redis://"},
    {REDIS("url redis://r\naddresses redis://s"), "redis: addresses: expected HOST[:PORT]"},
    {REDIS("url redis://:a@r\npassword b"), "the password is said twice"},
    {REDIS("url redis://r\npassword a\npassword_file /b"), "the password is said twice"},
    {REDIS("url redis://r\nsentinel_password a"), "sentinel_… without sentinel NAME"},
    {REDIS("url redis://r\nsentinel_tls"), "sentinel_… without sentinel NAME"},
    {REDIS("url redis://r\nsentinel m\nsentinel_password a\nsentinel_password_file /b"), "use one"},
    {REDIS("url unix:///r.sock\ntls"), "TLS over a Unix socket"},
    {REDIS("url redis://r\ntls {\ncert /c\n}"), "cert and key belong together"},
    {REDIS("url redis://r\ntls {\ninsecure\nca /c\n}"), "insecure takes any certificate"},
    {REDIS("url redis://r\nstream a{b}"), "stream: at most 128"},
    {REDIS("url redis://r\nstream \"a b\""), "stream: at most 128"},
    {SLICE_INIT("anonymous\ndurability commit\ntransport redis { url redis://r }\n"),
     "test.conf:2: durability: with transport redis that is Redis' own: appendonly yes and "
     "appendfsync"},
    {SLICE_INIT("anonymous\nhistory { max_bytes 1MB }\n"), "max_bytes: must be 1MiB or more"},
    {SLICE_INIT("anonymous\nmax_update_size 300MiB\nhistory { max_bytes 4GiB }\n"
                "transport redis { url redis://r }\n"),
     "what Redis takes, here 67108864"},
};

START_TEST(what_contradicts_itself_is_refused)
{
    for (size_t i = 0; i < COUNT_OF(wrong); i++) {
        ck_assert_msg(!judge(wrong[i].text), "row %zu passed", i);
        ck_assert_msg(strstr(err.text, wrong[i].words) != NULL, "row %zu: %s", i, err.text);
        ck_assert_msg(config->errors.count == 1, "row %zu: %s", i, config->errors.items[1]);
    }
    config_free(&config);
}
END_TEST

START_TEST(a_certificate_of_anybody_is_noted)
{
    ck_assert(judge(SLICE("anonymous\ntransport redis {\nurl redis://r\ntls {\ninsecure\n}\n}\n")));
    ck_assert(config_notes(config, "whoever is on the way can read and change everything"));
    config_free(&config);
}
END_TEST

UNIT_MAIN("config/redis_setting", a_block_says_all, what_is_not_said_has_its_default,
          a_url_alone_will_do, what_contradicts_itself_is_refused,
          a_certificate_of_anybody_is_noted)
