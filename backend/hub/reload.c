/* reload - what changes while streams go on.
 *
 * A worker swaps its rules between two turns, so no request ever sees half of them. Then its
 * streams are judged again, by what their grant remembers of the key that verified it: the token
 * itself is not kept. The same goes for a wall clock that was set: streams end by it. A turn judges
 * a bounded number, so deliveries go on between.
 *
 *     letter    made by the sender, one a worker; freed by the worker that read it */

#include "hub/reload.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "hub/admit.h"
#include "hub/stream.h"
#include "request/hub_url.h"

#include <stdlib.h>

enum {
    SWEEP_AT_ONCE = 512,   /* streams judged in a turn */
    CLOCKS_APART_MS = 500, /* less than that is how clocks are kept right */
};

struct letter {
    struct message message;
    struct rules *rules;       /* owns a reference; NULL: no new ones */
    struct key_source *source; /* owns a reference; NULL: no news of keys */
    uint64_t attempt;
    bool changed;
};

static void
begin_sweep(struct hub_worker *home)
{
    home->sweep.left = 0;
    LIST_EACH(node, after, &home->streams)
    {
        home->sweep.left++;
    }
    worker_again(home->worker);
}

static void
receive(struct worker *worker, struct message *m)
{
    struct letter *l = CONTAINER_OF(m, struct letter, message);
    struct hub_worker *home = hub_worker_of(worker);
    if (l->rules) {
        rules_unref(&home->rules);
        home->rules = l->rules;
        hub_set_limits(home);
        if (home->hub->on_rules)
            home->hub->on_rules(worker, home->rules->config);
    }
    if (l->rules || l->changed)
        begin_sweep(home);
    if (l->source)
        admit_wake(home, l->source, l->attempt, l->changed);
    key_source_unref(&l->source);
    free(l);
}

static void
send(struct worker *const *workers, size_t count, struct rules *rules, struct key_source *source,
     uint64_t attempt, bool changed)
{
    for (size_t i = 0; i < count; i++) {
        struct letter *l = xalloc(sizeof *l);
        l->message.receive = receive;
        l->rules = rules ? rules_ref(rules) : NULL;
        l->source = source ? key_source_ref(source) : NULL;
        l->attempt = attempt;
        l->changed = changed;
        worker_post(workers[i], &l->message);
    }
}

void
reload_hand_out(struct worker *const *workers, size_t count, struct rules *rules)
{
    send(workers, count, rules, NULL, 0, false);
}

void
reload_tell_keys(struct worker *const *workers, size_t count, struct key_source *source,
                 uint64_t attempt, bool changed)
{
    send(workers, count, NULL, source, attempt, changed);
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

void
reload_sweep(struct turn_hook *hook)
{
    struct sweep *sweep = CONTAINER_OF(hook, struct sweep, hook);
    struct hub_worker *home = CONTAINER_OF(sweep, struct hub_worker, sweep);
    if (clock_was_set(sweep))
        begin_sweep(home);
    if (sweep->left == 0)
        return;
    for (size_t i = 0; i < SWEEP_AT_ONCE && sweep->left; i++) {
        struct list *node = list_shift(&home->streams);
        if (node == NULL) {
            sweep->left = 0;
            break;
        }
        struct stream *s = CONTAINER_OF(node, struct stream, node);
        list_append(&home->streams, node);
        sweep->left--;
        if (is_kept(s, home->rules)) {
            stream_retime(s);
        } else if (s->state != STREAM_ENDING) {
            sweep->ended++;
            stream_end(s);
        }
    }
    if (sweep->left) {
        worker_again(home->worker);
    } else if (sweep->ended) {
        log_line(LOG_INFO, "streams_not_kept", "worker=%u count=%zu", worker_number(home->worker),
                 sweep->ended);
        sweep->ended = 0;
    }
}
