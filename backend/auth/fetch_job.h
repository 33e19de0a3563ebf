#ifndef AUTH_FETCH_JOB_H
#define AUTH_FETCH_JOB_H

/* A key set that is watched, and the list of all that are: when each is to be read, and how long
 * what it said counts. Under its fetcher's lock. Times are milliseconds: `now` and `due_ms` of
 * clock_mono_ms(), ages of clock_boot_ms(), which goes on while the machine sleeps. */

#include "auth/key_set.h"
#include "base/list.h"

struct fetch_times {
    uint64_t refresh_ms, cooldown_ms;
    uint64_t max_age_ms; /* 0: a set is never too old */
};

struct fetch_job {
    struct list node;
    struct key_source *source; /* owns a reference */
    struct key_set *pending;   /* owns; of a file, read for a configuration not yet in force */
    uint64_t pending_reading;
    uint64_t reading;    /* the number of the one that is in force */
    uint64_t renewed_ms; /* clock_boot_ms(); 0: it has no set, or one that no longer counts */
    uint64_t due_ms;
    uint64_t asked_ms; /* when a token last made it due; 0: never */
    uint64_t attempts; /* begun */
    unsigned failures; /* one after another */
    bool running;
    bool again; /* asked for while running: what is under way may be older than the key */
};

/* The list owns it. It is due now, or in a while where its source has a set already. */
void fetch_job_add(struct list *jobs, struct key_source *, const struct fetch_times *,
                   uint64_t now);
void fetch_job_free(struct fetch_job *);

/* NULL: there is none. */
struct fetch_job *fetch_job_of(const struct list *jobs, const struct key_source *);
struct fetch_job *fetch_job_of_url(const struct list *jobs, const char *url);
struct fetch_job *fetch_job_too_old(const struct list *jobs, const struct fetch_times *);
struct fetch_job *fetch_job_most_urgent(const struct list *jobs); /* that is not running */
/* Until the next of them is too old; UINT64_MAX: none will be. */
uint64_t fetch_job_time_left(const struct list *jobs, const struct fetch_times *);

/* An attempt begins: its number, from 1. */
uint64_t fetch_job_begin(struct fetch_job *);
/* It is back. `set` is taken; NULL: it did not come. `reading`: its number among all readings. */
void fetch_job_settle(struct fetch_job *, struct key_set *set, uint64_t reading,
                      const struct fetch_times *, uint64_t now);
/* Takes a set that waits for its configuration, in the place of another that does. */
void fetch_job_hold(struct fetch_job *, struct key_set *set, uint64_t reading);
/* The configuration is in force: so is what was held. */
void fetch_job_go_on(struct fetch_job *, const struct fetch_times *, uint64_t now);
void fetch_job_let_go(struct fetch_job *); /* what it said is too old, and counts no more */

/* A token asks for it: it is due now. False: one did so less than a cooldown ago. */
bool fetch_job_hurry(struct fetch_job *, const struct fetch_times *, uint64_t now);
/* Will an attempt that begins now or later, or is under way, tell what was asked for? Its number
 * then; else *ret_attempt is untouched. */
bool fetch_job_comes(const struct fetch_job *, uint64_t now, uint64_t *ret_attempt);

#endif
