/* indexbench - what the index costs by itself: no sockets, no tokens, one thread.
 *
 *     indexbench           JSON on stdout
 *
 * For each shape and number of streams: CPU to match one update (nanoseconds), and how many streams
 * it met. Then a million distinct exact topics, a hundred a stream: memory a topic, time to match
 * an update, to subscribe and to leave, and the longest single call. */

#include "base/hash.h"
#include "hub/walk.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    MANY = 10000,
    TOPICS_A_STREAM = 100
};

static size_t hits;

static bool
hit(struct stream *s, void *context)
{
    (void)s;
    (void)context;
    hits++;
    return true;
}

static double
now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static struct update *
make_update(struct slice topic)
{
    const struct update_parts parts = {.topics = &topic, .topic_count = 1, .id = SLICE("i")};
    bool too_large;
    return update_new(&parts, 1 << 20, &too_large);
}

/* printf formats of a stream's number. */
struct shape {
    const char *name;
    enum matcher_type type;
    const char *matcher, *topic;
    unsigned distinct; /* matchers; 0: one a stream */
};

static const struct shape shapes[] = {
    {"own_exact", MATCHER_EXACT, "https://example.com/users/%u/x", "https://example.com/users/%u/x",
     0},
    {"own_template", MATCHER_TEMPLATE, "https://example.com/users/%u/{x}",
     "https://example.com/users/%u/x", 0},
    {"own_urlpattern", MATCHER_URLPATTERN, "https://example.com/users/%u/:x",
     "https://example.com/users/%u/x", 0},
    {"shared_10_templates", MATCHER_TEMPLATE, "https://example.com/shared/%u/{x}",
     "https://example.com/shared/%u/x", 10},
    {"shared_10_urlpatterns", MATCHER_URLPATTERN, "https://example.com/shared/%u/:x",
     "https://example.com/shared/%u/x", 10},
    {"everything", MATCHER_EXACT, "*", "https://example.com/users/%u/x", 1},
};

static void
add(struct index *ix, struct subscription *sub, uintptr_t stream, enum matcher_type type,
    const char *format, unsigned number)
{
    char text[128];
    int n = snprintf(text, sizeof text, format, number);
    const struct selector s = {.type = type,
                               .text = SLICE_OF(text, (size_t)n),
                               .base = SLICE("https://hub.example/hub"),
                               .client = stream};
    if (index_add(ix, sub, (struct stream *)stream, &s, NULL) != INDEX_ADDED) {
        fprintf(stderr, "not added: %s\n", text);
        abort();
    }
}

/* As the publisher's worker leaves it. */
static void
prepare(struct update *u)
{
    if (matcher_needs_urls())
        topic_url(&u->topics[0], SLICE(""), NULL, NULL);
}

static void
measure(const struct shape *shape, unsigned streams, bool first)
{
    static struct subscription subs[MANY];
    static struct update *updates[MANY];
    struct index ix;
    char text[128];
    unsigned topics = shape->distinct ? shape->distinct : streams;
    index_init(&ix);
    for (unsigned i = 0; i < streams; i++)
        add(&ix, &subs[i], (i + 1) * 16, shape->type, shape->matcher, i % topics);
    for (unsigned i = 0; i < topics; i++) {
        int n = snprintf(text, sizeof text, shape->topic, i);
        updates[i] = make_update(SLICE_OF(text, (size_t)n));
        prepare(updates[i]);
    }
    unsigned rounds = 0;
    double begin = now(), spent;
    hits = 0;
    do {
        for (unsigned i = 0; i < 1000; i++) {
            uint64_t steps = UINT64_MAX;
            walk_begin(&ix, updates[(rounds * 7919ul + i * 104729ul) % topics], hit, NULL);
            while (!walk_go_on(&ix, &steps)) {
            }
        }
        rounds++;
        spent = now() - begin;
    } while (spent < 2e8);
    printf("%s{\"shape\":\"%s\",\"streams\":%u,\"ns_per_update\":%.1f,\"met_per_update\":%.1f}",
           first ? "" : ",\n", shape->name, streams, spent / (rounds * 1000.0),
           (double)hits / (rounds * 1000.0));
    for (unsigned i = 0; i < streams; i++)
        index_remove(&ix, &subs[i]);
    index_fini(&ix);
    for (unsigned i = 0; i < topics; i++)
        update_unref(&updates[i]);
}

static size_t
allocated(void)
{
    struct mallinfo2 m = mallinfo2();
    return m.uordblks + m.hblkhd;
}

static void
million(void)
{
    static struct subscription *subs[MANY];
    struct index ix;
    double longest_add = 0, longest_remove = 0;
    const char *format = "https://example.com/users/%u/messages";
    index_init(&ix);
    for (size_t i = 0; i < MANY; i++)
        subs[i] = malloc(TOPICS_A_STREAM * sizeof *subs[i]);
    size_t before = allocated(), text = 0;
    double begin = now(), add_all, match_all, remove_all;
    for (unsigned i = 0; i < MANY; i++) {
        double one = now();
        for (unsigned t = 0; t < TOPICS_A_STREAM; t++)
            add(&ix, &subs[i][t], (i + 1) * 16, MATCHER_EXACT, format, i * TOPICS_A_STREAM + t);
        one = now() - one;
        longest_add = one > longest_add ? one : longest_add;
    }
    add_all = now() - begin;
    size_t bytes = allocated() - before;
    for (unsigned i = 0; i < MANY * TOPICS_A_STREAM; i++)
        text += (size_t)snprintf(NULL, 0, format, i);
    static struct update *updates[MANY];
    for (unsigned i = 0; i < MANY; i++) {
        char topic[128];
        int n = snprintf(topic, sizeof topic, format,
                         (unsigned)(i * 7919ul * 101 % (MANY * TOPICS_A_STREAM)));
        updates[i] = make_update(SLICE_OF(topic, (size_t)n));
    }
    hits = 0;
    begin = now();
    for (unsigned i = 0; i < 20 * MANY; i++) {
        uint64_t steps = UINT64_MAX;
        walk_begin(&ix, updates[i % MANY], hit, NULL);
        if (!walk_go_on(&ix, &steps))
            abort();
    }
    match_all = now() - begin;
    begin = now();
    for (unsigned i = 0; i < MANY; i++) {
        double one = now();
        for (unsigned t = 0; t < TOPICS_A_STREAM; t++)
            index_remove(&ix, &subs[i][t]);
        one = now() - one;
        longest_remove = one > longest_remove ? one : longest_remove;
    }
    remove_all = now() - begin;
    double topics = MANY * TOPICS_A_STREAM;
    printf("],\n\"million_exact\":{\"topics\":%.0f,\"streams\":%d,\"text_bytes_per_topic\":%.1f,"
           "\"index_bytes_per_topic\":%.1f,\"subscription_bytes\":%zu,\"ns_per_update\":%.1f,"
           "\"met_per_update\":%.2f,\"us_to_subscribe_to_100\":%.1f,\"us_to_leave_100\":%.1f,"
           "\"longest_subscribe_us\":%.0f,\"longest_leave_us\":%.0f}}\n",
           topics, MANY, (double)text / topics, (double)bytes / topics, sizeof(struct subscription),
           match_all / (20.0 * MANY), (double)hits / (20.0 * MANY), add_all / MANY / 1000,
           remove_all / MANY / 1000, longest_add / 1000, longest_remove / 1000);
    index_fini(&ix);
    for (size_t i = 0; i < MANY; i++) {
        free(subs[i]);
        update_unref(&updates[i]);
    }
}

int
main(void)
{
    hash_seed();
    printf("{\"index\":[\n");
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++)
        for (unsigned streams = 100; streams <= MANY; streams *= 10)
            measure(&shapes[i], streams, i == 0 && streams == 100);
    million();
    return 0;
}
