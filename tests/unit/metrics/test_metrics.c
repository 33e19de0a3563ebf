/* Counters of several threads, and the page that is made of them while they count.
 *
 * Threads meet here. */

#include "metrics/metrics.h"

#include "base/log.h"
#include "base/slice.h"
#include "unit/guard.h"

#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

enum {
    THREADS = 4,
    TIMES = 20000
};

static bool
page_has(const char *line)
{
    struct buf page;
    buf_init(&page, 1 << 20);
    metrics_write(&page);
    ck_assert(!page.failed);
    struct slice all = buf_slice(&page);
    bool found = slice_find(all, slice_of(line)) < all.len;
    buf_fini(&page);
    return found;
}

static void *
count(void *arg)
{
    (void)arg;
    for (int i = 0; i < TIMES; i++) {
        metrics_count(METRIC_requests);
        metrics_add(METRIC_streams, 2);
        metrics_sub(METRIC_streams, 1);
        metrics_refused(401, "no_token");
        metrics_took(METRIC_commit, 100000);
    }
    return NULL;
}

START_TEST(what_threads_count_is_summed_also_while_they_do)
{
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        ck_assert(pthread_create(&threads[i], NULL, count, NULL) == 0);
    for (int i = 0; i < 20; i++)
        ck_assert(page_has("# TYPE alipes_requests counter\n"));
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    ck_assert_uint_eq(metrics_sum(METRIC_requests), THREADS * TIMES);
    ck_assert_uint_eq(metrics_sum(METRIC_streams), THREADS * TIMES);
    ck_assert_uint_eq(metrics_sum(METRIC_commit), THREADS * TIMES);
    ck_assert(page_has("alipes_requests_total 80000\n"));
    ck_assert(page_has("alipes_refused_total{status=\"401\",reason=\"no_token\"} 80000\n"));
    ck_assert(page_has("alipes_commit_seconds_bucket{le=\"5e-05\"} 0\n"));
    ck_assert(page_has("alipes_commit_seconds_bucket{le=\"0.0001\"} 80000\n"));
    ck_assert(page_has("alipes_commit_seconds_bucket{le=\"+Inf\"} 80000\n"));
    ck_assert(page_has("alipes_commit_seconds_sum 8.000000000\n"));
}
END_TEST

static void *
take_away(void *arg)
{
    (void)arg;
    metrics_sub(METRIC_streams, 5);
    return NULL;
}

START_TEST(a_gauge_may_fall_on_another_thread_than_it_rose_and_is_never_shown_below_zero)
{
    pthread_t thread;
    metrics_add(METRIC_streams, 5);
    ck_assert(page_has("alipes_streams 5\n"));
    pthread_create(&thread, NULL, take_away, NULL);
    pthread_join(thread, NULL);
    ck_assert(page_has("alipes_streams 0\n"));
    metrics_sub(METRIC_streams, 5);
    ck_assert(page_has("alipes_streams 0\n"));
}
END_TEST

START_TEST(past_128_kinds_of_refusal_the_rest_is_one)
{
    static char reasons[130][16];
    for (int i = 0; i < 130; i++) {
        snprintf(reasons[i], sizeof reasons[i], "r%d", i);
        for (int k = 0; k <= i; k++)
            metrics_refused(400, reasons[i]);
    }
    ck_assert(page_has("alipes_refused_total{status=\"400\",reason=\"r127\"} 128\n"));
    ck_assert(!page_has("reason=\"r128\""));
    ck_assert(page_has("alipes_refused_total{status=\"\",reason=\"other\"} 259\n"));
}
END_TEST

START_TEST(what_redis_says_is_counted_by_its_word)
{
    metrics_said(METRICS_REDIS_AWAY, "closed");
    metrics_said(METRICS_REDIS_AWAY, "closed");
    metrics_said(METRICS_REDIS_REFUSED, "memory");
    ck_assert(page_has("alipes_redis_away_total{reason=\"closed\"} 2\n"));
    ck_assert(page_has("alipes_redis_refused_total{error=\"memory\"} 1\n"));
    ck_assert(!page_has("alipes_refused_total{status=\"0\""));
}
END_TEST

START_TEST(every_time_has_its_bucket)
{
    metrics_took(METRIC_commit, 0);
    metrics_took(METRIC_commit, 50000);
    metrics_took(METRIC_commit, 50001);
    metrics_took(METRIC_commit, UINT64_MAX / 2);
    ck_assert(page_has("alipes_commit_seconds_bucket{le=\"5e-05\"} 2\n"));
    ck_assert(page_has("alipes_commit_seconds_bucket{le=\"0.0001\"} 3\n"));
    ck_assert(page_has("alipes_commit_seconds_bucket{le=\"10.0\"} 3\n"));
    ck_assert(page_has("alipes_commit_seconds_bucket{le=\"+Inf\"} 4\n"));
}
END_TEST

START_TEST(the_log_has_each_count_once_in_whole_lines)
{
    static char reasons[60][48], text[16384];
    char wanted[80];
    int ends[2];
    for (int i = 0; i < 60; i++) {
        snprintf(reasons[i], sizeof reasons[i], "a_reason_of_rather_many_letters_%d_", i);
        metrics_refused(400, reasons[i]);
    }
    ck_assert_int_eq(pipe(ends), 0);
    log_open(LOG_LOGFMT, LOG_INFO, ends[1]);
    metrics_log();
    ssize_t len = read(ends[0], text, sizeof text - 1);
    ck_assert_int_gt(len, 0);
    struct slice all = SLICE_OF(text, (size_t)len), line;
    for (int i = 0; i < 60; i++) {
        snprintf(wanted, sizeof wanted, " refused_400_%.47s=1", reasons[i]);
        size_t at = slice_find(all, slice_of(wanted));
        ck_assert_msg(at < all.len, "%s", wanted);
        struct slice rest = slice_from(all, at + 1);
        ck_assert_uint_eq(slice_find(rest, slice_of(wanted)), rest.len);
    }
    unsigned lines = 0;
    for (; slice_cut(&all, '\n', &line); lines++)
        ck_assert(slice_find(line, SLICE(" event=counted ")) < line.len && line.len < 3072);
    ck_assert_uint_eq(lines, 2);
    log_open(LOG_LOGFMT, LOG_INFO, 2);
    close(ends[0]);
    close(ends[1]);
}
END_TEST

UNIT_MAIN("metrics/metrics", what_threads_count_is_summed_also_while_they_do,
          a_gauge_may_fall_on_another_thread_than_it_rose_and_is_never_shown_below_zero,
          past_128_kinds_of_refusal_the_rest_is_one, what_redis_says_is_counted_by_its_word,
          every_time_has_its_bucket, the_log_has_each_count_once_in_whole_lines)
