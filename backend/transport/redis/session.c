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

#include <stdarg.h>
#include <stdio.h>

enum {
    WRONG_FIRST_MS = 1000, /* until what is wrong, maybe for a moment, is tried again */
    WRONG_MOST_MS = 30000,
    BACKOFF_FIRST_MS = 50,
    BACKOFF_MOST_MS = 2000,
    MOST_REDIRECTS = 4,  /* in a row, at once: two nodes may name each other, or a dead one */
    EAGER_ATTEMPTS = 20, /* while the others may be healing, who comes late brings nothing back */
    HEAL_PARTS = 4,
};

void
session_move(struct session *s, enum session_state to)
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
        s->is_redirected = place_moved(&s->place, answer->text);
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

/* Twice as much each time, up to `cap`. */
static uint64_t
doubled(uint64_t first, unsigned times, uint64_t cap)
{
    for (; times && first < cap; times--)
        first *= 2;
    return first < cap ? first : cap;
}

/* At once, then later and later, and never all hubs together. */
static uint64_t
backoff(struct session *s, bool was_open)
{
    uint64_t cap = BACKOFF_MOST_MS;
    bool is_redirected = s->is_redirected;
    bool has_other = is_redirected || (!was_open && place_failed(&s->place));
    s->redirects += is_redirected;
    s->is_redirected = false;
    if (has_other && s->redirects <= MOST_REDIRECTS)
        return 0;
    if (s->is_wrong) {
        uint64_t half = doubled(WRONG_FIRST_MS, s->wrongs++, WRONG_MOST_MS) / 2;
        return half + id_random(&s->random) % half;
    }
    if (s->attempts < EAGER_ATTEMPTS && s->settings->heal_ms / HEAL_PARTS < cap)
        cap = s->settings->heal_ms / HEAL_PARTS + BACKOFF_FIRST_MS;
    unsigned before = s->attempts++;
    return before ? id_random(&s->random) % doubled(BACKOFF_FIRST_MS, before - 1, cap) : 0;
}

void
session_end(struct session *s, uint64_t now_ms)
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
        if (now_ms - s->opened_ms >= WRONG_MOST_MS) /* else it is but opened again and again */
            s->wrongs = 0;
    }
    s->failed = false;
    s->checks_underway = 0;
    s->next_ms = now_ms + backoff(s, was_open);
    session_move(s, SESSION_AWAY);
    if (was_open)
        s->on.ended(s->on.owner);
}

/* --- questions -------------------------------------------------------------------------------- */

struct buf *
session_ask(struct session *s, unsigned talk, uint64_t now_ms, talk_answer *answer, void *owner)
{
    return talk_ask(&s->talks[talk], now_ms + s->settings->timeout_ms, answer, owner);
}

void
session_go_on(struct session *s)
{
    if (s->state == SESSION_HEALING)
        s->next_ms = s->open_ms;
}

/* --- a turn ----------------------------------------------------------------------------------- */

void
session_poll(const struct session *s, struct pollfd *fds)
{
    for (int i = 0; i < TALKS; i++)
        fds[i] = s->talks[i].wire ? wire_poll(s->talks[i].wire) : (struct pollfd){.fd = -1};
    fds[TALKS] = place_poll(&s->place);
}

bool
session_is_settling(const struct session *s)
{
    return s->state == SESSION_CONNECTING || s->state == SESSION_GREETING;
}

uint64_t
session_deadline(const struct session *s)
{
    uint64_t at = s->state == SESSION_AWAY || s->state == SESSION_HEALING ? s->next_ms : UINT64_MAX;
    uint64_t place = place_deadline(&s->place);
    at = place < at ? place : at;
    if (session_is_settling(s) && s->deadline_ms < at)
        at = s->deadline_ms;
    for (int i = 0; i < TALKS; i++) {
        uint64_t due = talk_deadline(&s->talks[i]);
        if (due < at)
            at = due;
    }
    return at;
}

void
session_work_talks(struct session *s, uint64_t now_ms)
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

void
session_send(struct session *s)
{
    for (int i = 0; i < TALKS; i++)
        if (s->talks[i].wire && wire_out(s->talks[i].wire)->len &&
            wire_work(s->talks[i].wire) == WIRE_FAILED)
            fail_wire(s, s->talks[i].wire);
}
