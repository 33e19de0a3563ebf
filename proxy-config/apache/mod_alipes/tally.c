/* tally - counters of each child, in memory that all share.
 *
 * A child takes a place as it starts, and whoever sums passes over the places of processes that
 * are gone, so a child that was killed leaves no streams behind. The mapping is made once and
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

static struct child
    *children; /* shared; set in the parent, NULL again when the module is loaded anew */
static struct child nowhere; /* where all places are taken */
static struct child *mine = &nowhere;

static const char *const labels[] = {
#define X(name, label, help) label,
    TALLIES(X)
#undef X
};
static const char *const helps[] = {
#define X(name, label, help) help,
    TALLIES(X)
#undef X
};

bool
tally_open(void **kept)
{
    if (*kept == NULL) {
        void *p = mmap(NULL, PLACES * sizeof *children, PROT_READ | PROT_WRITE,
                       MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        *kept = p == MAP_FAILED ? NULL : p;
    }
    children = *kept;
    return children != NULL;
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
        pid_t last = atomic_load(&children[i].pid);
        if (is_alive(last) || !atomic_compare_exchange_strong(&children[i].pid, &last, getpid()))
            continue;
        mine = &children[i];
        for (int k = 0; k < TALLY_COUNT; k++)
            atomic_store(&mine->counts[k], 0);
        return;
    }
}

void
tally_leave(void)
{
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
    int64_t sum = 0;
    for (int i = 0; children && i < PLACES; i++)
        if (is_alive(atomic_load(&children[i].pid)))
            sum += atomic_load_explicit(&children[i].counts[t], memory_order_relaxed);
    return sum;
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
