/* attempt - a hub whose password is wrong had better not start: whoever starts it looks, and later
 * nobody does. A hub whose Redis is away starts all the same, or a machine that boots would have to
 * do so in the right order. */

#include "transport/redis/attempt.h"

#include "base/clock.h"
#include "transport/redis/course.h"

#include <poll.h>

static bool
on_nowhere(void *owner, struct position end)
{
    (void)owner;
    (void)end;
    return false;
}

/* Until something happens, or `until`. */
static void
sleep_on(const struct session *s, uint64_t until_ms)
{
    struct pollfd fds[SESSION_FDS];
    uint64_t now = clock_mono_ms(), due = session_deadline(s);
    due = due < until_ms ? due : until_ms;
    session_poll(s, fds);
    poll(fds, SESSION_FDS, due > now ? (int)(due - now) : 0);
}

static bool
run(struct session *s, uint64_t until_ms, struct error *err)
{
    for (uint64_t now; (now = clock_mono_ms()) < until_ms;) {
        course_work(s, now);
        session_send(s);
        bool is_away = s->state == SESSION_AWAY && s->next_ms > now;
        if (is_away && s->is_wrong)
            return error_set(err, "transport redis: %.400s", s->why);
        if ((is_away && s->attempts > 1) || s->state >= SESSION_HEALING)
            break;
        sleep_on(s, until_ms);
    }
    return true;
}

bool
attempt_session(const struct redis_settings *settings, struct error *err)
{
    struct session s;
    struct spare nothing;
    struct error why;
    const struct session_owner nobody = {on_nowhere, NULL, NULL, NULL};
    spare_init(&nothing, 0);
    if (!session_init(&s, settings, &nothing, nobody, &why)) {
        spare_fini(&nothing);
        return error_set(err, "transport redis: tls: %.400s", why.text);
    }
    uint64_t most = settings->connect_timeout_ms + settings->timeout_ms;
    bool ok = run(&s, clock_mono_ms() + most, err);
    session_fini(&s);
    spare_fini(&nothing);
    return ok;
}
