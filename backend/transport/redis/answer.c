/* answer - the errors of Redis, as its own sources and Valkey's write them. The first row that fits
 * counts.
 *
 * What one gets wrong: what a script runs into is told in the words of the command, but not always
 * by its first word, and a server that is being changed (loading, demoted, moved) says for a while
 * what a wrong configuration says for good. */

#include "transport/redis/answer.h"

#include "base/compiler.h"

/* alipes.conf(5) has them too, and a test holds that each is needed. */
#define RIGHTS                                                                                     \
    "-@all +evalsha +eval +hmget +hget +hset +hsetnx +hexists +hdel +hlen +hscan +hgetall "        \
    "+hincrby +xadd +xtrim +xrange +xrevrange +xread +xlen +unlink +time +info +select "           \
    "+client|setname"

static const char of_rights[] = "";

static const struct answer answers[] = {
    /* Of updates that it does not take now. */
    {"OOM", NULL, ANSWER_REFUSED, "memory",
     "Redis has no memory left: give it more (maxmemory), or keep less (history max_bytes)"},
    {"MISCONF", NULL, ANSWER_REFUSED, "disk",
     "Redis cannot write its own files: look at its disk and its log"},
    {"NOREPLICAS", NULL, ANSWER_REFUSED, "replicas",
     "fewer replicas are there than min-replicas-to-write asks for"},

    /* Of a server that is not, or no longer, the one to ask. */
    {"NOSCRIPT", NULL, ANSWER_WHOLE, "script", NULL},
    {"MOVED", NULL, ANSWER_MOVED, "moved", NULL},
    {"ASK", NULL, ANSWER_AWAY, "moved", NULL},
    {"TRYAGAIN", NULL, ANSWER_AWAY, "moved", NULL},
    {"CLUSTERDOWN", NULL, ANSWER_AWAY, "cluster", NULL},
    {"READONLY", NULL, ANSWER_AWAY, "role", NULL},
    {"UNBLOCKED", NULL, ANSWER_AWAY, "role", NULL},
    {"MASTERDOWN", NULL, ANSWER_AWAY, "role", NULL},
    {"LOADING", NULL, ANSWER_AWAY, "loading", NULL},
    {"BUSY", NULL, ANSWER_AWAY, "busy",
     "somebody's script holds Redis up (slowlog get tells which)"},
    {"RUN", NULL, ANSWER_AWAY, "run", NULL},
    {"BEHIND", NULL, ANSWER_AWAY, "behind", NULL},
    {"ERR max number of clients", NULL, ANSWER_AWAY, "clients",
     "each hub has three connections, four with Sentinels: raise maxclients"},

    /* Of a configuration, there or here. */
    {"FORMAT", NULL, ANSWER_WRONG, "format",
     "what is kept there was written by a newer alipes: update this one, or take another stream"},
    {"WRONGTYPE", NULL, ANSWER_WRONG, "type",
     "somebody else uses keys of that name: take another stream, or delete them"},
    {"NOAUTH", NULL, ANSWER_WRONG, "login", "it wants a password: password, or password_file"},
    {"WRONGPASS", NULL, ANSWER_WRONG, "login", "username or password is wrong"},
    {"ERR invalid password", NULL, ANSWER_WRONG, "login", "password is wrong"},
    {"ERR", "called without any password configured", ANSWER_WRONG, "login",
     "it wants no password: take it out, or give it one (requirepass)"},
    {"NOPERM", NULL, ANSWER_WRONG, "rights", of_rights},
    {"ERR", "The user executing the script", ANSWER_WRONG, "rights", of_rights},
    {"ERR", "ACL failure in script", ANSWER_WRONG, "rights", of_rights},
    {"DENIED", NULL, ANSWER_WRONG, "protected", NULL},
    {"ERR", "SELECT is not allowed in cluster mode", ANSWER_WRONG, "database",
     "a cluster has database 0 alone"},
    {"ERR DB index is out of range", NULL, ANSWER_WRONG, "database", NULL},
    {"ERR unknown command", NULL, ANSWER_WRONG, "command",
     "this is no Redis of version 7 and no Valkey, or the command is renamed there"},
    {"ERR", "undeclared key", ANSWER_WRONG, "command", "this is no Redis and no Valkey"},
    {"ERR", "Protocol error: invalid bulk length", ANSWER_AWAY, "protocol",
     "proto-max-bulk-len is smaller than max_update_size"},
};

static const struct answer other = {NULL, NULL, ANSWER_AWAY, "error", NULL};

static bool
fits(const struct answer *a, struct slice error)
{
    return slice_starts(error, slice_of(a->begins)) &&
           (a->holds == NULL || slice_find(error, slice_of(a->holds)) < error.len);
}

const struct answer *
answer_find(struct slice error)
{
    for (size_t i = 0; i < COUNT_OF(answers); i++)
        if (fits(&answers[i], error))
            return &answers[i];
    return &other;
}

/* As Redis takes them. All of it, or a hub that runs would stop where it comes to the rest. */
static void
say_rights(struct slice error, const char *user, const char *stream, struct error *ret)
{
    error_set(ret,
              SLICE_FMT
              " (all that it needs: ACL SETUSER %.64s resetkeys ~{%s}:* resetchannels " RIGHTS ")",
              SLICE_ARG(slice_head_utf8(error, 110)), user ? user : "default", stream);
}

struct slice
answer_text(struct slice error)
{
    return slice_head(error, slice_find(error, SLICE(", with args")));
}

void
answer_say(const struct answer *a, struct slice error, const char *user, const char *stream,
           struct error *ret)
{
    error = slice_head(error, slice_find(error, SLICE(" script: "))); /* which, and where in it */
    error = slice_head_utf8(answer_text(error), 200);
    if (a->sentence == of_rights)
        say_rights(error, user, stream, ret);
    else if (a->sentence)
        error_set(ret, SLICE_FMT " (%s)", SLICE_ARG(error), a->sentence);
    else
        error_set(ret, SLICE_FMT, SLICE_ARG(error));
}
