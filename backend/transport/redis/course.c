/* course - a session's way from AWAY to OPEN, turn by turn. */

#include "transport/redis/course.h"

#include "transport/redis/greeting.h"
#include "transport/redis/joining.h"

enum {
    BULK_BYTES = 64 << 20, /* whatever other hubs let an update be */
    ANSWER_BYTES = 3 * BULK_BYTES,
    ANSWER_ITEMS = 65536,
    LOOK_AGAIN_MS = 20,
};

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
    session_move(s, SESSION_CONNECTING);
    s->deadline_ms = now_ms + c->connect_timeout_ms;
    s->greeted = 0;
    s->is_wrong = false;
    talk_begin(&s->talks[0], wire_open(&w));
}

static void
connect_others(struct session *s, uint64_t now_ms)
{
    session_move(s, SESSION_GREETING);
    s->deadline_ms = now_ms + s->settings->connect_timeout_ms + s->settings->timeout_ms;
    for (unsigned i = 1; i < TALKS; i++)
        talk_begin(&s->talks[i], wire_open_beside(s->talks[0].wire));
    for (unsigned i = 0; i < TALKS; i++)
        greeting_begin(s, i, now_ms);
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
        joining_open(s);
    }
    if (session_is_settling(s) && now_ms >= s->deadline_ms)
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
course_work(struct session *s, uint64_t now_ms)
{
    look_around(s, now_ms);
    take_step(s, now_ms);
    session_work_talks(s, now_ms);
    if (s->failed)
        session_end(s, now_ms);
    else if (s->state == SESSION_CONNECTING && wire_state(s->talks[0].wire) == WIRE_OPEN)
        take_step(s, now_ms);
}
