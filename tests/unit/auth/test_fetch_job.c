/* When a key set is read again, and which of two readings counts: no thread, and a clock that the
 * test sets. */

#include "auth/fetch_job.h"

#include "auth/jwk.h"
#include "base/clock.h"
#include "unit/guard.h"

#define SET(kid)                                                                                   \
    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"" kid                                                   \
    "\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}"

static const struct fetch_times times = {
    .refresh_ms = 300000, .cooldown_ms = 10000, .max_age_ms = 3600000};

static struct list jobs;

static struct key_set *
set_of(const char *text)
{
    struct error err;
    struct key_set *set = jwk_set_read(slice_of(text), &err);
    ck_assert_msg(set != NULL, "%s", err.text);
    return set;
}

/* One that is due at 1000. */
static struct fetch_job *
add(const char *url)
{
    struct key_source *source = key_source_new(url);
    fetch_job_add(&jobs, source, &times, 1000);
    struct fetch_job *j = fetch_job_of(&jobs, source);
    key_source_unref(&source);
    ck_assert_ptr_nonnull(j);
    return j;
}

static void
remove_all(void)
{
    while (!list_is_empty(&jobs))
        fetch_job_free(CONTAINER_OF(jobs.next, struct fetch_job, node));
}

static void
check_kid(const struct fetch_job *j, const char *kid)
{
    struct key_set *now = key_source_current(j->source, NULL);
    ck_assert_ptr_nonnull(now);
    ck_assert_uint_eq(now->count, 1);
    ck_assert(slice_eq(key_kid(now->keys[0]), slice_of(kid)));
    key_set_unref(&now);
}

START_TEST(a_set_that_does_not_come_is_asked_for_ever_more_rarely_up_to_a_minute)
{
    static const uint64_t waits[] = {1000, 2000, 4000, 8000, 16000, 32000, 60000, 60000};
    const struct fetch_times soon = {.refresh_ms = 5000};
    list_init(&jobs);
    struct fetch_job *j = add("https://h/");
    ck_assert_uint_eq(j->due_ms, 1000);
    for (size_t i = 0; i < COUNT_OF(waits); i++) {
        ck_assert_uint_eq(fetch_job_begin(j), i + 1);
        fetch_job_settle(j, NULL, i + 1, &times, 5000);
        ck_assert_uint_eq(j->due_ms, 5000 + waits[i]);
    }
    fetch_job_settle(j, NULL, 20, &soon, 5000);
    ck_assert_uint_eq(j->due_ms, 5000 + soon.refresh_ms);
    fetch_job_settle(j, set_of(SET("one")), 21, &times, 5000);
    ck_assert_uint_eq(j->due_ms, 5000 + times.refresh_ms);
    check_kid(j, "one");
    fetch_job_settle(j, NULL, 22, &times, 5000);
    ck_assert_uint_eq(j->due_ms, 6000);
    check_kid(j, "one");
    remove_all();
}
END_TEST

START_TEST(an_earlier_reading_renews_a_set_and_does_not_replace_it)
{
    list_init(&jobs);
    struct fetch_job *j = add("file:///keys");
    fetch_job_begin(j); /* as reading 1 */
    fetch_job_hold(j, set_of(SET("lost")), 2);
    fetch_job_hold(j, set_of(SET("two")), 3);
    ck_assert_ptr_null(key_source_current(j->source, NULL)); /* its configuration is not in force */
    fetch_job_go_on(j, &times, 2000);
    check_kid(j, "two");
    j->renewed_ms = 1;
    fetch_job_settle(j, set_of(SET("one")), 1, &times, 2000);
    check_kid(j, "two");
    ck_assert_uint_gt(j->renewed_ms, 1);
    fetch_job_settle(j, set_of(SET("four")), 4, &times, 2000);
    check_kid(j, "four");
    remove_all();
}
END_TEST

START_TEST(a_shorter_refresh_brings_the_next_reading_forward_and_a_longer_one_does_not_put_it_off)
{
    const struct fetch_times shorter = {.refresh_ms = 2000}, longer = {.refresh_ms = 900000};
    list_init(&jobs);
    struct fetch_job *j = add("https://h/");
    fetch_job_settle(j, set_of(SET("one")), 1, &times, 1000);
    fetch_job_go_on(j, &longer, 1000);
    ck_assert_uint_eq(j->due_ms, 1000 + times.refresh_ms);
    fetch_job_go_on(j, &shorter, 1000);
    ck_assert_uint_eq(j->due_ms, 3000);
    remove_all();
}
END_TEST

START_TEST(a_token_makes_a_set_due_once_a_cooldown)
{
    uint64_t attempt = 77;
    list_init(&jobs);
    struct fetch_job *j = add("https://h/");
    fetch_job_begin(j);
    fetch_job_settle(j, set_of(SET("one")), 1, &times, 1000);
    ck_assert(!fetch_job_comes(j, 2000, &attempt));
    ck_assert_uint_eq(attempt, 77);
    ck_assert(fetch_job_hurry(j, &times, 2000));
    ck_assert(fetch_job_comes(j, 2000, &attempt));
    ck_assert_uint_eq(attempt, 2);
    ck_assert(!fetch_job_hurry(j, &times, 2000 + times.cooldown_ms - 1));
    ck_assert(fetch_job_hurry(j, &times, 2000 + times.cooldown_ms));
    remove_all();
}
END_TEST

/* What is under way may have been read before the key was there. */
START_TEST(what_is_asked_for_while_an_attempt_runs_is_told_by_the_next_one)
{
    uint64_t attempt;
    list_init(&jobs);
    struct fetch_job *j = add("https://h/");
    fetch_job_begin(j);
    ck_assert(fetch_job_comes(j, 2000, &attempt));
    ck_assert_uint_eq(attempt, 1);
    ck_assert(fetch_job_hurry(j, &times, 2000));
    ck_assert(fetch_job_comes(j, 2000, &attempt));
    ck_assert_uint_eq(attempt, 2);
    fetch_job_settle(j, set_of(SET("one")), 1, &times, 3000);
    ck_assert_uint_eq(j->due_ms, 3000);
    fetch_job_begin(j);
    fetch_job_settle(j, set_of(SET("one")), 2, &times, 4000);
    ck_assert_uint_eq(j->due_ms, 4000 + times.refresh_ms);
    remove_all();
}
END_TEST

START_TEST(the_most_urgent_is_due_first_and_does_not_run)
{
    list_init(&jobs);
    struct fetch_job *a = add("https://a/"), *b = add("https://b/"), *c = add("https://c/");
    a->due_ms = 3000, b->due_ms = 1000, c->due_ms = 2000;
    ck_assert_ptr_eq(fetch_job_most_urgent(&jobs), b);
    fetch_job_begin(b);
    ck_assert_ptr_eq(fetch_job_most_urgent(&jobs), c);
    fetch_job_begin(a);
    fetch_job_begin(c);
    ck_assert_ptr_null(fetch_job_most_urgent(&jobs));
    ck_assert_ptr_eq(fetch_job_of_url(&jobs, "https://c/"), c);
    ck_assert_ptr_null(fetch_job_of_url(&jobs, "https://d/"));
    remove_all();
}
END_TEST

START_TEST(a_set_that_could_not_be_renewed_counts_until_its_age_and_no_longer)
{
    const struct fetch_times for_ever = {.refresh_ms = 1000}, brief = {.max_age_ms = 1};
    list_init(&jobs);
    struct fetch_job *j = add("https://h/");
    ck_assert_ptr_null(fetch_job_too_old(&jobs, &times)); /* it has none */
    ck_assert_uint_eq(fetch_job_time_left(&jobs, &times), UINT64_MAX);
    fetch_job_settle(j, set_of(SET("one")), 1, &times, 1000);
    ck_assert_uint_le(fetch_job_time_left(&jobs, &times), times.max_age_ms);
    ck_assert_uint_gt(fetch_job_time_left(&jobs, &times), 0);
    j->renewed_ms = clock_boot_ms() - 1;
    ck_assert_uint_eq(fetch_job_time_left(&jobs, &for_ever), UINT64_MAX);
    ck_assert_uint_eq(fetch_job_time_left(&jobs, &brief), 0);
    ck_assert_ptr_eq(fetch_job_too_old(&jobs, &brief), j);
    fetch_job_let_go(j);
    ck_assert_ptr_null(fetch_job_too_old(&jobs, &brief));
    struct key_set *now = key_source_current(j->source, NULL);
    ck_assert(now->is_too_old);
    ck_assert_uint_eq(now->count, 0);
    key_set_unref(&now);
    remove_all();
}
END_TEST

UNIT_MAIN("auth/fetch_job", a_set_that_does_not_come_is_asked_for_ever_more_rarely_up_to_a_minute,
          an_earlier_reading_renews_a_set_and_does_not_replace_it,
          a_shorter_refresh_brings_the_next_reading_forward_and_a_longer_one_does_not_put_it_off,
          a_token_makes_a_set_due_once_a_cooldown,
          what_is_asked_for_while_an_attempt_runs_is_told_by_the_next_one,
          the_most_urgent_is_due_first_and_does_not_run,
          a_set_that_could_not_be_renewed_counts_until_its_age_and_no_longer)
