#ifndef LOOP_TIMER_H
#define LOOP_TIMER_H

/* Timers of a worker, coarse (100 ms, never early): a wheel of lists, so arming and disarming
 * cost a few stores and a connection's timer 40 bytes. A timer that only ever moves later should
 * be left alone and look at its own deadline when it fires. */

#include "base/list.h"

#include <stdbool.h>
#include <stdint.h>

enum {
    TIMER_TICK_MS = 100,
    TIMER_SLOTS = 1024
};

struct timer {
    struct list node;
    uint64_t due_ms; /* 0: not armed */
    void (*fire)(struct timer *);
};

struct timer_wheel {
    struct list slots[TIMER_SLOTS];
    uint64_t tick; /* the last one worked off */
    uint64_t now_ms;
};

void timer_wheel_init(struct timer_wheel *, uint64_t now_ms);
void timer_wheel_advance(struct timer_wheel *, uint64_t now_ms); /* fires what is due */

void timer_init(struct timer *, void (*fire)(struct timer *));
void timer_arm(struct timer_wheel *, struct timer *, uint64_t after_ms); /* again: moves it */
void timer_disarm(struct timer *);

#endif
