/* timer - a wheel of 1,024 lists, one a tick of 100 ms.
 *
 * A timer hangs in the slot of its due tick modulo the wheel's size; one that is due in a later
 * round is found early, looks at its own deadline, and stays. Firing takes a timer out first, so
 * it may arm itself again. */

#include "loop/timer.h"

#include "base/alloc.h"

void
timer_wheel_init(struct timer_wheel *w, uint64_t now_ms)
{
    for (size_t i = 0; i < TIMER_SLOTS; i++)
        list_init(&w->slots[i]);
    w->now_ms = now_ms;
    w->tick = now_ms / TIMER_TICK_MS;
}

static void
fire_slot(struct timer_wheel *w, uint64_t tick)
{
    struct list due;
    list_init(&due);
    list_splice(&due, &w->slots[tick % TIMER_SLOTS]);
    struct list *node;
    while ((node = list_shift(&due)) != NULL) {
        struct timer *t = CONTAINER_OF(node, struct timer, node);
        if (t->due_ms > w->now_ms) {
            list_append(&w->slots[t->due_ms / TIMER_TICK_MS % TIMER_SLOTS], node);
            continue;
        }
        t->due_ms = 0;
        t->fire(t);
    }
}

void
timer_wheel_advance(struct timer_wheel *w, uint64_t now_ms)
{
    w->now_ms = now_ms;
    uint64_t last = now_ms / TIMER_TICK_MS; /* this tick is not over: its slot waits */
    if (last > w->tick + TIMER_SLOTS)
        w->tick = last - TIMER_SLOTS; /* the process slept: each slot once is enough */
    while (w->tick < last)
        fire_slot(w, w->tick++);
}

void
timer_init(struct timer *t, void (*fire)(struct timer *))
{
    list_init(&t->node);
    t->due_ms = 0;
    t->fire = fire;
}

void
timer_arm(struct timer_wheel *w, struct timer *t, uint64_t after_ms)
{
    list_unlink(&t->node);
    t->due_ms = w->now_ms + (after_ms ? after_ms : 1);
    uint64_t tick = t->due_ms / TIMER_TICK_MS;
    if (tick < w->tick)
        tick = w->tick;
    list_append(&w->slots[tick % TIMER_SLOTS], &t->node);
}

void
timer_disarm(struct timer *t)
{
    list_unlink(&t->node);
    t->due_ms = 0;
}
