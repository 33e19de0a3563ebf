/* state - the one place where the state of anything changes. */

#include "base/state.h"

#include "base/alloc.h"
#include "base/log.h"

void
state_move(const struct machine *m, unsigned *state, unsigned to, uint64_t conn)
{
    ENSURE(m->from[to] & STATE_BIT(*state));
    if (log_wants(LOG_DEBUG))
        log_line(LOG_DEBUG, m->event, "conn=%llu from=%s to=%s", (unsigned long long)conn,
                 m->names[*state], m->names[to]);
    *state = to;
}
