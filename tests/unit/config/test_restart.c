/* What a reload may change, and what it names. */

#include "config/restart.h"

#include "unit/config/text.h"
#include "unit/guard.h"

static struct config *
read_config(struct slice text)
{
    struct config *c = config_new();
    struct error err;
    ck_assert_msg(config_parse(c, text, "t", &err), "%s", err.text);
    return c;
}

START_TEST(nothing_is_named_where_only_keys_origins_and_limits_change)
{
    struct config *running = read_config(SLICE("publisher_jwt a\nmax_streams 1\n"));
    struct config *fresh = read_config(SLICE("publisher_jwt b\nmax_streams 2\nheartbeat 1s\n"
                                             "cors_origins https://a.example\nanonymous\n"));
    struct string_list names = {0};
    restart_keep(fresh, running, &names);
    ck_assert_uint_eq(names.count, 0);
    ck_assert_uint_eq(fresh->max_streams, 2);
    ck_assert_str_eq(fresh->keys[ROLE_PUBLISH].text.ptr, "b");
    config_free(&running);
    config_free(&fresh);
}
END_TEST

START_TEST(what_is_laid_out_once_is_named_and_stays)
{
    struct config *running = read_config(SLICE("listen :1\nworkers 2\n"));
    struct config *fresh = read_config(
        SLICE("listen :1 :2\nworkers 3\npath /hub\ntransport memory\ndurability interval 1s\n"
              "log json debug /tmp/log\ntail 1MiB\nfastcgi_multiplexing\n"));
    static const struct slice expected[] = {
        SLICE_INIT("listen"),     SLICE_INIT("workers"),   SLICE_INIT("path"),
        SLICE_INIT("tail"),       SLICE_INIT("transport"), SLICE_INIT("fastcgi_multiplexing"),
        SLICE_INIT("durability"), SLICE_INIT("log"),
    };
    struct string_list names = {0};
    restart_keep(fresh, running, &names);
    ck_assert_uint_eq(names.count, sizeof expected / sizeof expected[0]);
    for (size_t i = 0; i < sizeof expected / sizeof expected[0]; i++)
        ck_assert_msg(string_list_has(&names, expected[i]), "row %zu", i);
    ck_assert_uint_eq(fresh->listen.count, 1);
    ck_assert_uint_eq(fresh->workers, 2);
    ck_assert_str_eq(fresh->path, "/.well-known/mercure");
    ck_assert(fresh->transport == TRANSPORT_LOG && fresh->log_file == NULL &&
              !fresh->fastcgi_multiplexing);
    ck_assert_uint_eq(fresh->tail, running->tail);
    string_list_clear(&names);
    restart_keep(fresh, running, &names);
    ck_assert_msg(names.count == 0, "now they are the same");
    config_free(&running);
    config_free(&fresh);
}
END_TEST

/* Its format and file are laid out once; how much it says follows a reload, and `log` is named
 * once. */
START_TEST(of_the_log_the_level_alone_follows)
{
    struct config *running = read_config(SLICE("log logfmt info /tmp/a\n"));
    struct config *fresh = read_config(SLICE("log json warn /tmp/b\n"));
    struct string_list names = {0};
    restart_keep(fresh, running, &names);
    ck_assert_uint_eq(names.count, 1);
    ck_assert_str_eq(names.items[0], "log");
    ck_assert_str_eq(fresh->log_file, "/tmp/a");
    ck_assert(fresh->log_format == LOG_LOGFMT && fresh->log_level == LOG_WARN);
    string_list_clear(&names);
    config_free(&running);
    config_free(&fresh);
}
END_TEST

/* What the transport lays out stays; how long ends are held back does not. */
START_TEST(of_subscriptions_the_times_of_holding_back_alone_follow)
{
    struct config *running = read_config(SLICE("anonymous\n"));
    struct config *fresh = read_config(
        SLICE("subscriptions { max_bytes 1MiB  max_age 1m  hold_back 2s  hold_back_return 3s }\n"));
    static const struct slice expected[] = {SLICE_INIT("subscriptions"), SLICE_INIT("max_bytes"),
                                            SLICE_INIT("max_age")};
    struct string_list names = {0};
    restart_keep(fresh, running, &names);
    ck_assert_uint_eq(names.count, COUNT_OF(expected));
    for (size_t i = 0; i < COUNT_OF(expected); i++)
        ck_assert_msg(string_list_has(&names, expected[i]), "row %zu", i);
    ck_assert(!fresh->subscriptions);
    ck_assert_uint_eq(fresh->subscriptions_max_bytes, 64 << 20);
    ck_assert_uint_eq(fresh->hold_back_ms, 2000);
    ck_assert_uint_eq(fresh->hold_back_return_ms, 3000);
    string_list_clear(&names);
    config_free(&running);
    config_free(&fresh);
}
END_TEST

static uint64_t
update_size_after(const char *before, const char *after, bool *ret_ok)
{
    struct config *running = read_config(slice_of(before)), *fresh = read_config(slice_of(after));
    struct string_list names = {0};
    struct error err = {""};
    ck_assert_msg(config_judge(running, &err) && config_judge(fresh, &err), "%s", err.text);
    restart_keep(fresh, running, &names);
    judge_update_size(fresh);
    *ret_ok = fresh->errors.count == 0;
    uint64_t size = fresh->max_update_size;
    ck_assert(*ret_ok || strstr(fresh->errors.items[0], "max_update_size"));
    string_list_clear(&names);
    config_free(&running);
    config_free(&fresh);
    return size;
}

/* The history stays as it is, so what it can hold does too. */
START_TEST(what_an_update_may_be_follows_what_stays)
{
    bool ok;
    const char *small = "anonymous\nmax_request_body_size 4MiB\nhistory { max_bytes 1MiB }\n";
    ck_assert_uint_eq(update_size_after(small,
                                        "anonymous\nmax_request_body_size 4MiB\n"
                                        "history { max_bytes 1GiB }\n",
                                        &ok),
                      262144);
    ck_assert(ok);
    ck_assert_uint_eq(update_size_after(small,
                                        "anonymous\nmax_request_body_size 4MiB\n"
                                        "transport memory\n",
                                        &ok),
                      262144);
    ck_assert(ok);
    ck_assert_uint_eq(update_size_after(small,
                                        "anonymous\nmax_request_body_size 10kB\n"
                                        "history { max_bytes 1GiB }\n",
                                        &ok),
                      20000);
    ck_assert(ok);
    update_size_after(small, "anonymous\nmax_update_size 1MiB\nhistory { max_bytes 1GiB }\n", &ok);
    ck_assert(!ok);
}
END_TEST

UNIT_MAIN("config/restart", what_an_update_may_be_follows_what_stays,
          nothing_is_named_where_only_keys_origins_and_limits_change,
          what_is_laid_out_once_is_named_and_stays, of_the_log_the_level_alone_follows,
          of_subscriptions_the_times_of_holding_back_alone_follow)
