/* session - a life with one server.
 *
 *     AWAY        nothing is there; at next_ms it is tried
 *     CONNECTING  one connection is made, so that one address is known
 *     GREETING    two more to the same address; on each: AUTH, SELECT, a name, INFO
 *     JOINING     the head of the store is asked, or made (join.lua)
 *     HEALING     the tail may be lost: what this hub has of it is put back (heal.lua), then,
 *                 when the time for that is over, the store is opened (open.lua)
 *     OPEN        publish, live and read go on over the three
 *
 * Any trouble ends it, and all three are made anew: what was asked is asked again, and what was
 * sent is sent again by its numbers, so a session that ends too often costs time, and one that goes
 * on with a server that is not what it was loses updates. Who is answered ends nothing himself:
 * session_fail() says so, and the end comes when the turn is over. */

#include "transport/redis/session.h"

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"
#include "transport/redis/answer.h"
#include "transport/redis/info.h"
#include "transport/redis/login.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum {
    BULK_BYTES = 64 << 20, /* whatever other hubs let an update be */
    ANSWER_BYTES = 3 * BULK_BYTES,
    ANSWER_ITEMS = 65536,
    HEAL_RECORDS = 256, /* a call */
    HEAL_BYTES = 1 << 20,
    OPEN_AGAIN_MS = 50,
    LOOK_AGAIN_MS = 20,
    WRONG_MS = 30000, /* until what is wrong is tried again */
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MOST_MS = 2000,
    EAGER_ATTEMPTS = 20, /* while the others may be healing, who comes late brings nothing back */
    HEAL_PARTS = 4,
    CHECKS_OF_RUN = 4, /* for one of the server */
};

static void
move(struct session *s, enum session_state to)
{
    static const char *const names[] = {
#define NAME(name) [SESSION_##name] = #name,
        SESSION_STATES(NAME)
#undef NAME
    };
    if (log_wants(LOG_DEBUG))
        log_line(LOG_DEBUG, "redis_session", "from=%s to=%s", names[s->state], names[to]);
    s->state = to;
}

bool
session_init(struct session *s, const struct redis_settings *settings, struct spare *spare,
             struct session_owner on, struct error *err)
{
    *s = (struct session){.settings = settings, .spare = spare, .on = on};
    if (!place_init(&s->place, settings, err))
        return false;
    id_source_init(&s->random);
    script_name_keys(&s->keys, settings->stream);
    hash_key_draw(&s->key);
    s->away_ms = clock_mono_ms();
    return true;
}

void
session_fini(struct session *s)
{
    if (s->state == SESSION_OPEN && s->on.opened)
        metrics_sub(METRIC_redis_up, 1);
    for (int i = 0; i < TALKS; i++)
        talk_end(&s->talks[i]);
    place_fini(&s->place);
}

/* --- trouble ---------------------------------------------------------------------------------- */

void
session_fail(struct session *s, const char *reason, const char *fmt, ...)
{
    va_list args;
    if (s->failed)
        return;
    s->failed = true;
    s->reason = reason;
    va_start(args, fmt);
    vsnprintf(s->why, sizeof s->why, fmt, args);
    va_end(args);
}

void
session_fail_with(struct session *s, const char *what, const struct resp *answer)
{
    struct error said;
    if (s->failed)
        return;
    if (answer->kind != RESP_ERROR) {
        session_fail(s, "protocol", "%s: an answer of another shape", what);
        return;
    }
    const struct answer *a = answer_find(answer->text);
    answer_say(a, answer->text, s->settings->login.user, s->settings->stream, &said);
    s->is_wrong = a->effect == ANSWER_WRONG;
    if (a->effect == ANSWER_MOVED)
        place_moved(&s->place, answer->text);
    session_fail(s, a->reason, "%s: %s", what, said.text);
}

static void
fail_wire(struct session *s, const struct wire *w)
{
    static const char *const reasons[] = {
        [WIRE_UNRESOLVED] = "name", [WIRE_REFUSED] = "refused",     [WIRE_CLOSED] = "closed",
        [WIRE_UNTRUSTED] = "tls",   [WIRE_MISBEHAVED] = "protocol",
    };
    s->is_wrong |= wire_end(w) == WIRE_UNTRUSTED && !s->failed;
    session_fail(s, reasons[wire_end(w)], "%s", wire_error(w));
}

/* At once, then later and later, and never all hubs together. */
static uint64_t
backoff(struct session *s, bool was_open)
{
    uint64_t most = BACKOFF_FIRST_MS, cap = BACKOFF_MOST_MS;
    bool has_other = s->place.is_moved || (!was_open && place_failed(&s->place));
    if (has_other)
        return 0;
    if (s->is_wrong)
        return WRONG_MS;
    if (s->attempts < EAGER_ATTEMPTS && s->settings->heal_ms / HEAL_PARTS < cap)
        cap = s->settings->heal_ms / HEAL_PARTS + BACKOFF_FIRST_MS;
    for (unsigned i = 1; i < s->attempts && most < cap; i++)
        most *= 2;
    if (most > cap)
        most = cap;
    return s->attempts++ ? id_random(&s->random) % most : 0;
}

static void
end(struct session *s, uint64_t now_ms)
{
    static struct log_limit limit;
    uint64_t more;
    bool was_open = s->state == SESSION_OPEN;
    if (was_open || s->is_wrong || log_allowed(&limit, &more))
        log_line(s->is_wrong ? LOG_ERROR : LOG_WARN, "redis_away", "reason=%s why=%s", s->reason,
                 log_slice((char[600]){0}, 600, slice_of(s->why)));
    metrics_said(METRICS_REDIS_AWAY, s->reason);
    for (int i = 0; i < TALKS; i++)
        talk_end(&s->talks[i]);
    if (was_open) {
        metrics_sub(METRIC_redis_up, 1);
        s->attempts = 0;
        s->away_ms = now_ms;
    }
    s->failed = false;
    s->checks_underway = 0;
    s->next_ms = now_ms + backoff(s, was_open);
    move(s, SESSION_AWAY);
    if (was_open)
        s->on.ended(s->on.owner);
}

/* --- questions -------------------------------------------------------------------------------- */

struct buf *
session_ask(struct session *s, unsigned talk, uint64_t now_ms, talk_answer *answer, void *owner)
{
    return talk_ask(&s->talks[talk], now_ms + s->settings->timeout_ms, answer, owner);
}

static void
ask_script(struct session *s, enum script script, size_t args, talk_answer *answer)
{
    struct buf *out = session_ask(s, TALK_PUBLISH, clock_mono_ms(), answer, s);
    script_begin(out, script, &s->keys, true, args);
}

static bool
is_shaped(const struct resp *answer, const char *kinds)
{
    if (answer->kind != RESP_ARRAY || answer->count < strlen(kinds))
        return false;
    for (uint32_t i = 0; kinds[i]; i++)
        if (answer->items[i].kind != (kinds[i] == 't' ? RESP_TEXT : RESP_INTEGER))
            return false;
    return true;
}

/* --- healing and opening ---------------------------------------------------------------------- */

static void
add_key(struct buf *out, const struct hash_key *key)
{
    char text[33];
    snprintf(text, sizeof text, "%016llx%016llx", (unsigned long long)key->words[0],
             (unsigned long long)key->words[1]);
    resp_add(out, SLICE_OF(text, 32));
}

/* Of those who came first; it does not change any more. */
static void
take_key(struct session *s, struct slice text)
{
    unsigned long long a, b;
    char copy[33] = "";
    if (text.len != 32)
        return;
    memcpy(copy, text.ptr, 32);
    if (sscanf(copy, "%16llx%16llx", &a, &b) != 2)
        return;
    if (!s->has_key)
        s->key = (struct hash_key){{a, b}};
    else if (s->key.words[0] != a || s->key.words[1] != b)
        log_line(LOG_WARN, "redis_other_key",
                 "msg=\"another history stands in its place: ids of positions of this hub are not "
                 "known to others until it is started again\"");
    s->has_key = true;
}

static void on_opened(void *, const struct resp *);
static void on_healed(void *, const struct resp *);

static void
ask_open(struct session *s)
{
    ask_script(s, SCRIPT_OPEN, 2, on_opened);
    resp_add(wire_out(s->talks[TALK_PUBLISH].wire), slice_of(s->identity));
    resp_add_number(wire_out(s->talks[TALK_PUBLISH].wire), s->spare->end.run);
}

/* How many a call takes from `from` on. */
static size_t
measure_heal(const struct session *s, struct position from)
{
    struct spare_walk w;
    const struct update *u;
    const struct origin *o;
    struct position before;
    size_t count = 0, bytes = 0;
    spare_walk_begin(&w, s->spare, from);
    while (count < HEAL_RECORDS && bytes < HEAL_BYTES && spare_walk_next(&w, &u, &o, &before)) {
        bytes += u->size;
        count++;
    }
    return count;
}

static void
add_healed(struct buf *out, const struct update *u, const struct origin *o, struct position before)
{
    char text[ENTRY_PLACE_LEN];
    resp_add(out, entry_place_write(u->position, text));
    resp_add_number(out, o->flags);
    entry_add_origin(out, o);
    entry_add(out, u);
    resp_add(out, entry_place_write(before, text));
}

/* False: this hub has nothing behind `from`, where the store ends. */
static bool
heal(struct session *s, struct position from)
{
    char text[ENTRY_PLACE_LEN];
    struct spare_walk w;
    const struct update *u;
    const struct origin *o;
    struct position before;
    bool fits = s->settings->heal_ms && spare_has_place(s->spare, from);
    size_t count = fits ? measure_heal(s, from) : 0;
    if (count == 0)
        return false;
    ask_script(s, SCRIPT_HEAL, 2 + 7 * count, on_healed);
    struct buf *out = wire_out(s->talks[TALK_PUBLISH].wire);
    resp_add(out, slice_of(s->identity));
    resp_add(out, entry_place_write(from, text));
    spare_walk_begin(&w, s->spare, from);
    for (size_t i = 0; i < count && spare_walk_next(&w, &u, &o, &before); i++)
        add_healed(out, u, o, before);
    return true;
}

static void
on_healed(void *owner, const struct resp *answer)
{
    struct session *s = owner;
    struct position upto;
    if (!is_shaped(answer, "it") || !entry_place_read(answer->items[1].text, &upto)) {
        session_fail_with(s, "putting back", answer);
        return;
    }
    if (answer->items[0].integer > 0) {
        log_line(LOG_INFO, "redis_healed", "updates=%lld", (long long)answer->items[0].integer);
        metrics_add(METRIC_redis_healed, (uint64_t)answer->items[0].integer);
    }
    if (answer->items[0].integer == 0 || !heal(s, upto))
        s->next_ms = 0;
}

static void
open_session(struct session *s, uint64_t run, struct position end, struct slice key)
{
    uint64_t away = s->away_ms ? clock_mono_ms() - s->away_ms : 0;
    if (s->on.opened == NULL) { /* nobody wants more than to know that it can be */
        move(s, SESSION_OPEN);
        return;
    }
    take_key(s, key);
    if (s->run != run && s->run)
        metrics_count(METRIC_redis_runs);
    metrics_count(METRIC_redis_sessions);
    metrics_add(METRIC_redis_away_seconds, away / 1000);
    metrics_add(METRIC_redis_up, 1);
    s->run = run;
    s->end = end;
    s->away_ms = 0;
    s->attempts = 0;
    move(s, SESSION_OPEN);
    log_line(LOG_INFO, "redis_back", "after_ms=%llu server=%s", (unsigned long long)away,
             LOG_SLICE(slice_of(wire_peer(s->talks[TALK_PUBLISH].wire))));
    s->on.opened(s->on.owner);
}

void
session_go_on(struct session *s)
{
    if (s->state == SESSION_HEALING)
        s->next_ms = s->open_ms;
}

/* What JOIN and OPEN answer: state, run, end, ms_left, key. */
static void
go_on(struct session *s, const struct resp *answer, const char *what)
{
    struct position end;
    uint64_t run;
    bool is_empty = answer->count > 5 && answer->items[5].integer == 1;
    if (!is_shaped(answer, "tttit") || !slice_u64(answer->items[1].text, UINT64_MAX, &run) ||
        !entry_place_read(answer->items[2].text, &end)) {
        session_fail_with(s, what, answer);
        return;
    }
    if (slice_eq(answer->items[0].text, SLICE("open"))) {
        open_session(s, run, end, answer->items[4].text);
        return;
    }
    int64_t left = answer->items[3].integer;
    s->open_ms = clock_mono_ms() + (uint64_t)(left > OPEN_AGAIN_MS ? left : OPEN_AGAIN_MS);
    s->next_ms = s->open_ms;
    if (s->state != SESSION_HEALING)
        move(s, SESSION_HEALING);
    if (is_empty && s->spare->end.run)
        end = s->spare->begin;
    if (heal(s, end) || s->on.healed(s->on.owner, end))
        s->next_ms = UINT64_MAX;
}

static void
on_opened(void *owner, const struct resp *answer)
{
    go_on(owner, answer, "opening");
}

static void
on_joined(void *owner, const struct resp *answer)
{
    go_on(owner, answer, "joining");
}

static void
join(struct session *s)
{
    struct position taken = s->spare->end;
    size_t len = strlen(s->identity);
    if (s->repair) /* as if it were another server: then the head is compared with the stream */
        snprintf(s->identity + len, sizeof s->identity - len, ":%016llx",
                 (unsigned long long)id_random(&s->random));
    s->repair = false;
    move(s, SESSION_JOINING);
    ask_script(s, SCRIPT_JOIN, 5, on_joined);
    struct buf *out = wire_out(s->talks[TALK_PUBLISH].wire);
    resp_add(out, slice_of(s->identity));
    resp_add_number(out, s->settings->heal_ms);
    add_key(out, &s->key);
    resp_add_number(out, taken.run);
    resp_add_number(out, taken.sequence);
}

/* --- greeting --------------------------------------------------------------------------------- */

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
    join(s);
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

static void
greet(struct session *s, unsigned talk, uint64_t now_ms)
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

/* --- connecting ------------------------------------------------------------------------------- */

/* They are asked all the time: once one has answered, it is known where to go. */
static void
wait_for_sentinels(struct session *s, const char *why, uint64_t now_ms)
{
    s->next_ms = now_ms + LOOK_AGAIN_MS;
    if (why[0])
        session_fail(s, "sentinel", "%s", why);
}

static void
connect_first(struct session *s, uint64_t now_ms)
{
    const struct redis_settings *c = s->settings;
    struct wire_settings w = {.bounds = {BULK_BYTES, ANSWER_BYTES, ANSWER_ITEMS},
                              .max_out = SIZE_MAX};
    struct error err;
    if (!place_next(&s->place, &w, &err)) {
        wait_for_sentinels(s, err.text, now_ms);
        return;
    }
    move(s, SESSION_CONNECTING);
    s->deadline_ms = now_ms + c->connect_timeout_ms;
    s->greeted = 0;
    s->is_wrong = false;
    talk_begin(&s->talks[0], wire_open(&w));
}

static void
connect_others(struct session *s, uint64_t now_ms)
{
    move(s, SESSION_GREETING);
    s->deadline_ms = now_ms + s->settings->connect_timeout_ms + s->settings->timeout_ms;
    for (unsigned i = 1; i < TALKS; i++)
        talk_begin(&s->talks[i], wire_open_beside(s->talks[0].wire));
    for (unsigned i = 0; i < TALKS; i++)
        greet(s, i, now_ms);
}

/* --- a turn ----------------------------------------------------------------------------------- */

void
session_poll(const struct session *s, struct pollfd *fds)
{
    for (int i = 0; i < TALKS; i++)
        fds[i] = s->talks[i].wire ? wire_poll(s->talks[i].wire) : (struct pollfd){.fd = -1};
    fds[TALKS] = place_poll(&s->place);
}

static bool
is_settling(const struct session *s)
{
    return s->state == SESSION_CONNECTING || s->state == SESSION_GREETING;
}

uint64_t
session_deadline(const struct session *s)
{
    uint64_t at = s->state == SESSION_AWAY || s->state == SESSION_HEALING ? s->next_ms : UINT64_MAX;
    uint64_t place = place_deadline(&s->place);
    at = place < at ? place : at;
    if (is_settling(s) && s->deadline_ms < at)
        at = s->deadline_ms;
    for (int i = 0; i < TALKS; i++) {
        uint64_t due = talk_deadline(&s->talks[i]);
        if (due < at)
            at = due;
    }
    return at;
}

static void
work_talks(struct session *s, uint64_t now_ms)
{
    for (unsigned i = 0; i < TALKS && !s->failed; i++) {
        struct talk *t = &s->talks[i];
        if (t->wire == NULL)
            continue;
        bool works = talk_work(t);
        if (!works && wire_state(t->wire) == WIRE_FAILED)
            fail_wire(s, t->wire);
        else if (!works)
            session_fail(s, "protocol", "%.120s: an answer nobody asked for", wire_peer(t->wire));
        else if (now_ms >= talk_deadline(t))
            session_fail(s, "silent", "%.120s says nothing for %llu ms", wire_peer(t->wire),
                         (unsigned long long)s->settings->timeout_ms);
    }
}

static void
take_step(struct session *s, uint64_t now_ms)
{
    if (s->state == SESSION_AWAY && now_ms >= s->next_ms)
        connect_first(s, now_ms);
    if (s->state == SESSION_CONNECTING && wire_state(s->talks[0].wire) == WIRE_OPEN)
        connect_others(s, now_ms);
    if (s->state == SESSION_HEALING && now_ms >= s->next_ms) {
        s->next_ms = UINT64_MAX;
        ask_open(s);
    }
    if (is_settling(s) && now_ms >= s->deadline_ms)
        session_fail(s, "silent", "%.120s: no connection within connect_timeout",
                     wire_peer(s->talks[0].wire));
}

/* What the Sentinels say now. */
static void
look_around(struct session *s, uint64_t now_ms)
{
    place_work(&s->place, now_ms);
    if (!place_is_elsewhere(&s->place))
        return;
    if (s->state == SESSION_AWAY)
        s->next_ms = now_ms;
    else
        session_fail(s, "sentinel", "the Sentinels name another master now");
}

void
session_work(struct session *s, uint64_t now_ms)
{
    look_around(s, now_ms);
    take_step(s, now_ms);
    work_talks(s, now_ms);
    if (s->failed)
        end(s, now_ms);
    else if (s->state == SESSION_CONNECTING && wire_state(s->talks[0].wire) == WIRE_OPEN)
        take_step(s, now_ms);
}

void
session_send(struct session *s)
{
    for (int i = 0; i < TALKS; i++)
        if (s->talks[i].wire && wire_out(s->talks[i].wire)->len &&
            wire_work(s->talks[i].wire) == WIRE_FAILED)
            fail_wire(s, s->talks[i].wire);
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
session_check(struct session *s, uint64_t now_ms)
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
