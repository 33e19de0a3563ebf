#ifndef LOOP_WORKER_H
#define LOOP_WORKER_H

/* A worker: one thread, one loop, and all that lives on it. Nothing here knows a protocol.
 * Only loop/ includes <ev.h>. */

#include "base/ids.h"
#include "base/list.h"
#include "base/slice.h"
#include "loop/timer.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct ev_loop;
struct worker;

/* Something posted to a worker; embedded in what it carries. The receiver owns it from then. */
struct message {
    struct list node;
    void (*receive)(struct worker *, struct message *);
};

/* Something that dies, or goes on, at the end of the turn, never inside a callback. */
struct closing {
    struct list node;
    void (*free)(struct closing *);
};

/* Called at the end of each turn, at least once after everything else that happened in it. */
struct turn_hook {
    struct list node;
    void (*run)(struct turn_hook *);
};

enum {
    WORKER_READ_SIZE = 16384 /* what one peer may hand over before the others are heard */
};

struct worker *worker_new(unsigned number); /* caller owns; not yet running */
void worker_start(struct worker *);         /* begins the thread */
void worker_join(struct worker *); /* after worker_stop(); its last mail is received here */
void worker_free(struct worker **);

/* Any thread. Messages of one sender arrive in order. */
void worker_post(struct worker *, struct message *);
/* One lock, one wake; none where it can wait and the worker is drowsy. */
void worker_post_list(struct worker *, struct list *messages, bool can_wait);
void worker_stop(struct worker *); /* the loop ends after this turn */

/* The worker's own thread from here. */
void worker_close_later(struct worker *, struct closing *); /* twice is a mistake */
/* When the turn is over: behind its last round, before the loop sleeps. Twice is a mistake. */
void worker_end_turn_with(struct worker *, struct closing *);
void worker_add_hook(struct worker *, struct turn_hook *);
/* Nobody here is in a hurry for mail that can wait: it is taken with the next turn, a tick later
 * at most. */
void worker_set_drowsy(struct worker *, bool);
/* Makes another turn follow at once, without waiting for a descriptor. */
void worker_again(struct worker *);
/* Is this another turn than *turn (0: none yet)? It is in *turn from then. Hooks run more than once
 * a turn, what they may spend is the turn's. */
bool worker_is_new_turn(const struct worker *, uint64_t *turn);
uint64_t worker_now_ms(struct worker *); /* monotonic, as of this turn */
struct timer_wheel *worker_timers(struct worker *);
struct id_source *worker_ids(struct worker *);
struct ev_loop *worker_loop(struct worker *);
unsigned worker_number(const struct worker *);
char *worker_read_buffer(struct worker *); /* WORKER_READ_SIZE bytes, valid for this callback */
void *worker_local(struct worker *);       /* the hub's, set before the start */
void worker_set_local(struct worker *, void *);

#endif
