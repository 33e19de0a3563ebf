/* The keeper and its attempts, with a place to fetch from that says and does what a test wants. */

#include "auth/fetcher.h"

#include "auth/fetch.h"
#include "auth/jwk.h"
#include "unit/config/text.h"
#include "unit/guard.h"

#include <glob.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#define SET(kid)                                                                                   \
    "{\"keys\":[{\"kty\":\"oct\",\"kid\":\"" kid                                                   \
    "\",\"k\":\"MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY\"}]}"

/* Under the lock. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static const char *says = SET("one"); /* the place, to whoever begins to read now */
static const char *silent;            /* a URL: whoever reads it waits */
static unsigned waiting, news;

static pthread_t main_thread;
static struct error err;

const char *
fetch_path(const char *url)
{
    return strncmp(url, "file://", 7) == 0 ? url + 7 : NULL;
}

bool
fetch_prepare(const char *url, struct error *why)
{
    (void)url, (void)why;
    return true;
}

struct slice
fetch_shown(const char *url, char *into, size_t size)
{
    (void)into, (void)size;
    return slice_of(url);
}

struct key_set *
fetch_set(const char *url, const char *ca_file, const atomic_bool *stop, struct error *why)
{
    (void)ca_file, (void)stop;
    pthread_mutex_lock(&lock);
    const char *text = says;
    waiting++;
    pthread_cond_broadcast(&moved);
    while (silent && strcmp(url, silent) == 0 && !pthread_equal(pthread_self(), main_thread))
        pthread_cond_wait(&moved, &lock);
    waiting--;
    pthread_mutex_unlock(&lock);
    return jwk_set_read(slice_of(text), why);
}

static void
on_news(void *context, struct key_source *source, uint64_t attempt, bool changed)
{
    (void)context, (void)source, (void)attempt, (void)changed;
    pthread_mutex_lock(&lock);
    news++;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
}

static void
set(const char **what, const char *value)
{
    pthread_mutex_lock(&lock);
    *what = value;
    pthread_cond_broadcast(&moved);
    pthread_mutex_unlock(&lock);
}

static void
await(const unsigned *count, unsigned least)
{
    pthread_mutex_lock(&lock);
    while (*count < least)
        pthread_cond_wait(&moved, &lock);
    pthread_mutex_unlock(&lock);
}

static struct config *
config_of(const char *text)
{
    struct config *c = config_new();
    main_thread = pthread_self();
    log_set_level(LOG_ERROR);
    ck_assert_msg(config_parse(c, slice_of(text), "test", &err), "%s", err.text);
    ck_assert_msg(config_judge(c, &err), "%s", err.text);
    return c;
}

/* As a start and as a reload do it. */
static struct key_source **
watch(struct fetcher *f, const struct config *c)
{
    struct key_source **sources = fetcher_sources(f, c, &err);
    ck_assert_msg(sources != NULL, "%s", err.text);
    fetcher_watch(f, c, sources);
    return sources;
}

static void
check_kid(struct key_source *source, const char *kid)
{
    struct key_set *now = key_source_current(source, NULL);
    ck_assert_ptr_nonnull(now);
    ck_assert(slice_eq(key_kid(now->keys[0]), slice_of(kid)));
    key_set_unref(&now);
}

START_TEST(what_was_read_earlier_never_takes_the_place_of_what_was_read_later)
{
    struct config *c = config_of("anonymous\npublisher_jwks_url file:///keys HS256");
    struct fetcher *f = fetcher_new(on_news, NULL);
    struct key_source **sources = watch(f, c);
    uint64_t attempt;
    set(&silent, "file:///keys");
    ck_assert_int_eq(fetcher_ask(f, sources[0], &attempt), FETCH_COMES);
    await(&waiting, 1); /* it has read "one" */
    set(&says, SET("two"));
    struct key_source **again = watch(f, c);
    ck_assert_ptr_eq(again[0], sources[0]);
    check_kid(sources[0], "two");
    set(&silent, NULL);
    await(&news, 1);
    check_kid(sources[0], "two");
    fetcher_drop(&sources, 1);
    fetcher_drop(&again, 1);
    fetcher_free(&f);
    ck_assert(!fetcher_left_behind());
    config_free(&c);
}
END_TEST

START_TEST(one_that_hangs_holds_up_neither_another_nor_the_end)
{
    struct config *c = config_of("anonymous\npublisher_jwks_url https://silent/ HS256\n"
                                 "issuer https://i { publisher { jwks_uri https://good/ } }");
    struct fetcher *f = fetcher_new(on_news, NULL);
    set(&silent, "https://silent/");
    struct key_source **sources = watch(f, c);
    await(&news, 1);
    ck_assert_ptr_null(key_source_current(sources[0], NULL));
    check_kid(sources[1], "one");
    await(&waiting, 1);
    fetcher_drop(&sources, 2);
    fetcher_free(&f);
    ck_assert(fetcher_left_behind());
    config_free(&c);
}
END_TEST

/* Are there threads that fetch? */
static bool
has_fetches(void)
{
    glob_t found;
    bool any = false;
    ck_assert_int_eq(glob("/proc/self/task/*/comm", 0, NULL, &found), 0);
    for (size_t i = 0; i < found.gl_pathc && !any; i++) {
        char name[16] = "";
        FILE *file = fopen(found.gl_pathv[i], "re");
        any = file && fgets(name, sizeof name, file) && strcmp(name, "key-fetch\n") == 0;
        if (file)
            fclose(file);
    }
    globfree(&found);
    return any;
}

START_TEST(what_is_no_longer_watched_has_no_news)
{
    struct config *c = config_of("anonymous\npublisher_jwks_url https://silent/ HS256"),
                  *other = config_of("anonymous\npublisher_jwks_url https://good/ HS256");
    struct fetcher *f = fetcher_new(on_news, NULL);
    set(&silent, "https://silent/");
    struct key_source **sources = watch(f, c);
    await(&waiting, 1);
    struct key_source **others = watch(f, other);
    await(&news, 1);
    uint64_t attempt;
    ck_assert_int_eq(fetcher_ask(f, sources[0], &attempt), FETCH_FAILS);
    set(&silent, NULL);
    while (has_fetches())
        sched_yield();
    ck_assert_int_eq(fetcher_ask(f, others[0], &attempt), FETCH_COMES);
    await(&news, 2); /* the keeper is past the other attempt */
    fetcher_drop(&sources, 1);
    fetcher_drop(&others, 1);
    fetcher_free(&f);
    ck_assert_uint_eq(news, 2);
    config_free(&c);
    config_free(&other);
}
END_TEST

START_TEST(an_answer_is_told_from_a_failure)
{
    struct config *c =
        config_of("anonymous\njwks_cooldown 1m\npublisher_jwks_url https://h/ HS256");
    struct fetcher *f = fetcher_new(on_news, NULL);
    struct key_source **sources = watch(f, c);
    uint64_t attempt;
    await(&news, 1);
    ck_assert_int_eq(fetcher_ask(f, sources[0], &attempt), FETCH_COMES);
    ck_assert_uint_eq(attempt, 2);
    await(&news, 2);
    ck_assert_int_eq(fetcher_ask(f, sources[0], &attempt), FETCH_HAS_COME);
    fetcher_drop(&sources, 1);
    fetcher_free(&f);
    f = fetcher_new(on_news, NULL);
    set(&says, "no set");
    sources = watch(f, c);
    await(&news, 3);
    ck_assert_int_eq(fetcher_ask(f, sources[0], &attempt), FETCH_COMES);
    ck_assert_uint_eq(attempt, 2);
    await(&news, 4);
    ck_assert_int_eq(fetcher_ask(f, sources[0], &attempt), FETCH_FAILS);
    fetcher_drop(&sources, 1);
    fetcher_free(&f);
    config_free(&c);
}
END_TEST

UNIT_MAIN("auth/fetcher", what_was_read_earlier_never_takes_the_place_of_what_was_read_later,
          one_that_hangs_holds_up_neither_another_nor_the_end,
          what_is_no_longer_watched_has_no_news, an_answer_is_told_from_a_failure)
