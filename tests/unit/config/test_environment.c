/* Variables as a configuration: what acts, what is said, what is refused. */

#include "config/environment.h"

#include "config/config.h"
#include "config/judge.h"
#include "unit/guard.h"

#include <stdio.h>
#include <stdlib.h>

static struct config *config;

#define KEY  "0123456789abcdef0123456789abcdef"
#define KEYS "MERCURE_PUBLISHER_JWT_KEY=" KEY, "MERCURE_SUBSCRIBER_JWT_KEY=" KEY

/* With these variables and no others. */
static void
read_variables(const char *const *variables)
{
    clearenv();
    for (; *variables; variables++)
        ck_assert_int_eq(putenv((char *)*variables), 0);
    config_free(&config);
    config = config_new();
    environment_read(config->reading);
    judge_config(config->reading);
}

static bool
says(const struct string_list *list, const char *words)
{
    for (size_t i = 0; i < list->count; i++)
        if (strstr(list->items[i], words))
            return true;
    return false;
}

static const char *
all_of(const struct string_list *list)
{
    static char text[4096];
    size_t used = 0;
    text[0] = 0;
    for (size_t i = 0; i < list->count && used < sizeof text; i++)
        used +=
            (size_t)snprintf(text + used, sizeof text - used, "%s%s", i ? " " : "", list->items[i]);
    return text;
}

static const struct {
    const char *variable, *note; /* NULL: none names it */
} noted[] = {
    {"MERCURE_CORS_ORIGIN=*", "did you mean MERCURE_CORS_ORIGINS?"},
    {"MERCURE_PUBLISHER_JWT=x", "did you mean MERCURE_PUBLISHER_JWT_KEY?"},
    {"MERCURE_ANONYMOUS=1", "did you mean MERCURE_ALLOW_ANONYMOUS?"},
    {"MERCURE_ADDR=:80", "did you mean MERCURE_LISTEN_ADDR?"},
    {"MERCURE_JWT_KEY=x", "did you mean MERCURE_PUBLISHER_JWT_KEY, and"},
    {"MERCURE_SUBSCRIBER_KEY=x", "did you mean MERCURE_SUBSCRIBER_JWT_KEY?"},
    {"MERCURE_CORS_ALLOWED_ORIGINS=*", "did you mean MERCURE_CORS_ORIGINS?"},
    {"MERCURE_SERVER_NAME=:80", "did you mean SERVER_NAME"},
    {"MERCURE_SOMETHING_ELSE=1", "MERCURE_SOMETHING_ELSE: no effect: no variable of that name"},
    {"MERCURE_DEBUG_FIEL=1", "MERCURE_DEBUG_FIEL: no effect"},
    {"server_name=:80", "did you mean SERVER_NAME?"},
    {"DEMO=1", "DEMO: no effect here"},
    {"DEBUG=1", "use MERCURE_DEBUG"},
    {"GLOBAL_OPTIONS=debug", "Caddy's"},
    {"CADDY_SERVER_EXTRA_DIRECTIVES=x", "Caddy's"},
    {"MERCURE_URL=http://hub/.well-known/mercure", NULL},
    {"MERCURE_PUBLIC_URL=http://hub/.well-known/mercure", NULL},
    {"MERCURE_JWT_SECRET=x", NULL},
    {"MERCURE_PORT_80_TCP_ADDR=10.0.0.1", NULL},
    {"MERCURE_SERVICE_HOST=10.0.0.1", NULL},
    {"MERCURE_DEBUG=0", NULL},
    {"SERVER_NAME=:8080", NULL},
    {"SERVER_NAME=hub.example", "SERVER_NAME: host names and TLS are the front's: the hub"},
    {"SERVER_NAME=https://hub.example:8443", "the ports alone"},
    {"MERCURE_TRANSPORT_URL=bolt:///a/mercure.db?size=5", "bolt is transport log here"},
};

START_TEST(a_variable_that_does_nothing_is_said)
{
    for (size_t i = 0; i < COUNT_OF(noted); i++) {
        read_variables((const char *const[]){KEYS, noted[i].variable, NULL});
        ck_assert_msg(config->errors.count == 0, "row %zu: %s", i, all_of(&config->errors));
        char *name = strndup(noted[i].variable, strcspn(noted[i].variable, "="));
        ck_assert_msg(noted[i].note ? says(&config->notes, noted[i].note)
                                    : !says(&config->notes, name),
                      "row %zu: %s", i, all_of(&config->notes));
        free(name);
    }
}
END_TEST

static const struct {
    const char *variable, *words;
} refused[] = {
    {"MERCURE_LICENSE=x", "MERCURE_LICENSE: nothing here needs"},
    {"JWT_KEY=x", "MERCURE_PUBLISHER_JWT_KEY and MERCURE_SUBSCRIBER_JWT_KEY"},
    {"JWT_ALGORITHM=RS256", "use MERCURE_PUBLISHER_JWT_ALG"},
    {"PUBLISHER_JWT_KEY=x", "use MERCURE_PUBLISHER_JWT_KEY"},
    {"SUBSCRIBER_JWT_ALGORITHM=x", "use MERCURE_SUBSCRIBER_JWT_ALG"},
    {"ADDR=:80", "use MERCURE_LISTEN_ADDR"},
    {"ALLOW_ANONYMOUS=1", "use MERCURE_ALLOW_ANONYMOUS"},
    {"CORS_ALLOWED_ORIGINS=*", "use MERCURE_CORS_ORIGINS"},
    {"PUBLISH_ALLOWED_ORIGINS=*", "use MERCURE_PUBLISH_ORIGINS"},
    {"HEARTBEAT_INTERVAL=1s", "heartbeat 4s"},
    {"TRANSPORT_URL=bolt://x", "use MERCURE_TRANSPORT_URL"},
    {"USE_FORWARDED_HEADERS=1", "forwarded x-forwarded"},
    {"ACME_HOSTS=a", "TLS is the front's"},
    {"MERCURE_TRANSPORT_URL=postgres://a", "MERCURE_TRANSPORT_URL: transport_url: expected redis"},
    {"MERCURE_TRANSPORT_URL=bolt:///a?sise=5", "MERCURE_TRANSPORT_URL: transport_url: unknown"},
    {"MERCURE_ALLOW_ANONYMOUS=yes", "MERCURE_ALLOW_ANONYMOUS: expected 0, 1"},
    {"MERCURE_DEBUG='1'", "MERCURE_DEBUG: expected 0, 1"},
    {"MERCURE_CORS_ORIGINS='*'", "MERCURE_CORS_ORIGINS: cors_origins: '*' never matches"},
    {"MERCURE_PUBLISH_ORIGINS=https://a/", "MERCURE_PUBLISH_ORIGINS: publish_origins: https://a/"},
    {"MERCURE_LISTEN_ADDR=8080", "MERCURE_LISTEN_ADDR: listen: 8080: a port is written :8080"},
    {"MERCURE_EXTRA_DIRECTIVES=anonymous\nlisen", "MERCURE_EXTRA_DIRECTIVES:2: unknown directive"},
    {"MERCURE_PUBLISHER_JWT_KEY=", "MERCURE_PUBLISHER_JWT_KEY: the key is empty"},
    {"MERCURE_PUBLISHER_JWT_KEY=${KEY}", "MERCURE_PUBLISHER_JWT_KEY: this looks like a plac"},
    {"MERCURE_PUBLISHER_JWT_KEY=file:/nowhere", "MERCURE_PUBLISHER_JWT_KEY: cannot read /nowhere"},
    {"MERCURE_PUBLISHER_JWT_KEY_FILE=/nowhere", "MERCURE_PUBLISHER_JWT_KEY_FILE: both are there"},
    {"MERCURE_DEBUG_FILE=/nowhere", "MERCURE_DEBUG_FILE: cannot read /nowhere"},
    {"SERVER_NAME=:99999", "SERVER_NAME: expected"},
    {"SERVER_NAME={$NAME:localhost}", "SERVER_NAME: expected"},
    {"SERVER_NAME=::1", "SERVER_NAME: expected"},
};

START_TEST(a_variable_that_is_wrong_is_refused_by_its_name)
{
    for (size_t i = 0; i < COUNT_OF(refused); i++) {
        read_variables((const char *const[]){KEYS, refused[i].variable, NULL});
        ck_assert_msg(config->errors.count == 1 && says(&config->errors, refused[i].words),
                      "row %zu: %s", i, all_of(&config->errors));
        ck_assert_msg(!strstr(config->errors.items[0] + 1, "MERCURE_PUBLISHER_JWT_KEY: MERCURE"),
                      "row %zu", i);
    }
}
END_TEST

START_TEST(all_that_is_wrong_is_named_at_once)
{
    read_variables((const char *const[]){"MERCURE_PUBLISHER_JWT=" KEY, "ADDR=:80",
                                         "MERCURE_DEBUG=maybe", NULL});
    ck_assert_uint_eq(config->errors.count, 4);
    ck_assert(says(&config->errors, "ADDR: ") && says(&config->errors, "MERCURE_DEBUG: ") &&
              says(&config->errors, "MERCURE_PUBLISHER_JWT_KEY is not set") &&
              says(&config->errors, "MERCURE_SUBSCRIBER_JWT_KEY is not set"));
    ck_assert(says(&config->notes, "MERCURE_PUBLISHER_JWT: no effect"));
}
END_TEST

static const struct {
    const char *name, *listens;
} sites[] = {
    {":80", ":80"},
    {":3000", ":3000"},
    {":3000, :3001", ":3000 :3001"},
    {"localhost:3000", ":3000"},
    {"http://localhost:3000", ":3000"},
    {"http://localhost:3000/path", ":3000"},
    {"0.0.0.0:3000", ":3000"},
    {"[::1]:3000", ":3000"},
    {"[::1]", ":80"},
    {"localhost", ":80"},
    {"https://hub.example", ":80"},
    {"*.hub.example", ":80"},
    {"localhost, php:80", ":80"},
    {"localhost php:8080", ":80 :8080"},
    {"a:1,b:1", ":1"},
};

START_TEST(the_ports_of_server_name_are_listened_on)
{
    for (size_t i = 0; i < COUNT_OF(sites); i++) {
        char variable[80];
        snprintf(variable, sizeof variable, "SERVER_NAME=%s", sites[i].name);
        read_variables((const char *const[]){KEYS, variable, NULL});
        ck_assert_msg(config->errors.count == 0, "row %zu: %s", i, all_of(&config->errors));
        ck_assert_msg(strcmp(all_of(&config->listen), sites[i].listens) == 0, "row %zu: %s", i,
                      all_of(&config->listen));
    }
    read_variables(
        (const char *const[]){KEYS, "SERVER_NAME=:1", "MERCURE_LISTEN_ADDR=:2 :3", NULL});
    ck_assert_str_eq(all_of(&config->listen), ":2 :3");
    read_variables((const char *const[]){KEYS, "SERVER_NAME=:1",
                                         "MERCURE_EXTRA_DIRECTIVES=listen :4\nlisten :5", NULL});
    ck_assert_str_eq(all_of(&config->listen), ":4 :5");
}
END_TEST

START_TEST(a_transport_url_acts_as_the_directive)
{
    read_variables((const char *const[]){KEYS, "MERCURE_TRANSPORT_URL=local://local", NULL});
    ck_assert(config->transport == TRANSPORT_MEMORY && config->errors.count == 0);
    read_variables(
        (const char *const[]){KEYS, "MERCURE_TRANSPORT_URL=bolt:///a/x.db?size=5", NULL});
    ck_assert(config->transport == TRANSPORT_LOG);
    ck_assert_uint_eq(config->max_events, 5);
}
END_TEST

/* Whoever put a set in the place of a key that leaked must not go on trusting the key. */
START_TEST(a_trusted_issuer_has_the_keys_that_count)
{
    read_variables((const char *const[]){
        KEYS, "MERCURE_TRUSTED_ISSUERS=https://a.example, https://b.example",
        "MERCURE_EXTRA_DIRECTIVES=publisher_jwks_url https://keys.example/jwks\n"
        "issuer https://b.example {\n publisher { jwt other }\n}\n",
        NULL});
    ck_assert_msg(config->errors.count == 0, "%s", all_of(&config->errors));
    ck_assert_uint_eq(config->issuer_count, 2);
    const struct issuer_setting *b = &config->issuers[0], *a = &config->issuers[1];
    ck_assert_str_eq(a->id, "https://a.example");
    ck_assert_uint_eq(a->keys[ROLE_PUBLISH].text.len, 0);
    ck_assert_str_eq(a->keys[ROLE_PUBLISH].url, "https://keys.example/jwks");
    ck_assert_str_eq(a->keys[ROLE_SUBSCRIBE].text.ptr, KEY);
    ck_assert_str_eq(b->keys[ROLE_PUBLISH].text.ptr, "other");
}
END_TEST

START_TEST(a_variable_may_be_surrounded_by_blanks_and_line_ends)
{
    read_variables((const char *const[]){KEYS, "MERCURE_ALLOW_ANONYMOUS= 1\r\n",
                                         "MERCURE_PUBLISHER_JWT_ALG=HS512\n",
                                         "MERCURE_CORS_ORIGINS=\xef\xbb\xbfhttps://a\r\n", NULL});
    ck_assert_msg(config->errors.count == 0, "%s", all_of(&config->errors));
    ck_assert(config->anonymous);
    ck_assert_str_eq(config->keys[ROLE_PUBLISH].algs.items[0], "HS512");
    ck_assert_str_eq(all_of(&config->cors_origins), "https://a");
}
END_TEST

START_TEST(any_origin_may_read_unless_something_says_otherwise)
{
    read_variables((const char *const[]){KEYS, NULL});
    ck_assert_str_eq(all_of(&config->cors_origins), "*");
    read_variables((const char *const[]){KEYS, "MERCURE_CORS_ORIGINS=", NULL});
    ck_assert_uint_eq(config->cors_origins.count, 0);
    read_variables((const char *const[]){
        KEYS, "MERCURE_EXTRA_DIRECTIVES=cors_origins https://b\ncors_origins https://c", NULL});
    ck_assert_str_eq(all_of(&config->cors_origins), "https://b https://c");
    config_free(&config);
}
END_TEST

UNIT_MAIN("config/environment", a_variable_that_does_nothing_is_said,
          a_variable_that_is_wrong_is_refused_by_its_name, all_that_is_wrong_is_named_at_once,
          the_ports_of_server_name_are_listened_on, a_transport_url_acts_as_the_directive,
          a_trusted_issuer_has_the_keys_that_count,
          a_variable_may_be_surrounded_by_blanks_and_line_ends,
          any_origin_may_read_unless_something_says_otherwise)
