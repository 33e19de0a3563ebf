#ifndef HUB_PATTERN_BAN_H
#define HUB_PATTERN_BAN_H

/* Patterns that took too long and are refused for a while, whoever asks for them. Any thread. */

#include "hub/index.h"

struct pattern_ban;

enum {
    PATTERN_BAN_MS = 10 * 60 * 1000
};

struct pattern_ban *pattern_ban_new(void); /* caller owns */
void pattern_ban_free(struct pattern_ban **);
void pattern_ban_add(struct pattern_ban *, const struct selector *, uint64_t now_ms);
bool pattern_ban_has(struct pattern_ban *, const struct selector *, uint64_t now_ms);

#endif
