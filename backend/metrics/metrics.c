/* metrics - counters without sharing: each thread adds to its own set with relaxed stores. */

#include "metrics/metrics.h"

#include "base/alloc.h"
#include "base/log.h"

#include <stdatomic.h>

enum {
    MAX_THREADS = 1100
};

struct counters {
    _Atomic uint64_t value[METRIC_COUNT];
};

static struct counters *sets[MAX_THREADS];
static atomic_uint set_count;
static _Thread_local struct counters *mine;

static const char *const names[] = {
#define COUNTER(name, help) #name,
#define BOUND(name, help)   #name,
#include "metrics/metrics.def"
#undef COUNTER
#undef BOUND
};

static const char *const bound_help[] = {
#define COUNTER(name, help) 0,
#define BOUND(name, help)   help,
#include "metrics/metrics.def"
#undef COUNTER
#undef BOUND
};

void
metrics_enter(void)
{
    mine = xalloc(sizeof *mine);
    unsigned at = atomic_fetch_add(&set_count, 1);
    ENSURE(at < MAX_THREADS);
    __atomic_store_n(&sets[at], mine, __ATOMIC_RELEASE);
}

void
metrics_add(enum metric m, uint64_t by)
{
    if (mine == NULL)
        metrics_enter();
    uint64_t now = atomic_load_explicit(&mine->value[m], memory_order_relaxed);
    atomic_store_explicit(&mine->value[m], now + by, memory_order_relaxed);
}

void
metrics_count(enum metric m)
{
    metrics_add(m, 1);
}

void
metrics_bound_met(enum metric m, uint64_t connection)
{
    static struct log_limit limits[METRIC_COUNT];
    uint64_t more;
    metrics_count(m);
    if (log_allowed(&limits[m], &more))
        log_line(LOG_WARN, "bound_met", "bound=%s conn=%llu effect=\"%s\" suppressed=%llu",
                 names[m], (unsigned long long)connection, bound_help[m] ? bound_help[m] : "",
                 (unsigned long long)more);
}

uint64_t
metrics_sum(enum metric m)
{
    uint64_t sum = 0;
    unsigned count = atomic_load(&set_count);
    for (unsigned i = 0; i < count && i < MAX_THREADS; i++) {
        struct counters *set = __atomic_load_n(&sets[i], __ATOMIC_ACQUIRE);
        if (set)
            sum += atomic_load_explicit(&set->value[m], memory_order_relaxed);
    }
    return sum;
}

const char *
metrics_name(enum metric m)
{
    return names[m];
}
