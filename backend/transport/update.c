/* update - one published event: topics, id and the bytes that go out, in a single allocation.
 *
 * The SSE bytes are made here, once, because every room above and every history below sends the
 * same ones. What one gets wrong: the size of the chunk comes before the chunk, so the event is
 * measured first and written second; measure and write walk the same lines. */

#include "transport/update.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

struct lines {
    struct slice rest;
    const char *feed; /* the next LF, or the end; NULL: not looked for */
    bool done;
};

/* Many CRs before one LF must not look for it each time. */
static const char *
next_feed(struct lines *l)
{
    const char *end = l->rest.ptr + l->rest.len;
    if (l->feed == NULL || l->feed < l->rest.ptr)
        l->feed = l->rest.len ? memchr(l->rest.ptr, '\n', l->rest.len) : NULL;
    return l->feed = l->feed ? l->feed : end;
}

/* Cuts the next line off, at CRLF, CR or LF. False once the last one was given; the empty slice is
 * one empty line. */
static bool
next_line(struct lines *l, struct slice *ret_line)
{
    if (l->done)
        return false;
    const char *begin = l->rest.ptr, *feed = next_feed(l);
    size_t upto = (size_t)(feed - begin);
    const char *cr = upto ? memchr(begin, '\r', upto) : NULL, *at = cr ? cr : feed;
    l->done = at == begin + l->rest.len;
    *ret_line = SLICE_OF(begin, (size_t)(at - begin));
    l->rest = slice_from(l->rest, ret_line->len + (l->done ? 0 : cr && cr + 1 == feed ? 2 : 1));
    return true;
}

static size_t
event_size(const struct update_parts *p)
{
    size_t n = 1; /* the empty line */
    if (p->type.len)
        n += 7 + p->type.len + 1;
    if (p->retry.len)
        n += 7 + p->retry.len + 1;
    n += 4 + p->id.len + 1;
    struct lines lines = {.rest = p->data.len ? p->data : SLICE("")};
    struct slice line;
    while (next_line(&lines, &line))
        n += 6 + line.len + 1;
    return n;
}

static char *
put(char *at, struct slice s)
{
    if (s.len)
        memcpy(at, s.ptr, s.len);
    return at + s.len;
}

static char *
put_field(char *at, struct slice name, struct slice value)
{
    at = put(at, name);
    at = put(at, value);
    *at = '\n';
    return at + 1;
}

static char *
put_event(char *at, const struct update_parts *p)
{
    if (p->type.len)
        at = put_field(at, SLICE("event: "), p->type);
    if (p->retry.len)
        at = put_field(at, SLICE("retry: "), p->retry);
    at = put_field(at, SLICE("id: "), p->id);
    struct lines lines = {.rest = p->data.len ? p->data : SLICE("")};
    struct slice line;
    while (next_line(&lines, &line))
        at = put_field(at, SLICE("data: "), line);
    *at = '\n';
    return at + 1;
}

/* Everything but what lies between chunk head and chunk end. */
static struct update *
lay_out(const struct update_formatted *f)
{
    char digits[SLICE_DIGITS];
    struct slice length = slice_of_number(digits, f->event.len, 16);
    size_t frame = length.len + 2 + f->event.len + 2;
    size_t size = sizeof(struct update) + f->topic_count * sizeof(struct topic) + frame + f->id.len;
    for (size_t i = 0; i < f->topic_count; i++)
        size += f->topics[i].len;
    struct update *u = try_alloc(size);
    if (u == NULL)
        return NULL;
    atomic_init(&u->refs, 1);
    atomic_init(&u->pins, 0);
    u->is_private = f->is_private;
    u->id_is_chosen = f->id_is_chosen;
    u->topic_count = (uint32_t)f->topic_count;
    u->size = size;
    u->made_ns = 0;
    u->tally = NULL;
    u->topics = (struct topic *)(u + 1);
    char *at = (char *)(u->topics + f->topic_count);
    u->frame = SLICE_OF(at, frame);
    at = put(put(at, length), SLICE("\r\n"));
    u->event = SLICE_OF(at, f->event.len);
    at = put(at + f->event.len, SLICE("\r\n"));
    u->id = SLICE_OF(at, f->id.len);
    at = put(at, f->id);
    for (size_t i = 0; i < f->topic_count; i++) {
        u->topics[i] = topic_of(SLICE_OF(at, f->topics[i].len));
        at = put(at, f->topics[i]);
    }
    return u;
}

struct update *
update_new(const struct update_parts *p, size_t max_size, bool *ret_too_large)
{
    const struct update_formatted f = {.topics = p->topics,
                                       .topic_count = p->topic_count,
                                       .id = p->id,
                                       .event = SLICE_OF(NULL, event_size(p)),
                                       .is_private = p->is_private,
                                       .id_is_chosen = p->id_is_chosen};
    size_t size = f.event.len + f.id.len; /* as it is kept: the id stands apart as well */
    for (size_t i = 0; i < p->topic_count; i++)
        size += p->topics[i].len;
    *ret_too_large = size > max_size;
    struct update *u = *ret_too_large ? NULL : lay_out(&f);
    if (u == NULL)
        return NULL;
    put_event((char *)u->event.ptr, p);
    u->made_ns = clock_mono_ns();
    return u;
}

struct update *
update_restore(const struct update_formatted *f)
{
    struct update *u = lay_out(f);
    if (u)
        put((char *)u->event.ptr, f->event);
    return u;
}

struct update *
update_ref(struct update *u)
{
    atomic_fetch_add_explicit(&u->refs, 1, memory_order_relaxed);
    return u;
}

bool
update_pin(struct update *u)
{
    return atomic_fetch_add_explicit(&u->pins, 1, memory_order_relaxed) == 0;
}

bool
update_unpin(struct update *u)
{
    return atomic_fetch_sub_explicit(&u->pins, 1, memory_order_relaxed) == 1;
}

void
update_unref(struct update **ref)
{
    struct update *u = *ref;
    *ref = NULL;
    if (u == NULL || atomic_fetch_sub_explicit(&u->refs, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t i = 0; i < u->topic_count; i++)
        topic_fini(&u->topics[i]);
    active_unref(&u->active);
    free(u->tally);
    free(u);
}
