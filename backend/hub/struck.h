#ifndef HUB_STRUCK_H
#define HUB_STRUCK_H

/* Patterns that took too long and are refused for a while, whoever asks for them. Any thread. */

#include "hub/index.h"

struct struck;

enum {
    STRUCK_MS = 10 * 60 * 1000
};

struct struck *struck_new(void); /* caller owns */
void struck_free(struct struck **);
void struck_add(struct struck *, const struct selector *, uint64_t now_ms);
bool struck_has(struct struck *, const struct selector *, uint64_t now_ms);

#endif
