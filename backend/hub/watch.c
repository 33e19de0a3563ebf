/* watch - one that traces a topic, and its seat at each worker.
 *
 * A seat comes to its worker by mail and leaves by mail; while it is there, the worker writes down
 * in it what the update that is being matched met, and enters that in the ledger when the matching
 * is done. So the lock is taken once for an update that is traced and a worker, and never for one
 * that is not.
 *
 *     object   made by            shared                         freed
 *     watch    the asker's        by its seats; the ledger       with its last reference: the
 *              worker             under the lock                 asker's, a seat's, a letter's
 *
 * What is entered is what was matched, so it is committed; and it says what the worker did then: a
 * stream that met an update and left before it was written to has met it all the same. */

#include "hub/watch.h"

#include "base/alloc.h"
#include "base/log.h"
#include "hub/finding.h"
#include "hub/ledger.h"

#include <stdlib.h>

enum {
    STREAM_STEPS = 20000 /* of matching, for a stream that begins or ends (topic/match.h) */
};

struct seat {
    struct watch *watch; /* a reference */
    struct list node;    /* in home->watches */
    struct message begin, end;
    struct finding finding; /* of the update that is being matched, where it is wanted */
    bool is_wanted;
    struct topic topic; /* the watch's; what is worked out about it is this worker's */
};

struct watch {
    atomic_uint refs;
    struct hub *hub;
    struct slice topic; /* owns */
    bool has_everything;

    /* The asker's worker alone. */
    struct worker *asker;
    void (*news)(void *owner); /* NULL: it is over */
    void *owner;

    /* Any worker, under the lock: a leaf. */
    pthread_mutex_t lock;
    struct ledger ledger;
    bool is_over;
    bool is_told; /* the letter is under way, and has a reference */
    struct message letter;

    struct seat seats[]; /* each its worker's alone */
};

static void
unref(struct watch *w)
{
    if (atomic_fetch_sub_explicit(&w->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (unsigned i = 0; i < w->hub->workers; i++) {
        finding_fini(&w->seats[i].finding);
        topic_fini(&w->seats[i].topic);
    }
    ledger_fini(&w->ledger);
    pthread_mutex_destroy(&w->lock);
    free((char *)w->topic.ptr);
    free(w);
}

static struct watch *
ref(struct watch *w)
{
    atomic_fetch_add_explicit(&w->refs, 1, memory_order_relaxed);
    return w;
}

/* --- the asker -------------------------------------------------------------------------------- */

static void
on_letter(struct worker *worker, struct message *m)
{
    struct watch *w = CONTAINER_OF(m, struct watch, letter);
    (void)worker;
    pthread_mutex_lock(&w->lock);
    w->is_told = false;
    pthread_mutex_unlock(&w->lock);
    if (w->news)
        w->news(w->owner);
    unref(w);
}

/* With the lock: one letter is enough until it is read. */
static void
tell(struct watch *w)
{
    if (w->is_told || w->is_over || !ledger_has_news(&w->ledger))
        return;
    w->is_told = true;
    ref(w);
    worker_post(w->asker, &w->letter);
}

void
watch_take(struct watch *w, struct buf *ret)
{
    pthread_mutex_lock(&w->lock);
    ledger_take(&w->ledger, ret);
    pthread_mutex_unlock(&w->lock);
}

/* --- seats ------------------------------------------------------------------------------------ */

static void
say_armed(struct watch *w)
{
    struct buf line;
    buf_init(&line, TRACE_LINE_BYTES);
    buf_addf(&line, "topic=%s connected=%zu", LOG_SLICE(w->topic), atomic_load(&w->hub->streams));
    ledger_say(&w->ledger, "tracing", buf_slice(&line));
    buf_fini(&line);
}

static void
on_begin(struct worker *worker, struct message *m)
{
    struct seat *s = CONTAINER_OF(m, struct seat, begin);
    struct hub_worker *home = hub_worker_of(worker);
    struct watch *w = s->watch;
    list_append(&home->watches, &s->node);
    pthread_mutex_lock(&w->lock);
    if (ledger_arm(&w->ledger, home->taken))
        say_armed(w);
    tell(w);
    pthread_mutex_unlock(&w->lock);
}

static void
leave(struct seat *s)
{
    list_unlink(&s->node);
    unref(s->watch);
}

static void
on_end(struct worker *worker, struct message *m)
{
    (void)worker;
    leave(CONTAINER_OF(m, struct seat, end));
}

void
watch_forget(struct hub_worker *home)
{
    LIST_EACH(node, after, &home->watches)
    {
        leave(CONTAINER_OF(node, struct seat, node));
    }
}

struct watch *
watch_begin(struct hub_worker *home, struct slice topic, void (*news)(void *), void *owner)
{
    struct hub *hub = home->hub;
    struct watch *w = xalloc(sizeof *w + hub->workers * sizeof w->seats[0]);
    atomic_init(&w->refs, 1 + hub->workers);
    w->hub = hub;
    w->topic = SLICE_OF(xstrndup(topic.ptr, topic.len), topic.len);
    w->has_everything = slice_eq(topic, SLICE("*"));
    w->asker = home->worker;
    w->news = news;
    w->owner = owner;
    pthread_mutex_init(&w->lock, NULL);
    ledger_init(&w->ledger, hub->workers);
    w->letter.receive = on_letter;
    for (unsigned i = 0; i < hub->workers; i++) {
        struct seat *s = &w->seats[i];
        s->watch = w;
        s->topic = topic_of(w->topic);
        finding_init(&s->finding);
        s->begin.receive = on_begin;
        s->end.receive = on_end;
        list_init(&s->node);
        worker_post(hub->crew[i], &s->begin);
    }
    return w;
}

void
watch_end(struct watch **ref)
{
    struct watch *w = *ref;
    *ref = NULL;
    if (w == NULL)
        return;
    w->news = NULL;
    pthread_mutex_lock(&w->lock);
    w->is_over = true;
    pthread_mutex_unlock(&w->lock);
    for (unsigned i = 0; i < w->hub->workers; i++)
        worker_post(w->hub->crew[i], &w->seats[i].end);
    unref(w);
}

/* --- each worker ------------------------------------------------------------------------------ */

static bool
is_of(const struct watch *w, struct slice topic)
{
    return w->has_everything || slice_eq(topic, w->topic);
}

static bool
wants(const struct watch *w, const struct update *u)
{
    bool any = false;
    for (uint32_t i = 0; i < u->topic_count && !any; i++)
        any = is_of(w, u->topics[i].text);
    return any;
}

bool
watch_look(struct hub_worker *home, const struct update *u)
{
    bool any = false;
    LIST_EACH(node, after, &home->watches)
    {
        struct seat *s = CONTAINER_OF(node, struct seat, node);
        s->is_wanted = wants(s->watch, u);
        any |= s->is_wanted;
    }
    return any;
}

void
watch_met(struct hub_worker *home, const struct exchange *ex, const struct grant *grant,
          enum trace_meeting how)
{
    LIST_EACH(node, after, &home->watches)
    {
        struct seat *s = CONTAINER_OF(node, struct seat, node);
        if (s->is_wanted)
            finding_add(&s->finding, ex, grant, how);
    }
}

void
watch_matched(struct hub_worker *home, const struct update *u)
{
    LIST_EACH(node, after, &home->watches)
    {
        struct seat *s = CONTAINER_OF(node, struct seat, node);
        struct watch *w = s->watch;
        if (!s->is_wanted)
            continue;
        pthread_mutex_lock(&w->lock);
        ledger_enter(&w->ledger, u, &s->finding, atomic_load(&w->hub->streams));
        tell(w);
        pthread_mutex_unlock(&w->lock);
        finding_clear(&s->finding);
        s->is_wanted = false;
    }
}

/* What would take too many steps is shown: too much is better than silence. */
static bool
asks_for(struct hub_worker *home, const struct replay_matchers *m, const struct seat *s)
{
    uint64_t steps = STREAM_STEPS;
    return s->watch->has_everything || replay_meets(&home->index, m, &s->topic, &steps) != MATCH_NO;
}

static void
say(struct watch *w, const char *event, struct slice line)
{
    pthread_mutex_lock(&w->lock);
    ledger_say(&w->ledger, event, line);
    tell(w);
    pthread_mutex_unlock(&w->lock);
}

void
watch_stream(struct hub_worker *home, const struct replay_matchers *m, const char *event,
             struct slice line)
{
    LIST_EACH(node, after, &home->watches)
    {
        struct seat *s = CONTAINER_OF(node, struct seat, node);
        if (asks_for(home, m, s))
            say(s->watch, event, line);
    }
}

void
watch_refused(struct hub_worker *home, struct slice topic, struct slice line)
{
    LIST_EACH(node, after, &home->watches)
    {
        struct watch *w = CONTAINER_OF(node, struct seat, node)->watch;
        if (is_of(w, topic))
            say(w, "refused", line);
    }
}
