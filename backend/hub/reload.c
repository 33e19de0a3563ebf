/* reload - what changes while streams go on.
 *
 * A worker swaps its rules between two turns, so no request ever sees half of them. Then its
 * streams are judged again (hub/sweep.h).
 *
 *     letter    made by the sender, one a worker; freed by the worker that read it */

#include "hub/reload.h"

#include "base/alloc.h"
#include "hub/access.h"
#include "hub/departures.h"
#include "hub/sweep.h"

#include <stdlib.h>

struct letter {
    struct message message;
    struct rules *rules;       /* owns a reference; NULL: no new ones */
    struct key_source *source; /* owns a reference; NULL: no news of keys */
    uint64_t attempt;
    bool changed;
};

static void
receive(struct worker *worker, struct message *m)
{
    struct letter *l = CONTAINER_OF(m, struct letter, message);
    struct hub_worker *home = hub_worker_of(worker);
    if (l->rules) {
        rules_unref(&home->rules);
        home->rules = l->rules;
        hub_set_limits(home);
        if (home->departures)
            departures_retime(home->departures);
    }
    if (l->rules || l->changed)
        sweep_begin(home->sweep);
    if (l->source)
        access_wake(home, l->source, l->attempt, l->changed);
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
