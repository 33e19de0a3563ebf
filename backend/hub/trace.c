/* trace - "200, but my page shows nothing", answered by lines.
 *
 *     event=published      one a publish, by the worker that matched it last: what it was, and how
 *                          many streams of all workers it met
 *     event=stream_begin   who asks for what, with which token, and what that grants
 *     event=stream_cursor  was the cursor known?
 *     event=stream_end     how long it lived and what it was sent
 *     event=subscriptions_begin, event=subscription_end
 *                          what others hear of it, where active subscriptions are on: which, and
 * how long the end was held back
 *
 *     object   made by           shared                             freed
 *     tally    the publisher's   with its update; atomics alone     with its update
 *              worker            change
 *
 * The sum over workers needs no message: each adds what it found to the tally and counts itself
 * out; who counts out the last one has it all. Workers see an update only when it is committed, so
 * no line speaks of one that is not. A stream whose cursor is still being looked up is not counted:
 * nobody knows yet where it stands. */

#include "hub/trace.h"

#include "auth/rights.h"
#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "hub/subscribe_form.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct tally {
    atomic_uint left; /* workers that have still to match it */
    atomic_uint met[TRACE_MEETINGS];
    char line[]; /* the beginning of the line */
};

/* What is right by the protocol and not what its sender meant. */
static const char *
trap_of(const struct publish_form *f)
{
    static const struct slice noes[] = {SLICE_INIT(""), SLICE_INIT("0"), SLICE_INIT("false"),
                                        SLICE_INIT("off"), SLICE_INIT("no")};
    for (size_t i = 0; f->is_private && i < COUNT_OF(noes); i++)
        if (slice_eq_nocase(f->private_value, noes[i]))
            return "the field private makes it private whatever it holds: leave it out";
    for (size_t i = 0; i < f->topic_count; i++)
        if (f->topics[i].len > 1 && slice_index(f->topics[i], '{') < f->topics[i].len)
            return "a topic of an update is never a template: it is compared as it stands";
    if (f->unknown_count && f->data.len == 0)
        return "it has no data, and a field that the protocol does not know";
    return "";
}

static void
add_fields(struct buf *line, const struct publish_form *f)
{
    struct words topics = {.len = 0};
    for (size_t i = 0; i < f->topic_count && topics.len < sizeof topics.text; i++)
        words_add(&topics, "", f->topics[i]);
    buf_addf(line, " topics=%s private=%s type=%s data_bytes=%zu", LOG_SLICE(words_slice(&topics)),
             f->is_private ? "true" : "false", LOG_SLICE(f->type), f->data.len);
    if (f->unknown_count)
        buf_addf(line, " unknown_fields=%zu unknown=%s", f->unknown_count, LOG_SLICE(f->unknown));
    const char *trap = trap_of(f);
    if (trap[0])
        buf_addf(line, " msg=\"%s\"", trap);
}

void
trace_publish(const struct exchange *ex, struct update *u, const struct publish_form *f,
              unsigned workers)
{
    struct buf line;
    buf_init(&line, TRACE_LINE_BYTES);
    buf_addf(&line, "conn=%llu id=%s", (unsigned long long)ex->id, LOG_SLICE(u->id));
    add_fields(&line, f);
    buf_add_byte(&line, 0);
    struct tally *t = xalloc(sizeof *t + line.len + 1);
    atomic_init(&t->left, workers);
    if (line.len)
        memcpy(t->line, line.ptr, line.len);
    buf_fini(&line);
    u->tally = t;
}

void
trace_met(const struct update *u, enum trace_meeting how)
{
    atomic_fetch_add_explicit(&u->tally->met[how], 1, memory_order_relaxed);
}

void
trace_matched(const struct update *u)
{
    struct tally *t = u->tally;
    if (atomic_fetch_sub_explicit(&t->left, 1, memory_order_acq_rel) != 1)
        return;
    log_line(LOG_DEBUG, "published", "%s streams=%u catching_up=%u not_granted=%u", t->line,
             atomic_load(&t->met[TRACE_SENT]), atomic_load(&t->met[TRACE_CATCHING_UP]),
             atomic_load(&t->met[TRACE_NOT_GRANTED]));
}

static void
say_selector(void *into, const char *type, struct slice text)
{
    struct trace_rights *r = into;
    words_add(&r->topics, "", text);
    if (r->trap == NULL && strcmp(type, "exact") == 0)
        r->trap = matcher_trap(text);
}

struct trace_rights
trace_rights(const struct grant *g, enum role action)
{
    struct trace_rights r = {.trap = NULL};
    if (g)
        rights_describe(g->rights, action, say_selector, &r);
    return r;
}

/* Only 0.x: what 1.0 calls exact is meant so. */
static const char *
trap_of_selector(const struct selector *s)
{
    struct error ignored;
    struct matcher *m =
        s->type == MATCHER_TEMPLATE ? matcher_new(s->type, s->text, SLICE(""), &ignored) : NULL;
    const char *trap = m && matcher_kind(m) == MATCHER_IS_EXACT ? matcher_trap(s->text) : NULL;
    matcher_free(&m);
    return trap;
}

static const char *
prefix_of(enum matcher_type type)
{
    return type == MATCHER_URLPATTERN ? "urlpattern:" : type == MATCHER_EXACT ? "exact:" : "";
}

void
trace_stream_begin(struct buf *line, const struct exchange *ex, const struct grant *grant,
                   const struct subscribe_form *q)
{
    struct words topics = {.len = 0};
    struct trace_rights granted = trace_rights(grant, ROLE_SUBSCRIBE);
    const char *msg = grant && grant->no_rights ? grant->no_rights : "";
    for (size_t i = 0; i < q->count; i++) {
        const struct selector *one = &q->selectors[i];
        const char *trap = trap_of_selector(one);
        words_add(&topics, prefix_of(one->type), one->text);
        if (trap && msg[0] == 0)
            msg = trap;
    }
    buf_addf(line,
             "conn=%llu topics=%s private_topics=%s token=%s dialect=%s cursor=%s address=%s%s%s%s",
             (unsigned long long)ex->id, LOG_SLICE(words_slice(&topics)),
             LOG_SLICE(words_slice(&granted.topics)), grant ? ex->token_by : "none",
             dialect_name(q->cursor.dialect), LOG_SLICE(q->cursor.id),
             LOG_SLICE(ex->request->address), msg[0] ? " msg=\"" : "", msg, msg[0] ? "\"" : "");
}

void
trace_stream_cursor(uint64_t conn, bool found)
{
    log_line(LOG_DEBUG, "stream_cursor", "conn=%llu found=%s%s", (unsigned long long)conn,
             found ? "true" : "false",
             found ? "" : " msg=\"the id is not held (any more): nothing is replayed\"");
}

void
trace_stream_end(struct buf *line, uint64_t conn, const char *state, bool by_hub, uint32_t seconds,
                 uint32_t events)
{
    buf_addf(line, "conn=%llu state=%s by=%s seconds=%u events=%u", (unsigned long long)conn, state,
             by_hub ? "hub" : "peer", seconds, events);
}

void
trace_line(struct buf *out, const char *event, const char *fmt, ...)
{
    char fields[TRACE_LINE_BYTES], when[LOG_TIME];
    va_list args;
    va_start(args, fmt);
    vsnprintf(fields, sizeof fields, fmt, args);
    va_end(args);
    buf_addf(out, "data: time=%s event=%s %s\n", log_time(when, clock_wall_ms()), event, fields);
}

void
trace_subscriptions_begin(uint64_t conn, const struct active *first, uint32_t count)
{
    log_line(LOG_DEBUG, "subscriptions_begin", "conn=%llu count=%u first=%s",
             (unsigned long long)conn, count, LOG_SLICE(first->id));
}

void
trace_subscription_end(const struct active *a, uint64_t held_back_ms, bool is_back)
{
    log_line(LOG_DEBUG, "subscription_end", "id=%s held_back_ms=%llu%s", LOG_SLICE(a->id),
             (unsigned long long)held_back_ms,
             is_back ? " msg=\"who left is back: its begin was committed\"" : "");
}
