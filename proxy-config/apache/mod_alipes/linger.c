/* linger - a child that is ended for want of work keeps its streams.
 *
 * To the MPM it is idle, for its streams are nobody's connections: MaxSpareThreads ends it after a
 * burst of requests, and MaxConnectionsPerChild after so many, just as it would with others. Then
 * nothing has changed for its streams, so it stays, as a process does that still has requests to
 * answer: until these are gone by themselves; or another generation serves (`graceful`), nobody
 * accepts any more (a graceful stop), or so few places for processes are left that Apache may want
 * this one. A stop that is not graceful is told to the others alone: they pass it on, through the
 * memory that all share. */

#include "mod_alipes/linger.h"

#include "mod_alipes/poller.h"
#include "mod_alipes/tally.h"

#include <time.h>

#include "httpd.h"

#include "ap_mpm.h"
#include "scoreboard.h"

enum {
    STOP_MS = 500, /* for the ends of all streams where the server stops at once */
    LOOK_MS = 100,
    UNSURE_LOOKS = 20, /* a new child may be on its way */
};

static uint64_t drain_ms;
static bool is_draining;

static void
drain(uint64_t within_ms)
{
    is_draining = true;
    pollers_drain(within_ms);
}

static bool
is_of_last_generation(void)
{
    int mine = 0;
    return ap_mpm_query(AP_MPMQ_GENERATION, &mine) == APR_SUCCESS &&
           ap_scoreboard_image->global->running_generation != mine;
}

struct processes {
    int accepting, used, places;
};

static struct processes
count_processes(void)
{
    struct processes found = {.places = ap_scoreboard_image->global->server_limit};
    for (int i = 0; i < found.places; i++) {
        const process_score *p = &ap_scoreboard_image->parent[i];
        found.used += p->pid != 0;
        found.accepting += p->pid != 0 && !p->quiescing;
    }
    return found;
}

void
linger_begin(bool graceful, uint64_t over_ms)
{
    drain_ms = over_ms;
    if (!graceful) {
        tally_stop();
        drain(STOP_MS);
    } else if (is_of_last_generation()) {
        drain(over_ms);
    }
}

/* A quarter of the places stays free, for children that Apache wants to start. */
static bool
is_in_the_way(const struct processes *p)
{
    return p->used > p->places - (p->places + 3) / 4;
}

void
linger_wait(void)
{
    const struct timespec look = {.tv_nsec = LOOK_MS * 1000000L};
    int unsure = 0;
    while (!is_draining && tally_mine(TALLY_STREAMS) > 0) {
        struct processes p = count_processes();
        unsure = p.accepting ? 0 : unsure + 1;
        if (tally_is_stopped())
            drain(STOP_MS);
        else if (is_of_last_generation() || is_in_the_way(&p) || unsure > UNSURE_LOOKS)
            drain(drain_ms);
        else
            nanosleep(&look, NULL);
    }
    if (!is_draining)
        drain(STOP_MS); /* what is on its way */
}
