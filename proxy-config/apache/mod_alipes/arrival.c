/* arrival - where a worker waits for what the poller hears of the hub.
 *
 * The poller gives one verdict; from then on it leaves `reply` and `head` alone, so the worker
 * reads them without the lock. */

#include "mod_alipes/arrival.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <time.h>

struct arrival *
arrival_new(const struct hub *hub, struct stream *s)
{
    struct arrival *a = try_alloc(sizeof *a);
    pthread_condattr_t clock;
    if (a == NULL)
        return NULL;
    a->hub = *hub;
    a->stream = s;
    buf_init(&a->reply, ARRIVAL_REPLY);
    list_init(&a->node);
    pthread_mutex_init(&a->lock, NULL);
    pthread_condattr_init(&clock);
    pthread_condattr_setclock(&clock, CLOCK_MONOTONIC);
    pthread_cond_init(&a->changed, &clock);
    pthread_condattr_destroy(&clock);
    return a;
}

void
arrival_free(struct arrival **a)
{
    if (*a == NULL)
        return;
    buf_fini(&(*a)->reply);
    pthread_cond_destroy(&(*a)->changed);
    pthread_mutex_destroy(&(*a)->lock);
    free(*a);
    *a = NULL;
}

enum verdict
arrival_wait(struct arrival *a, uint64_t patience_ms)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += (time_t)(patience_ms / 1000);
    until.tv_nsec += (long)(patience_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    pthread_mutex_lock(&a->lock);
    while (a->verdict == VERDICT_NONE && pthread_cond_timedwait(&a->changed, &a->lock, &until) == 0)
        continue;
    enum verdict verdict = a->verdict;
    pthread_mutex_unlock(&a->lock);
    return verdict;
}

void
arrival_answer(struct arrival *a, enum verdict verdict)
{
    pthread_mutex_lock(&a->lock);
    if (a->verdict == VERDICT_NONE)
        a->verdict = verdict;
    pthread_cond_signal(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

enum verdict
arrival_verdict(struct arrival *a)
{
    pthread_mutex_lock(&a->lock);
    enum verdict verdict = a->verdict;
    pthread_mutex_unlock(&a->lock);
    return verdict;
}

bool
arrival_take(struct arrival *a, struct slice bytes, struct slice *ret_body)
{
    size_t before = a->reply.len;
    bool had_head = a->head.size > 0;
    buf_add(&a->reply, bytes);
    enum parse parsed = had_head ? PARSE_OK : head_read(buf_slice(&a->reply), &a->head);
    if (a->reply.failed || parsed == PARSE_BAD) {
        arrival_answer(a, VERDICT_BROKEN);
        return false;
    }
    if (had_head || parsed == PARSE_MORE || !a->head.is_stream)
        return false;
    *ret_body = slice_from(bytes, a->head.size - before);
    a->reply.len = a->head.size;
    return true;
}

void
arrival_over(struct arrival *a)
{
    arrival_answer(a, a->head.size ? VERDICT_REPLY : VERDICT_BROKEN);
}
