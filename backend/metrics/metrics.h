#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

/* Counters: one set a thread, written by that thread alone, summed by whoever asks. */

#include <stdint.h>

enum metric {
#define COUNTER(name, help) METRIC_##name,
#define BOUND(name, help)   METRIC_##name,
#include "metrics/metrics.def"
#undef COUNTER
#undef BOUND
    METRIC_COUNT,
};

/* Registers this thread (once, at most 1,100 of them); the counters live on after it. */
void metrics_enter(void);
void metrics_add(enum metric, uint64_t);
void metrics_count(enum metric);
/* metrics_count(), and a rate-limited line that names the directive. */
void metrics_bound_met(enum metric, uint64_t connection);
uint64_t metrics_sum(enum metric);
const char *metrics_name(enum metric);

#endif
