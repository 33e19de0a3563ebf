#ifndef BASE_STATE_H
#define BASE_STATE_H

/* State machines that do what they say. A machine is a table: from which states each of its states
 * may be entered. Its object begins zeroed, in the first of them, which nothing enters again unless
 * the table says so; state_move() alone writes the state, and tells it where the log wants
 * LOG_DEBUG:
 *
 *     event=stream_state conn=7 from=LOOKING to=CATCHING_UP
 */

#include <stdint.h>

struct machine {
    const char *event;        /* of its log lines */
    const char *const *names; /* of the states */
    const uint32_t *from;     /* the states that each is entered from, as STATE_BIT()s */
};
#define STATE_BIT(state) (UINT32_C(1) << (state))

/* `state` is the object's member, of the machine's enum; `conn` is for the line. A move that the
 * table does not have is a mistake of ours and ends the process: what a peer sends is judged
 * before. */
void state_move(const struct machine *, unsigned *state, unsigned to, uint64_t conn);

#endif
