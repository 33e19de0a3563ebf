/* greeting - who is there? The server says what it is, at first and ever again.
 *
 * The identity is of the process (run_id changes with each start) and of its descent (replid2
 * changes where a replica is promoted); replid itself also changes when a first replica comes. */

#include "transport/redis/greeting.h"

#include "base/log.h"
#include "transport/redis/info.h"
#include "transport/redis/joining.h"
#include "transport/redis/login.h"

#include <stdio.h>
#include <string.h>

enum {
    CHECKS_OF_RUN = 4, /* for one of the server */
};

static void
identify(struct slice text, char *out, size_t size)
{
    snprintf(out, size, SLICE_FMT ":" SLICE_FMT,
             SLICE_ARG(slice_head(info_value(text, SLICE("run_id")), 16)),
             SLICE_ARG(slice_head(info_value(text, SLICE("master_replid2")), 16)));
}

/* False: the session fails. */
static bool
judge(struct session *s, const struct resp *answer)
{
    struct error err;
    if (answer->kind != RESP_TEXT) {
        session_fail_with(s, "INFO", answer);
        return false;
    }
    if (!info_is_master(answer->text, &err)) {
        session_fail(s, "role", "%.100s: %s", wire_peer(s->talks[0].wire), err.text);
        return false;
    }
    return true;
}

/* What is told once of the whole of INFO. */
static bool
judge_whole(struct session *s, const struct resp *answer)
{
    struct error err;
    if (!judge(s, answer))
        return false;
    if (!info_is_recent(answer->text, &err)) {
        s->is_wrong = true;
        session_fail(s, "version", "%.100s: %s", wire_peer(s->talks[0].wire), err.text);
        return false;
    }
    if (!s->warned && info_evicts(answer->text, &err))
        log_line(LOG_WARN, "redis_evicts", "msg=%s", LOG_SLICE(slice_of(err.text)));
    s->warned = true;
    return true;
}

static void
on_info(struct session *s, unsigned talk, const struct resp *answer)
{
    if (!judge_whole(s, answer))
        return;
    struct slice run_id = slice_head(info_value(answer->text, SLICE("run_id")), 40);
    snprintf(s->run_ids[talk], sizeof s->run_ids[talk], SLICE_FMT, SLICE_ARG(run_id));
    if (talk == TALK_PUBLISH)
        identify(answer->text, s->identity, sizeof s->identity);
    if (++s->greeted < TALKS)
        return;
    for (unsigned i = 1; i < TALKS; i++)
        if (strcmp(s->run_ids[i], s->run_ids[0]) != 0) {
            s->is_wrong = true;
            session_fail(s, "balancer",
                         "%.100s: several servers answer at one address, so a balancer stands in "
                         "between: name the server, its Sentinels, or addresses",
                         wire_peer(s->talks[0].wire));
            return;
        }
    joining_begin(s);
}

static void
on_info_publish(void *owner, const struct resp *answer)
{
    on_info(owner, TALK_PUBLISH, answer);
}

static void
on_info_live(void *owner, const struct resp *answer)
{
    on_info(owner, TALK_LIVE, answer);
}

static void
on_info_read(void *owner, const struct resp *answer)
{
    on_info(owner, TALK_READ, answer);
}

static void
on_word(void *owner, const struct resp *answer)
{
    if (answer->kind != RESP_STATUS)
        session_fail_with(owner, "greeting", answer);
}

/* The name is for people, and the right to have one may be missing. */
static void
on_name(void *owner, const struct resp *answer)
{
    if (answer->kind == RESP_ERROR && !slice_starts(answer->text, SLICE("NOPERM")))
        session_fail_with(owner, "greeting", answer);
}

void
greeting_begin(struct session *s, unsigned talk, uint64_t now_ms)
{
    static talk_answer *const answers[TALKS] = {on_info_publish, on_info_live, on_info_read};
    const struct redis_settings *c = s->settings;
    struct buf *out = wire_out(s->talks[talk].wire);
    struct error err;
    if (login_add_auth(out, &c->login, &err))
        session_ask(s, talk, now_ms, on_word, s);
    else if (err.text[0])
        session_fail(s, "login", "%s", err.text);
    if (login_add_database(out, c))
        session_ask(s, talk, now_ms, on_word, s);
    login_add_name(out, c);
    session_ask(s, talk, now_ms, on_name, s);
    out = session_ask(s, talk, now_ms, answers[talk], s);
    resp_begin(out, 1);
    resp_add(out, SLICE("INFO"));
}

static void
on_checked(void *owner, const struct resp *answer)
{
    struct session *s = owner;
    char now[sizeof s->identity];
    s->checks_underway--;
    if (!judge(s, answer))
        return;
    identify(answer->text, now, sizeof now);
    if (strncmp(now, s->identity, strlen(now)) != 0)
        session_fail(s, "identity", "the server is not what it was");
}

/* The run: cheaper, and asked more often, because who learns late has less time to put back. */
static void
on_run(void *owner, const struct resp *answer)
{
    struct session *s = owner;
    uint64_t run;
    s->checks_underway--;
    if (answer->kind == RESP_ERROR)
        session_fail_with(s, "asking for the run", answer);
    else if (answer->kind != RESP_TEXT || !slice_u64(answer->text, UINT64_MAX, &run) ||
             run != s->run)
        session_fail(s, "run", "the store is not what it was");
}

void
greeting_check(struct session *s, uint64_t now_ms)
{
    if (s->state != SESSION_OPEN || s->checks_underway)
        return;
    struct buf *out = session_ask(s, TALK_READ, now_ms, on_run, s);
    resp_begin(out, 3);
    resp_add(out, SLICE("HGET"));
    resp_add(out, slice_of(s->keys.head));
    resp_add(out, SLICE("run"));
    s->checks_underway++;
    if (s->checks++ % CHECKS_OF_RUN)
        return;
    out = session_ask(s, TALK_READ, now_ms, on_checked, s);
    resp_begin(out, 3);
    resp_add(out, SLICE("INFO"));
    resp_add(out, SLICE("server"));
    resp_add(out, SLICE("replication"));
    s->checks_underway++;
}
