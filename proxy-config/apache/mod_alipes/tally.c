/* tally - counters of each child, in memory that all share.
 *
 * A child takes a place as it starts, and whoever sums passes over the places of processes that
 * are gone, so a child that was killed leaves no streams behind. One that leaves adds its sums to
 * those of the past. The mapping is made once and
 * outlives `graceful`: children of the last generation are still seen. */

#include "mod_alipes/tally.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    PLACES = 1024, /* children at a time, those that end included */
};

struct child {
    _Atomic pid_t pid; /* 0: free */
    atomic_int_fast64_t counts[TALLY_COUNT];
};

struct shared {
    atomic_bool is_stopped;
    struct child past; /* sums of children that left */
    struct child children[PLACES];
};

static struct shared *shared; /* set in the parent; NULL again when the module is loaded anew */
static struct child nowhere;  /* where all places are taken */
static struct child *mine = &nowhere;

static const char *const labels[] = {
#define X(name, label, is_sum, help) label,
    TALLIES(X)
#undef X
};
static const bool sums[] = {
#define X(name, label, is_sum, help) is_sum,
    TALLIES(X)
#undef X
};
static const char *const helps[] = {
#define X(name, label, is_sum, help) help,
    TALLIES(X)
#undef X
};

bool
tally_open(void **kept)
{
    if (*kept == NULL) {
        void *p =
            mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        *kept = p == MAP_FAILED ? NULL : p;
    }
    shared = *kept;
    if (shared)
        atomic_store(&shared->is_stopped, false);
    return shared != NULL;
}

size_t
tally_size(void)
{
    return sizeof *shared;
}

static bool
is_alive(pid_t pid)
{
    return pid && (kill(pid, 0) == 0 || errno == EPERM);
}

void
tally_enter(void)
{
    for (int i = 0; i < PLACES; i++) {
        struct child *place = &shared->children[i];
        pid_t last = atomic_load(&place->pid);
        if (is_alive(last) || !atomic_compare_exchange_strong(&place->pid, &last, getpid()))
            continue;
        mine = place;
        for (int k = 0; k < TALLY_COUNT; k++)
            atomic_store(&mine->counts[k], 0);
        return;
    }
}

void
tally_leave(void)
{
    for (int k = 0; k < TALLY_COUNT; k++)
        if (sums[k])
            atomic_fetch_add(&shared->past.counts[k], atomic_load(&mine->counts[k]));
    atomic_store(&mine->pid, 0);
    mine = &nowhere;
}

void
tally_add(enum tally t, int64_t count)
{
    atomic_fetch_add_explicit(&mine->counts[t], count, memory_order_relaxed);
}

int64_t
tally_mine(enum tally t)
{
    return atomic_load_explicit(&mine->counts[t], memory_order_relaxed);
}

int64_t
tally_sum(enum tally t)
{
    int64_t sum = shared ? atomic_load(&shared->past.counts[t]) : 0;
    for (int i = 0; shared && i < PLACES; i++)
        if (is_alive(atomic_load(&shared->children[i].pid)))
            sum += atomic_load_explicit(&shared->children[i].counts[t], memory_order_relaxed);
    return sum;
}

void
tally_stop(void)
{
    atomic_store(&shared->is_stopped, true);
}

bool
tally_is_stopped(void)
{
    return atomic_load(&shared->is_stopped);
}

const char *
tally_label(enum tally t)
{
    return labels[t];
}

const char *
tally_help(enum tally t)
{
    return helps[t];
}
