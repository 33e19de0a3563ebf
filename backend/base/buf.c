/* buf - a growing run of bytes that knows how large it may become. */

#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void
buf_init(struct buf *b, size_t max)
{
    *b = (struct buf){.max = max};
}

void
buf_fini(struct buf *b)
{
    free(b->ptr);
    *b = (struct buf){.max = b->max};
}

void
buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
}

bool
buf_reserve(struct buf *b, size_t more)
{
    if (b->failed)
        return false;
    if (more > b->max - b->len) {
        b->failed = true;
        return false;
    }
    if (more <= b->cap - b->len)
        return true;
    size_t cap = b->cap ? b->cap * 2 : 64;
    if (cap < b->len + more)
        cap = b->len + more;
    if (cap > b->max)
        cap = b->max;
    char *p = realloc(b->ptr, cap);
    if (p == NULL) {
        b->failed = true;
        return false;
    }
    b->ptr = p;
    b->cap = cap;
    return true;
}

void
buf_add(struct buf *b, struct slice s)
{
    if (s.len == 0 || !buf_reserve(b, s.len))
        return;
    memcpy(b->ptr + b->len, s.ptr, s.len);
    b->len += s.len;
}

void
buf_add_byte(struct buf *b, char byte)
{
    buf_add(b, SLICE_OF(&byte, 1));
}

void
buf_addf(struct buf *b, const char *fmt, ...)
{
    char small[256];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(small, sizeof small, fmt, args);
    va_end(args);
    if (n < 0) {
        b->failed = true;
        return;
    }
    if ((size_t)n < sizeof small) {
        buf_add(b, SLICE_OF(small, (size_t)n));
        return;
    }
    char *large = malloc((size_t)n + 1);
    if (large == NULL) {
        b->failed = true;
        return;
    }
    va_start(args, fmt);
    vsnprintf(large, (size_t)n + 1, fmt, args);
    va_end(args);
    buf_add(b, SLICE_OF(large, (size_t)n));
    free(large);
}

void
buf_drop(struct buf *b, size_t len)
{
    if (len >= b->len) {
        b->len = 0;
        return;
    }
    memmove(b->ptr, b->ptr + len, b->len - len);
    b->len -= len;
}

struct slice
buf_slice(const struct buf *b)
{
    return SLICE_OF(b->ptr, b->len);
}
