#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

/* Counters, gauges and histograms: one set a thread, written by that thread alone, summed by
 * whoever asks. Nothing here waits, and a sum takes as long whatever was counted. A thread has its
 * set once it counts (at most 1,100 threads), and the counters live on after it. */

#include "base/buf.h"

#include <stdbool.h>
#include <stdint.h>

enum metric {
#define COUNTER(name, help)   METRIC_##name,
#define GAUGE(name, help)     METRIC_##name,
#define BOUND(name, help)     METRIC_##name,
#define HISTOGRAM(name, help) METRIC_##name,
#include "metrics/metrics.def"
#undef COUNTER
#undef GAUGE
#undef BOUND
#undef HISTOGRAM
    METRIC_COUNT,
};

void metrics_add(enum metric, uint64_t);
void metrics_count(enum metric);
void metrics_sub(enum metric, uint64_t); /* a gauge */
/* A request was refused. `reason` is a word of ours (it becomes a label), and static; of the first
 * 128 pairs each has its own count, further ones share `other`. */
void metrics_refused(unsigned status, const char *reason);
/* The same of other families that have one word. */
enum metrics_family {
    METRICS_REDIS_AWAY,
    METRICS_REDIS_REFUSED,
    METRICS_FAMILIES,
};
void metrics_said(enum metrics_family, const char *word);
/* metrics_count(), and a rate-limited line that names the directive. */
void metrics_bound_met(enum metric, uint64_t connection);
/* A histogram: so many nanoseconds were taken. */
void metrics_took(enum metric, uint64_t ns);

uint64_t metrics_sum(enum metric); /* of a histogram: how many were observed */
const char *metrics_name(enum metric);
/* All of it as OpenMetrics 1.0 text, without the `# EOF` that ends a page. */
void metrics_write(struct buf *);
/* A family of one sample. `type` is one of OpenMetrics'; a counter's name has no _total here. */
void metrics_write_one(struct buf *, const char *name, const char *type, const char *unit,
                       const char *help, double value);
/* What is not 0, as NAME=VALUE in one line of the log, event=counted (more where it is long). */
void metrics_log(void);

#endif
