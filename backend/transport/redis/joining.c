/* joining - what a hub and the store tell each other before anything is published.
 *
 * JOIN makes the head or looks at it. Where the store may have lost its tail, each hub puts back
 * what it holds behind the end (HEAL: the script takes what fits, from whoever comes first), and
 * when the time for that is over, whoever comes first opens a new run (OPEN).
 *
 * Who gave way to others in an empty store looks at it again, and offers what it holds, before it
 * would open: the machine may have stood still until the time for that was over.
 *
 * What one gets wrong: what this hub has taken may be later than all that the store knows, in a run
 * that its clock has not reached. So both are told what was taken. */

#include "transport/redis/joining.h"

#include "base/clock.h"
#include "base/log.h"
#include "metrics/metrics.h"

#include <stdio.h>
#include <string.h>

enum {
    HEAL_RECORDS = 256, /* a call */
    HEAL_BYTES = 1 << 20,
    OPEN_AGAIN_MS = 50,
};

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

/* How many a call takes from `from` on. */
static size_t
measure_heal(const struct session *s, struct position from, bool *ret_more)
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
    *ret_more = spare_walk_next(&w, &u, &o, &before);
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
    bool fits = s->settings->heal_ms && spare_has_place(s->spare, from), more = false;
    size_t count = fits ? measure_heal(s, from, &more) : 0;
    if (count == 0)
        return false;
    ask_script(s, SCRIPT_HEAL, 3 + 7 * count, on_healed);
    struct buf *out = wire_out(s->talks[TALK_PUBLISH].wire);
    resp_add(out, slice_of(s->identity));
    resp_add(out, entry_place_write(from, text));
    resp_add_number(out, more ? s->settings->timeout_ms : s->settings->heal_ms);
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
        session_move(s, SESSION_OPEN);
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
    s->attempts = s->redirects = 0;
    s->opened_ms = clock_mono_ms();
    session_move(s, SESSION_OPEN);
    log_line(LOG_INFO, "redis_back", "after_ms=%llu server=%s", (unsigned long long)away,
             LOG_SLICE(slice_of(wire_peer(s->talks[TALK_PUBLISH].wire))));
    s->on.opened(s->on.owner);
}

/* What an empty store begins with is its history: who holds the most comes first. */
static uint64_t
give_way(const struct session *s, int64_t left)
{
    uint64_t heal = s->settings->heal_ms, hold = s->spare->max_bytes + 1;
    uint64_t held = s->spare->bytes < hold ? s->spare->bytes : hold;
    uint64_t ms = heal / 4 + heal / 4 * (hold - held) / hold, most = (uint64_t)left / 2;
    return ms < most ? ms : most;
}

/* What JOIN and OPEN answer: state, run, end, ms_left, key, empty. */
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
        session_move(s, SESSION_HEALING);
    if (is_empty && s->spare->end.run) {
        end = s->spare->begin;
        if (s->gives_way) {
            s->gives_way = false;
            s->looks_again = true;
            s->next_ms = clock_mono_ms() + give_way(s, left);
            return;
        }
    }
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
ask_join(struct session *s)
{
    struct position taken = s->spare->end;
    ask_script(s, SCRIPT_JOIN, 5, on_joined);
    struct buf *out = wire_out(s->talks[TALK_PUBLISH].wire);
    resp_add(out, slice_of(s->identity));
    resp_add_number(out, s->settings->heal_ms);
    add_key(out, &s->key);
    resp_add_number(out, taken.run);
    resp_add_number(out, taken.sequence);
}

void
joining_begin(struct session *s)
{
    size_t len = strlen(s->identity);
    if (s->repair) /* as if it were another server: then the head is compared with the stream */
        snprintf(s->identity + len, sizeof s->identity - len, ":%016llx",
                 (unsigned long long)id_random(&s->random));
    s->repair = false;
    s->gives_way = true;
    s->looks_again = false;
    session_move(s, SESSION_JOINING);
    ask_join(s);
}

void
joining_open(struct session *s)
{
    if (s->looks_again) {
        s->looks_again = false;
        ask_join(s);
        return;
    }
    ask_script(s, SCRIPT_OPEN, 2, on_opened);
    resp_add(wire_out(s->talks[TALK_PUBLISH].wire), slice_of(s->identity));
    resp_add_number(wire_out(s->talks[TALK_PUBLISH].wire), s->spare->end.run);
}
