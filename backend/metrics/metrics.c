/* metrics - counters without sharing: each thread adds to its own set with relaxed stores.
 *
 * The page for Prometheus is a sum over the threads, row by row of metrics.def. What one gets
 * wrong: a gauge's set may wrap below zero on one thread, since what one added another took away;
 * the sum over all is right, modulo 2^64, and that is what is shown. */

#include "metrics/metrics.h"

#include "base/alloc.h"
#include "base/log.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    MAX_THREADS = 1100,
    MAX_REFUSALS = 128,
    BUCKETS = 15,
};

enum kind {
    KIND_COUNTER,
    KIND_GAUGE,
    KIND_BOUND,
    KIND_HISTOGRAM,
};

struct row {
    enum kind kind;
    const char *name, *help;
};

static const struct row rows[] = {
#define COUNTER(name, help)   {KIND_COUNTER, #name, help},
#define GAUGE(name, help)     {KIND_GAUGE, #name, help},
#define BOUND(name, help)     {KIND_BOUND, #name, help},
#define HISTOGRAM(name, help) {KIND_HISTOGRAM, #name, help},
#include "metrics/metrics.def"
#undef COUNTER
#undef GAUGE
#undef BOUND
#undef HISTOGRAM
};

/* Places of the histograms alone, so that a set holds no buckets for the other rows. */
enum {
#define COUNTER(name, help)
#define GAUGE(name, help)
#define BOUND(name, help)
#define HISTOGRAM(name, help) PLACE_##name,
#include "metrics/metrics.def"
#undef HISTOGRAM
    HISTOGRAM_COUNT
};

static const unsigned char places[METRIC_COUNT] = {
#define HISTOGRAM(name, help) [METRIC_##name] = PLACE_##name,
#include "metrics/metrics.def"
#undef COUNTER
#undef GAUGE
#undef BOUND
#undef HISTOGRAM
};

/* Upper ends in nanoseconds, and as they are written. */
static const struct {
    uint64_t ns;
    const char *text;
} buckets[BUCKETS] = {
    {50000, "5e-05"},    {100000, "0.0001"},  {250000, "0.00025"},   {500000, "0.0005"},
    {1000000, "0.001"},  {2500000, "0.0025"}, {5000000, "0.005"},    {10000000, "0.01"},
    {25000000, "0.025"}, {50000000, "0.05"},  {100000000, "0.1"},    {250000000, "0.25"},
    {1000000000, "1.0"}, {2500000000, "2.5"}, {10000000000, "10.0"},
};

struct histogram {
    _Atomic uint64_t count[BUCKETS + 1], sum_ns;
};

struct counters {
    _Atomic uint64_t value[METRIC_COUNT];
    _Atomic uint64_t refused[MAX_REFUSALS + 1];
    struct histogram histograms[HISTOGRAM_COUNT];
};

/* Grows only. A row is written under the lock before the count says that it is there. */
static struct refusal {
    unsigned status; /* of HTTP, or an enum metrics_family */
    const char *reason;
} refusals[MAX_REFUSALS + 1];
static atomic_uint refusal_count;
static pthread_mutex_t refusal_lock = PTHREAD_MUTEX_INITIALIZER;

static struct counters *sets[MAX_THREADS];
static atomic_uint set_count;
static _Thread_local struct counters *mine;

/* Registers this thread; the counters live on after it. */
static void
enter(void)
{
    mine = xalloc(sizeof *mine);
    unsigned at = atomic_fetch_add(&set_count, 1);
    ENSURE(at < MAX_THREADS);
    __atomic_store_n(&sets[at], mine, __ATOMIC_RELEASE);
}

static struct counters *
my_set(void)
{
    if (mine == NULL)
        enter();
    return mine;
}

/* This thread alone writes there. */
static void
bump(_Atomic uint64_t *at, uint64_t by)
{
    uint64_t now = atomic_load_explicit(at, memory_order_relaxed);
    atomic_store_explicit(at, now + by, memory_order_relaxed);
}

void
metrics_add(enum metric m, uint64_t by)
{
    bump(&my_set()->value[m], by);
}

void
metrics_count(enum metric m)
{
    metrics_add(m, 1);
}

void
metrics_sub(enum metric m, uint64_t by)
{
    metrics_add(m, 0 - by);
}

void
metrics_took(enum metric m, uint64_t ns)
{
    struct histogram *h = &my_set()->histograms[places[m]];
    unsigned i = 0;
    while (i < BUCKETS && ns > buckets[i].ns)
        i++;
    bump(&h->count[i], 1);
    bump(&h->sum_ns, ns);
}

static const struct {
    const char *name, *label, *help;
} families[METRICS_FAMILIES] = {
    [METRICS_REDIS_AWAY] = {"redis_away", "reason", "times that Redis could not be used, and why"},
    [METRICS_REDIS_REFUSED] = {"redis_refused", "error", "calls that Redis refused, and why"},
};

static unsigned
find_refusal(unsigned from, unsigned count, unsigned status, const char *reason)
{
    while (from < count &&
           (refusals[from].status != status || strcmp(refusals[from].reason, reason) != 0))
        from++;
    return from;
}

void
metrics_refused(unsigned status, const char *reason)
{
    unsigned count = atomic_load_explicit(&refusal_count, memory_order_acquire);
    unsigned at = find_refusal(0, count, status, reason);
    if (at == count) {
        pthread_mutex_lock(&refusal_lock);
        count = atomic_load_explicit(&refusal_count, memory_order_relaxed);
        at = find_refusal(at, count, status, reason);
        if (at == count && count < MAX_REFUSALS) {
            refusals[at] = (struct refusal){status, reason};
            atomic_store_explicit(&refusal_count, count + 1, memory_order_release);
        }
        pthread_mutex_unlock(&refusal_lock);
    }
    bump(&my_set()->refused[at], 1);
}

void
metrics_bound_met(enum metric m, uint64_t connection)
{
    static struct log_limit limits[METRIC_COUNT];
    uint64_t more;
    metrics_count(m);
    if (log_allowed(&limits[m], &more))
        log_line(LOG_WARN, "bound_met", "bound=%s conn=%llu effect=\"%s\" suppressed=%llu",
                 rows[m].name, (unsigned long long)connection, rows[m].help,
                 (unsigned long long)more);
}

/* The sum over all threads of what stands at that offset of their sets. */
static uint64_t
sum_at(size_t offset)
{
    uint64_t sum = 0;
    unsigned count = atomic_load(&set_count);
    for (unsigned i = 0; i < count && i < MAX_THREADS; i++) {
        char *set = (char *)__atomic_load_n(&sets[i], __ATOMIC_ACQUIRE);
        if (set)
            sum += atomic_load_explicit((_Atomic uint64_t *)(void *)(set + offset),
                                        memory_order_relaxed);
    }
    return sum;
}

static uint64_t
sum_bucket(unsigned place, unsigned bucket)
{
    return sum_at(offsetof(struct counters, histograms) + place * sizeof(struct histogram) +
                  offsetof(struct histogram, count) + bucket * sizeof(uint64_t));
}

uint64_t
metrics_sum(enum metric m)
{
    if (rows[m].kind != KIND_HISTOGRAM)
        return sum_at(offsetof(struct counters, value) + m * sizeof(uint64_t));
    uint64_t sum = 0;
    for (unsigned b = 0; b <= BUCKETS; b++)
        sum += sum_bucket(places[m], b);
    return sum;
}

const char *
metrics_name(enum metric m)
{
    return rows[m].name;
}

static uint64_t
sum_refused(unsigned i)
{
    return sum_at(offsetof(struct counters, refused) + i * sizeof(uint64_t));
}

void
metrics_said(enum metrics_family family, const char *word)
{
    metrics_refused(family, word);
}

/* A line holds this much: log_line() would cut the rest. */
enum {
    COUNTED_MAX = 2500
};

static void
flush_counted(struct buf *line)
{
    if (line->len)
        log_line(LOG_INFO, "counted", SLICE_FMT, SLICE_ARG(buf_slice(line)));
    buf_clear(line);
}

static void
add_counted(struct buf *line, const char *name, uint64_t value)
{
    if (value == 0)
        return;
    if (line->len > COUNTED_MAX)
        flush_counted(line);
    buf_addf(line, "%s%s=%llu", line->len ? " " : "", name, (unsigned long long)value);
}

void
metrics_log(void)
{
    char name[80];
    struct buf line;
    buf_init(&line, COUNTED_MAX + 200);
    for (int m = 0; m < METRIC_COUNT; m++)
        add_counted(&line, rows[m].name, metrics_sum((enum metric)m));
    for (unsigned i = 0; i < atomic_load(&refusal_count); i++) {
        if (refusals[i].status < METRICS_FAMILIES)
            snprintf(name, sizeof name, "%s_%s", families[refusals[i].status].name,
                     refusals[i].reason);
        else
            snprintf(name, sizeof name, "refused_%u_%s", refusals[i].status, refusals[i].reason);
        add_counted(&line, name, sum_refused(i));
    }
    flush_counted(&line);
    buf_fini(&line);
}

/* --- the page --------------------------------------------------------------------------------- */

static void
write_family(struct buf *out, const char *name, const char *type, const char *unit,
             const char *help)
{
    buf_addf(out, "# TYPE %s %s\n", name, type);
    if (unit)
        buf_addf(out, "# UNIT %s %s\n", name, unit);
    buf_addf(out, "# HELP %s ", name);
    for (; *help; help++)
        if (*help == '\\' || *help == '"')
            buf_addf(out, "\\%c", *help);
        else
            buf_add(out, SLICE_OF(help, 1));
    buf_add(out, SLICE("\n"));
}

static void
write_histogram(struct buf *out, enum metric m)
{
    const struct row *row = &rows[m];
    char name[80];
    uint64_t sum = 0;
    snprintf(name, sizeof name, "alipes_%s_seconds", row->name);
    write_family(out, name, "histogram", "seconds", row->help);
    for (unsigned b = 0; b <= BUCKETS; b++) {
        sum += sum_bucket(places[m], b);
        buf_addf(out, "%s_bucket{le=\"%s\"} %llu\n", name, b < BUCKETS ? buckets[b].text : "+Inf",
                 (unsigned long long)sum);
    }
    uint64_t ns = sum_at(offsetof(struct counters, histograms) +
                         places[m] * sizeof(struct histogram) + offsetof(struct histogram, sum_ns));
    buf_addf(out, "%s_count %llu\n%s_sum %.9f\n", name, (unsigned long long)sum, name,
             (double)ns / 1e9);
}

static const char *
unit_of(const char *name)
{
    size_t len = strlen(name);
    return len > 6 && strcmp(name + len - 6, "_bytes") == 0 ? "bytes" : NULL;
}

static void
write_value(struct buf *out, const struct row *row, uint64_t value)
{
    char name[80];
    bool is_gauge = row->kind == KIND_GAUGE;
    snprintf(name, sizeof name, "alipes_%s", row->name);
    write_family(out, name, is_gauge ? "gauge" : "counter", unit_of(name), row->help);
    if (is_gauge && (int64_t)value < 0)
        value = 0; /* taken away on one thread, and not yet seen as added on another */
    buf_addf(out, "%s%s %llu\n", name, is_gauge ? "" : "_total", (unsigned long long)value);
}

static void
write_bounds(struct buf *out)
{
    write_family(out, "alipes_bounds_met", "counter", NULL,
                 "times that the bound of this directive was met");
    for (int m = 0; m < METRIC_COUNT; m++)
        if (rows[m].kind == KIND_BOUND)
            buf_addf(out, "alipes_bounds_met_total{bound=\"%s\"} %llu\n", rows[m].name,
                     (unsigned long long)metrics_sum((enum metric)m));
}

static void
write_refusals(struct buf *out)
{
    write_family(out, "alipes_refused", "counter", NULL, "requests refused, and why");
    unsigned count = atomic_load_explicit(&refusal_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++)
        if (refusals[i].status >= METRICS_FAMILIES)
            buf_addf(out, "alipes_refused_total{status=\"%u\",reason=\"%s\"} %llu\n",
                     refusals[i].status, refusals[i].reason, (unsigned long long)sum_refused(i));
    uint64_t other = sum_refused(MAX_REFUSALS);
    if (other)
        buf_addf(out, "alipes_refused_total{status=\"\",reason=\"other\"} %llu\n",
                 (unsigned long long)other);
}

static void
write_words(struct buf *out, unsigned family)
{
    char name[80];
    snprintf(name, sizeof name, "alipes_%s", families[family].name);
    write_family(out, name, "counter", NULL, families[family].help);
    unsigned count = atomic_load_explicit(&refusal_count, memory_order_acquire);
    for (unsigned i = 0; i < count; i++)
        if (refusals[i].status == family)
            buf_addf(out, "%s_total{%s=\"%s\"} %llu\n", name, families[family].label,
                     refusals[i].reason, (unsigned long long)sum_refused(i));
}

void
metrics_write(struct buf *out)
{
    for (int m = 0; m < METRIC_COUNT; m++) {
        if (rows[m].kind == KIND_HISTOGRAM)
            write_histogram(out, (enum metric)m);
        else if (rows[m].kind != KIND_BOUND)
            write_value(out, &rows[m], metrics_sum((enum metric)m));
    }
    write_refusals(out);
    for (unsigned family = 0; family < METRICS_FAMILIES; family++)
        write_words(out, family);
    write_bounds(out);
}

void
metrics_write_one(struct buf *out, const char *name, const char *type, const char *unit,
                  const char *help, double value)
{
    write_family(out, name, type, unit, help);
    buf_addf(out, "%s%s %.15g\n", name, strcmp(type, "counter") == 0 ? "_total" : "", value);
}
