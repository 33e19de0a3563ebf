/* fastcgi_state - which state of a request follows which. */

#include "gateway/fastcgi/fastcgi_state.h"

const struct machine fastcgi_machine = {
    .event = "fastcgi_state",
    .names =
        (const char *const[]){
#define X(name) #name,
            FASTCGI_STATES(X)
#undef X
        },
    .from =
        (const uint32_t[]){
            [STATE_PARAMS] = STATE_BIT(STATE_NEW),
            [STATE_BODY] = STATE_BIT(STATE_PARAMS) | STATE_BIT(STATE_WAITING),
            [STATE_WAITING] =
                STATE_BIT(STATE_PARAMS) | STATE_BIT(STATE_BODY) | STATE_BIT(STATE_WAITING),
            [STATE_SENDING] =
                STATE_BIT(STATE_PARAMS) | STATE_BIT(STATE_BODY) | STATE_BIT(STATE_WAITING),
            [STATE_REPLYING] = STATE_BIT(STATE_PARAMS) | STATE_BIT(STATE_BODY) |
                               STATE_BIT(STATE_WAITING) | STATE_BIT(STATE_SENDING),
            [STATE_STREAMING] = STATE_BIT(STATE_PARAMS) | STATE_BIT(STATE_WAITING),
            [STATE_ENDING] = STATE_BIT(STATE_PARAMS) | STATE_BIT(STATE_BODY) |
                             STATE_BIT(STATE_WAITING) | STATE_BIT(STATE_SENDING) |
                             STATE_BIT(STATE_STREAMING),
        },
};
