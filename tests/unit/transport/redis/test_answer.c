/* What errors and INFO mean. */

#include "transport/redis/answer.h"

#include "transport/redis/info.h"
#include "unit/guard.h"

#include <string.h>

/* As Redis 7.0 and Valkey 8 write them. */
static const struct {
    const char *error;
    enum answer_effect effect;
    const char *reason;
} rows[] = {
    {"OOM command not allowed when used memory > 'maxmemory'. script: 00, on @user_script:30.",
     ANSWER_REFUSED, "memory"},
    {"MISCONF Errors writing to the AOF file: No space left on device", ANSWER_REFUSED, "disk"},
    {"NOREPLICAS Not enough good replicas to write.", ANSWER_REFUSED, "replicas"},
    {"NOSCRIPT No matching script. Please use EVAL.", ANSWER_WHOLE, "script"},
    {"MOVED 3999 127.0.0.1:6381", ANSWER_MOVED, "moved"},
    {"ASK 3999 127.0.0.1:6381", ANSWER_AWAY, "moved"},
    {"TRYAGAIN Multiple keys request during rehashing of slot", ANSWER_AWAY, "moved"},
    {"CLUSTERDOWN Hash slot not served", ANSWER_AWAY, "cluster"},
    {"READONLY You can't write against a read only replica.", ANSWER_AWAY, "role"},
    {"UNBLOCKED force unblock from blocking operation, instance state changed (master -> replica?)",
     ANSWER_AWAY, "role"},
    {"MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set to 'no'.",
     ANSWER_AWAY, "role"},
    {"LOADING Redis is loading the dataset in memory", ANSWER_AWAY, "loading"},
    {"BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
     ANSWER_AWAY, "busy"},
    {"RUN 17", ANSWER_AWAY, "run"},
    {"BEHIND 17", ANSWER_AWAY, "behind"},
    {"FORMAT 2", ANSWER_WRONG, "format"},
    {"ERR max number of clients reached", ANSWER_AWAY, "clients"},
    {"WRONGTYPE Operation against a key holding the wrong kind of value", ANSWER_WRONG, "type"},
    {"NOAUTH Authentication required.", ANSWER_WRONG, "login"},
    {"WRONGPASS invalid username-password pair or user is disabled.", ANSWER_WRONG, "login"},
    {"NOPERM this user has no permissions to run the 'evalsha' command", ANSWER_WRONG, "rights"},
    {"ERR The user executing the script can't run this command or subcommand script: 00",
     ANSWER_WRONG, "rights"},
    {"ERR ACL failure in script: User hub has no permissions to run the 'time' command",
     ANSWER_WRONG, "rights"},
    {"DENIED Redis is running in protected mode because protected mode is enabled", ANSWER_WRONG,
     "protected"},
    {"ERR DB index is out of range", ANSWER_WRONG, "database"},
    {"ERR SELECT is not allowed in cluster mode", ANSWER_WRONG, "database"},
    {"ERR unknown command 'EVALSHA', with args beginning with: ", ANSWER_WRONG, "command"},
    {"ERR something that nobody has seen", ANSWER_AWAY, "error"},
    {"", ANSWER_AWAY, "error"},
};

START_TEST(each_error_has_its_meaning)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct answer *a = answer_find(guard_copy(slice_of(rows[i].error)));
        ck_assert_msg(a->effect == rows[i].effect, "row %zu", i);
        ck_assert_str_eq(a->reason, rows[i].reason);
    }
}
END_TEST

static const char *
say(const char *error)
{
    static struct error said;
    answer_say(answer_find(slice_of(error)), slice_of(error), "hub", "shop", &said);
    return said.text;
}

START_TEST(what_is_said_helps_and_leaves_out_what_does_not)
{
    ck_assert_str_eq(say("NOAUTH Authentication required."),
                     "NOAUTH Authentication required. (it wants a password: password, or "
                     "password_file)");
    ck_assert_str_eq(say("LOADING Redis is loading the dataset in memory"),
                     "LOADING Redis is loading the dataset in memory");
    ck_assert_ptr_null(strstr(say("OOM no. script: 00ff, on @user_script:30."), "00ff"));
    const char *rights = say("NOPERM this user has no permissions to run the 'eval' command");
    ck_assert_ptr_nonnull(
        strstr(rights, "ACL SETUSER hub resetkeys ~{shop}:* resetchannels -@all"));
    ck_assert_msg(rights[strlen(rights) - 1] == ')', "all of the line is there: %s", rights);
}
END_TEST

#define INFO                                                                                       \
    "# Server\r\nredis_version:7.0.15\r\nrun_id:ab\r\n\r\n# Memory\r\nmaxmemory:100\r\n"           \
    "maxmemory_human:100B\r\nmaxmemory_policy:allkeys-lru\r\n# Replication\r\nrole:master\r\n"

START_TEST(a_server_is_judged_by_what_it_says)
{
    struct error err;
    struct slice text = guard_copy(SLICE(INFO));
    ck_assert(slice_eq(info_value(text, SLICE("run_id")), SLICE("ab")));
    ck_assert(slice_eq(info_value(text, SLICE("maxmemory")), SLICE("100")));
    ck_assert_uint_eq(info_value(text, SLICE("run")).len, 0);
    ck_assert(info_is_master(text, &err) && info_is_recent(text, &err));
    ck_assert(info_evicts(text, &err) && strstr(err.text, "allkeys-lru"));
    ck_assert(!info_is_master(SLICE("role:slave\r\n"), &err));
    ck_assert_str_eq(err.text, "it is not the master: its role is slave");
    ck_assert(!info_is_recent(SLICE("redis_version:6.2.14\r\n"), &err));
    ck_assert(!info_is_recent(SLICE("redis_version:x"), &err));
    ck_assert(!info_is_recent(SLICE(""), &err));
    ck_assert(info_is_recent(SLICE("server_name:valkey\r\nredis_version:7.2.4\r\n"), &err));
    ck_assert(!info_evicts(SLICE("maxmemory:0\r\nmaxmemory_policy:allkeys-lru\r\n"), &err));
    ck_assert(!info_evicts(SLICE("maxmemory:9\r\nmaxmemory_policy:volatile-lru\r\n"), &err));
}
END_TEST

UNIT_MAIN("redis/answer", each_error_has_its_meaning,
          what_is_said_helps_and_leaves_out_what_does_not, a_server_is_judged_by_what_it_says)
