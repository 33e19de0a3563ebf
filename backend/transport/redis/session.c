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
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MOST_MS = 2000,
    LEAST_VERSION = 7,
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

void
session_init(struct session *s, const struct redis_settings *settings, struct spare *spare,
             struct session_owner on)
{
    *s = (struct session){.settings = settings, .spare = spare, .on = on};
    id_source_init(&s->random);
    script_name_keys(&s->keys, settings->stream);
    hash_key_draw(&s->key);
    s->away_ms = clock_mono_ms();
}

void
session_fini(struct session *s)
{
    for (int i = 0; i < TALKS; i++)
        talk_end(&s->talks[i]);
}

/* --- trouble ---------------------------------------------------------------------------------- */

void
session_fail(struct session *s, const char *fmt, ...)
{
    va_list args;
    if (s->failed)
        return;
    s->failed = true;
    va_start(args, fmt);
    vsnprintf(s->why, sizeof s->why, fmt, args);
    va_end(args);
}

void
session_fail_with(struct session *s, const char *what, const struct resp *answer)
{
    bool is_error = answer->kind == RESP_ERROR;
    session_fail(s, "%s: %.200s", what, is_error ? answer->text.ptr : "an answer of another shape");
}

/* At once, then later and later, and never all hubs together. */
static uint64_t
backoff(struct session *s)
{
    uint64_t most = BACKOFF_FIRST_MS;
    for (unsigned i = 1; i < s->attempts && most < BACKOFF_MOST_MS; i++)
        most *= 2;
    if (most > BACKOFF_MOST_MS)
        most = BACKOFF_MOST_MS;
    return s->attempts++ ? id_random(&s->random) % most : 0;
}

static void
end(struct session *s, uint64_t now_ms)
{
    static struct log_limit limit;
    uint64_t more;
    bool was_open = s->state == SESSION_OPEN;
    if (was_open || log_allowed(&limit, &more))
        log_line(LOG_WARN, "redis_away", "why=%s", LOG_SLICE(slice_of(s->why)));
    for (int i = 0; i < TALKS; i++)
        talk_end(&s->talks[i]);
    if (was_open) {
        s->attempts = 0;
        s->away_ms = now_ms;
    }
    s->failed = s->is_checked = false;
    s->next_ms = now_ms + backoff(s);
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
    if (answer->items[0].integer > 0)
        log_line(LOG_INFO, "redis_healed", "updates=%lld", (long long)answer->items[0].integer);
    if (answer->items[0].integer == 0 || !heal(s, upto))
        s->next_ms = 0;
}

static void
open_session(struct session *s, uint64_t run, struct position end, struct slice key)
{
    uint64_t away = s->away_ms ? clock_mono_ms() - s->away_ms : 0;
    take_key(s, key);
    s->run = run;
    s->end = end;
    s->away_ms = 0;
    s->attempts = 0;
    move(s, SESSION_OPEN);
    log_line(LOG_INFO, "redis_back", "after_ms=%llu server=%s", (unsigned long long)away,
             LOG_SLICE(slice_of(wire_peer(s->talks[TALK_PUBLISH].wire))));
    s->on.opened(s->on.owner);
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
    s->next_ms = clock_mono_ms() + (uint64_t)(left > OPEN_AGAIN_MS ? left : OPEN_AGAIN_MS);
    if (s->state != SESSION_HEALING)
        move(s, SESSION_HEALING);
    if (is_empty && s->spare->end.run)
        end = s->spare->begin;
    if (heal(s, end))
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

/* The value of a line `name:value` of INFO. Empty: there is none. */
static struct slice
info(struct slice text, struct slice name)
{
    struct slice line;
    while (slice_cut(&text, '\n', &line))
        if (slice_starts(line, name) && line.len > name.len && line.ptr[name.len] == ':') {
            struct slice value = slice_from(line, name.len + 1);
            return slice_head(value, slice_index(value, '\r'));
        }
    return SLICE("");
}

static void
identify(struct slice text, char *out, size_t size)
{
    snprintf(out, size, SLICE_FMT ":" SLICE_FMT,
             SLICE_ARG(slice_head(info(text, SLICE("run_id")), 16)),
             SLICE_ARG(slice_head(info(text, SLICE("master_replid2")), 16)));
}

/* False: the session fails. */
static bool
judge(struct session *s, const struct resp *answer)
{
    uint64_t version;
    struct slice text = answer->text;
    if (answer->kind != RESP_TEXT) {
        session_fail_with(s, "INFO", answer);
        return false;
    }
    struct slice role = info(text, SLICE("role")), number = info(text, SLICE("redis_version"));
    if (!slice_eq(role, SLICE("master"))) {
        session_fail(s, "the server is a replica (role " SLICE_FMT ")",
                     SLICE_ARG(slice_head(role, 20)));
        return false;
    }
    if (!slice_u64(slice_head(number, slice_index(number, '.')), 1000, &version) ||
        version < LEAST_VERSION) {
        session_fail(s,
                     "the server is of version " SLICE_FMT "; it takes Redis 7.0 or later, or "
                     "Valkey",
                     SLICE_ARG(slice_head(number, 20)));
        return false;
    }
    return true;
}

static void
on_info(struct session *s, unsigned talk, const struct resp *answer)
{
    if (!judge(s, answer))
        return;
    struct slice run_id = slice_head(info(answer->text, SLICE("run_id")), 40);
    snprintf(s->run_ids[talk], sizeof s->run_ids[talk], SLICE_FMT, SLICE_ARG(run_id));
    if (talk == TALK_PUBLISH)
        identify(answer->text, s->identity, sizeof s->identity);
    if (++s->greeted < TALKS)
        return;
    for (unsigned i = 1; i < TALKS; i++)
        if (strcmp(s->run_ids[i], s->run_ids[0]) != 0) {
            session_fail(s, "several servers answer at one address: a balancer stands in between");
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

static void
on_name(void *owner, const struct resp *answer)
{
    (void)owner; /* a right that may be missing: the name is for people */
    (void)answer;
}

static void
greet(struct session *s, unsigned talk, uint64_t now_ms)
{
    static talk_answer *const answers[TALKS] = {on_info_publish, on_info_live, on_info_read};
    const struct redis_settings *c = s->settings;
    struct buf *out;
    if (c->login.password) {
        out = session_ask(s, talk, now_ms, on_word, s);
        resp_begin(out, c->login.user ? 3 : 2);
        resp_add(out, SLICE("AUTH"));
        if (c->login.user)
            resp_add(out, slice_of(c->login.user));
        resp_add(out, slice_of(c->login.password));
    }
    if (c->db) {
        out = session_ask(s, talk, now_ms, on_word, s);
        resp_begin(out, 2);
        resp_add(out, SLICE("SELECT"));
        resp_add_number(out, c->db);
    }
    out = session_ask(s, talk, now_ms, on_name, s);
    resp_begin(out, 3);
    resp_add(out, SLICE("CLIENT"));
    resp_add(out, SLICE("SETNAME"));
    resp_add(out, slice_of(c->client_name));
    out = session_ask(s, talk, now_ms, answers[talk], s);
    resp_begin(out, 1);
    resp_add(out, SLICE("INFO"));
}

/* --- connecting ------------------------------------------------------------------------------- */

static void
connect_first(struct session *s, uint64_t now_ms)
{
    const struct redis_settings *c = s->settings;
    const struct redis_server *server = &c->servers[0];
    const struct wire_settings w = {.path = server->path,
                                    .host = server->host,
                                    .port = server->port,
                                    .bounds = {BULK_BYTES, ANSWER_BYTES, ANSWER_ITEMS},
                                    .max_out = SIZE_MAX};
    move(s, SESSION_CONNECTING);
    s->deadline_ms = now_ms + c->connect_timeout_ms;
    s->greeted = 0;
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
        if (!talk_work(t))
            session_fail(s, "%s",
                         wire_state(t->wire) == WIRE_FAILED ? wire_error(t->wire)
                                                            : "an answer nobody asked for");
        else if (now_ms >= talk_deadline(t))
            session_fail(s, "%.120s says nothing for %llu ms", wire_peer(t->wire),
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
        session_fail(s, "no connection within connect_timeout");
}

void
session_work(struct session *s, uint64_t now_ms)
{
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
            session_fail(s, "%s", wire_error(s->talks[i].wire));
}

static void
on_checked(void *owner, const struct resp *answer)
{
    struct session *s = owner;
    char now[sizeof s->identity];
    s->is_checked = false;
    if (!judge(s, answer))
        return;
    identify(answer->text, now, sizeof now);
    if (strncmp(now, s->identity, strlen(now)) != 0)
        session_fail(s, "the server is not what it was");
}

void
session_check(struct session *s, uint64_t now_ms)
{
    if (s->state != SESSION_OPEN || s->is_checked)
        return;
    s->is_checked = true;
    struct buf *out = session_ask(s, TALK_PUBLISH, now_ms, on_checked, s);
    resp_begin(out, 3);
    resp_add(out, SLICE("INFO"));
    resp_add(out, SLICE("server"));
    resp_add(out, SLICE("replication"));
}
