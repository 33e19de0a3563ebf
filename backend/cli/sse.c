/* sse - lines into fields, fields into events; whatever way the bytes were cut. */

#include "cli/sse.h"

#include <string.h>

void
sse_init(struct sse *s, void (*on_event)(void *context, const struct sse_event *), void *context)
{
    *s = (struct sse){.retry_ms = UINT64_MAX, .on_event = on_event, .context = context};
    buf_init(&s->line, SSE_MAX_LINE);
    buf_init(&s->type, SSE_MAX_LINE);
    buf_init(&s->data, SSE_MAX_LINE);
    buf_init(&s->new_id, SSE_MAX_LINE);
    buf_init(&s->id, SSE_MAX_LINE);
}

void
sse_fini(struct sse *s)
{
    buf_fini(&s->line);
    buf_fini(&s->type);
    buf_fini(&s->data);
    buf_fini(&s->new_id);
    buf_fini(&s->id);
}

static void
set(struct buf *field, struct slice value)
{
    buf_clear(field);
    buf_add(field, value);
}

void
sse_restart(struct sse *s)
{
    buf_clear(&s->line);
    buf_clear(&s->type);
    buf_clear(&s->data);
    set(&s->new_id, buf_slice(&s->id));
    s->has_begun = s->after_cr = false;
}

/* An id without data moves the cursor and is no event. */
static void
dispatch(struct sse *s)
{
    set(&s->id, buf_slice(&s->new_id));
    struct sse_event event = {buf_slice(&s->id), buf_slice(&s->type), buf_slice(&s->data)};
    if (event.data.len) {
        event.data.len--; /* the last line end */
        s->on_event(s->context, &event);
    }
    buf_clear(&s->type);
    buf_clear(&s->data);
}

static void
take_field(struct sse *s, struct slice name, struct slice value)
{
    uint64_t ms;
    if (slice_eq(name, SLICE("data"))) {
        buf_add(&s->data, value);
        buf_add_byte(&s->data, '\n');
    } else if (slice_eq(name, SLICE("event"))) {
        set(&s->type, value);
    } else if (slice_eq(name, SLICE("id"))) {
        if (slice_index(value, 0) == value.len)
            set(&s->new_id, value);
    } else if (slice_eq(name, SLICE("retry"))) {
        if (slice_u64(value, UINT64_MAX - 1, &ms))
            s->retry_ms = ms;
    }
}

static void
take_line(struct sse *s)
{
    struct slice line = buf_slice(&s->line);
    if (!s->has_begun && slice_starts(line, SLICE("\xef\xbb\xbf")))
        line = slice_from(line, 3);
    s->has_begun = true;
    size_t colon = slice_index(line, ':');
    struct slice value = slice_from(line, colon + 1);
    if (line.len == 0)
        dispatch(s);
    else if (colon > 0) /* else a comment */
        take_field(s, slice_head(line, colon),
                   slice_starts(value, SLICE(" ")) ? slice_from(value, 1) : value);
    buf_clear(&s->line);
}

static size_t
length_of_line(struct slice bytes)
{
    size_t at = 0;
    while (at < bytes.len && bytes.ptr[at] != '\n' && bytes.ptr[at] != '\r')
        at++;
    return at;
}

bool
sse_feed(struct sse *s, struct slice bytes)
{
    while (bytes.len && !s->line.failed && !s->data.failed) {
        if (s->after_cr && bytes.ptr[0] == '\n')
            bytes = slice_from(bytes, 1);
        s->after_cr = false;
        size_t len = length_of_line(bytes);
        buf_add(&s->line, slice_head(bytes, len));
        if (len == bytes.len)
            break;
        s->after_cr = bytes.ptr[len] == '\r';
        if (!s->line.failed)
            take_line(s);
        bytes = slice_from(bytes, len + 1);
    }
    return !s->line.failed && !s->data.failed;
}
