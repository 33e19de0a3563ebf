#ifndef MOD_ALIPES_LINGER_H
#define MOD_ALIPES_LINGER_H

/* What a child does with its streams once Apache has no more use for it. */

#include <stdbool.h>
#include <stdint.h>

/* As it begins to end; `drain_ms`: over how long its streams end where they must. */
void linger_begin(bool graceful, uint64_t drain_ms);
/* Its workers are gone: returns when its streams may end, or are gone. */
void linger_wait(void);

#endif
