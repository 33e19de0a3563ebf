/* sweep - who is still served?
 *
 * Streams are judged by what their grant remembers of the key that verified it: the token itself is
 * not kept. The same goes for a wall clock that was set: streams end by it. A turn judges a bounded
 * number, so deliveries go on between. */

#include "hub/sweep.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "hub/stream.h"
#include "request/hub_url.h"

#include <stdlib.h>

enum {
    SWEEP_AT_ONCE = 512,   /* streams judged in a turn */
    CLOCKS_APART_MS = 500, /* less than that is how clocks are kept right */
};

struct sweep {
    struct hub_worker *home;
    struct turn_hook hook;
    size_t left, ended;
    int64_t clocks_ms; /* the wall clock less the monotonic one, when that was last looked at */
};

static void on_end_of_turn(struct turn_hook *);

struct sweep *
sweep_new(struct hub_worker *home)
{
    struct sweep *sweep = xalloc(sizeof *sweep);
    sweep->home = home;
    sweep->hook.run = on_end_of_turn;
    worker_add_hook(home->worker, &sweep->hook);
    return sweep;
}

void
sweep_free(struct sweep **ref)
{
    free(*ref);
    *ref = NULL;
}

void
sweep_begin(struct sweep *sweep)
{
    sweep->left = 0;
    LIST_EACH(node, after, &sweep->home->streams)
    {
        sweep->left++;
    }
    worker_again(sweep->home->worker);
}

/* Tokens end by the wall clock, and timers go by the other: where it was set, or the machine slept,
 * every stream's timer is wrong. */
static bool
clock_was_set(struct sweep *sweep)
{
    int64_t clocks = (int64_t)clock_wall_ms() - (int64_t)clock_mono_ms();
    if (llabs(clocks - sweep->clocks_ms) < CLOCKS_APART_MS)
        return false;
    sweep->clocks_ms = clocks;
    return true;
}

/* Would this stream be let in today? */
static bool
is_kept(const struct stream *s, const struct rules *r)
{
    const struct grant *g = s->grant;
    const struct config *c = r->config;
    if (g == NULL)
        return c->anonymous;
    return authority_keeps(r->authority, g) &&
           (g->dialect == DIALECT_0X || (s->audience_follows && hub_url_audience_follows(c)) ||
            hub_url_is_audience(c, slice_of(g->audience)));
}

static void
judge(struct sweep *sweep, struct stream *s)
{
    if (is_kept(s, sweep->home->rules)) {
        stream_retime(s);
    } else if (s->state != STREAM_ENDING) {
        sweep->ended++;
        stream_end(s);
    }
}

/* To the end of the list: streams that begin meanwhile are not counted. */
static void
judge_next(struct sweep *sweep)
{
    struct list *node = list_shift(&sweep->home->streams);
    if (node == NULL) {
        sweep->left = 0;
        return;
    }
    list_append(&sweep->home->streams, node);
    sweep->left--;
    judge(sweep, CONTAINER_OF(node, struct stream, node));
}

static void
on_end_of_turn(struct turn_hook *hook)
{
    struct sweep *sweep = CONTAINER_OF(hook, struct sweep, hook);
    struct worker *worker = sweep->home->worker;
    if (clock_was_set(sweep))
        sweep_begin(sweep);
    if (sweep->left == 0)
        return;
    for (size_t i = 0; i < SWEEP_AT_ONCE && sweep->left; i++)
        judge_next(sweep);
    if (sweep->left) {
        worker_again(worker);
    } else if (sweep->ended) {
        log_line(LOG_INFO, "streams_not_kept", "worker=%u count=%zu", worker_number(worker),
                 sweep->ended);
        sweep->ended = 0;
    }
}
