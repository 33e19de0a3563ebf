/* fetch_job - when a key set is to be read again, and whether what was read counts.
 *
 * A set that does not come is asked for again after a second, two, four ... a minute; one that was
 * there before stays in force meanwhile, until jwks_max_age has passed since it last came. What an
 * issuer says in a set counts, also that it has no keys; an error, 404 and 410 included, says
 * nothing about keys.
 *
 * A reload reads files too, so two readings of a file may come in another order than they were
 * begun: each has a number, and what was read earlier never takes the place of what was read later.
 *
 * It refuses to know who reads, and from where. */

#include "auth/fetch_job.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

enum {
    RETRY_MIN_MS = 1000,
    RETRY_MAX_MS = 60000,
};

static uint64_t
least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

void
fetch_job_add(struct list *jobs, struct key_source *source, const struct fetch_times *times,
              uint64_t now)
{
    struct fetch_job *j = xalloc(sizeof *j);
    uint64_t version;
    struct key_set *set = key_source_current(source, &version);
    key_set_unref(&set);
    j->source = key_source_ref(source);
    j->renewed_ms = version ? clock_boot_ms() : 0;
    j->due_ms = now + (version ? times->refresh_ms : 0);
    list_append(jobs, &j->node);
}

void
fetch_job_free(struct fetch_job *j)
{
    list_unlink(&j->node);
    key_source_unref(&j->source);
    key_set_unref(&j->pending);
    free(j);
}

/* --- one of them ------------------------------------------------------------------------------ */

struct fetch_job *
fetch_job_of(const struct list *jobs, const struct key_source *source)
{
    LIST_EACH(node, after, jobs)
    {
        struct fetch_job *j = CONTAINER_OF(node, struct fetch_job, node);
        if (j->source == source)
            return j;
    }
    return NULL;
}

struct fetch_job *
fetch_job_of_url(const struct list *jobs, const char *url)
{
    LIST_EACH(node, after, jobs)
    {
        struct fetch_job *j = CONTAINER_OF(node, struct fetch_job, node);
        if (strcmp(key_source_url(j->source), url) == 0)
            return j;
    }
    return NULL;
}

static uint64_t
time_left(const struct fetch_job *j, const struct fetch_times *times)
{
    if (times->max_age_ms == 0 || j->renewed_ms == 0)
        return UINT64_MAX;
    uint64_t age = clock_boot_ms() - j->renewed_ms;
    return age < times->max_age_ms ? times->max_age_ms - age : 0;
}

uint64_t
fetch_job_time_left(const struct list *jobs, const struct fetch_times *times)
{
    uint64_t left = UINT64_MAX;
    LIST_EACH(node, after, jobs)
    {
        left = least(left, time_left(CONTAINER_OF(node, struct fetch_job, node), times));
    }
    return left;
}

struct fetch_job *
fetch_job_too_old(const struct list *jobs, const struct fetch_times *times)
{
    LIST_EACH(node, after, jobs)
    {
        struct fetch_job *j = CONTAINER_OF(node, struct fetch_job, node);
        if (time_left(j, times) == 0)
            return j;
    }
    return NULL;
}

struct fetch_job *
fetch_job_most_urgent(const struct list *jobs)
{
    struct fetch_job *first = NULL;
    LIST_EACH(node, after, jobs)
    {
        struct fetch_job *j = CONTAINER_OF(node, struct fetch_job, node);
        if (!j->running && (first == NULL || j->due_ms < first->due_ms))
            first = j;
    }
    return first;
}

/* --- its life --------------------------------------------------------------------------------- */

uint64_t
fetch_job_begin(struct fetch_job *j)
{
    j->running = true;
    return ++j->attempts;
}

/* Takes the set. */
static void
put_in_force(struct fetch_job *j, struct key_set *set, uint64_t reading)
{
    j->renewed_ms = clock_boot_ms();
    if (reading < j->reading) {
        key_set_unref(&set);
        return;
    }
    j->reading = reading;
    key_source_replace(j->source, set);
}

static uint64_t
wait_until_next(const struct fetch_job *j, const struct fetch_times *times)
{
    uint64_t wait = RETRY_MIN_MS;
    if (j->failures == 0)
        return times->refresh_ms;
    for (unsigned i = 1; i < j->failures && wait < RETRY_MAX_MS; i++)
        wait *= 2;
    return least(least(wait, RETRY_MAX_MS), times->refresh_ms);
}

void
fetch_job_settle(struct fetch_job *j, struct key_set *set, uint64_t reading,
                 const struct fetch_times *times, uint64_t now)
{
    j->failures = set ? 0 : j->failures + 1;
    if (set)
        put_in_force(j, set, reading);
    j->running = false;
    j->due_ms = now + (j->again ? 0 : wait_until_next(j, times));
    j->again = false;
}

void
fetch_job_hold(struct fetch_job *j, struct key_set *set, uint64_t reading)
{
    key_set_unref(&j->pending);
    j->pending = set;
    j->pending_reading = reading;
}

void
fetch_job_go_on(struct fetch_job *j, const struct fetch_times *times, uint64_t now)
{
    if (j->pending)
        put_in_force(j, j->pending, j->pending_reading);
    j->pending = NULL;
    j->due_ms = least(j->due_ms, now + times->refresh_ms);
}

void
fetch_job_let_go(struct fetch_job *j)
{
    struct key_set *none = key_set_new();
    none->is_too_old = true;
    j->renewed_ms = 0;
    key_source_replace(j->source, none);
}

bool
fetch_job_hurry(struct fetch_job *j, const struct fetch_times *times, uint64_t now)
{
    if (j->asked_ms && now - j->asked_ms < times->cooldown_ms)
        return false;
    j->asked_ms = now;
    j->again = j->running;
    if (!j->running)
        j->due_ms = now;
    return true;
}

bool
fetch_job_comes(const struct fetch_job *j, uint64_t now, uint64_t *ret_attempt)
{
    if (!j->running && j->due_ms > now)
        return false;
    *ret_attempt = j->attempts + (!j->running || j->again);
    return true;
}
