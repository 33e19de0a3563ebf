/* line - numbers of streams, and records of few bytes.
 *
 * A number is used again only once the hub has said that it is free, or is gone. The table has a
 * place for each that there can be: half a megabyte of which the kernel gives what is touched. */

#include "mod_alipes/line.h"

#include "base/alloc.h"
#include "gateway/fastcgi/record.h"

#include <stdlib.h>

enum {
    RETRY_MS = 1000,
    FRAME = 64,             /* of a chunk */
    RETRY_SPREAD_MS = 4000, /* so that they do not come back at once */
};

bool
line_init(struct line *l, int epoll, unsigned seed)
{
    *l = (struct line){.epoll = epoll, .seed = seed};
    buf_init(&l->out, SIZE_MAX);
    buf_init(&l->frame, SIZE_MAX);
    list_init(&l->streams);
    list_init(&l->closing);
    l->by_id = calloc(LINE_IDS, sizeof(struct stream *));
    return l->by_id != NULL && buf_reserve(&l->frame, RECORD_CONTENT + FRAME);
}

void
line_fini(struct line *l)
{
    buf_fini(&l->out);
    buf_fini(&l->frame);
    free(l->by_id);
}

struct stream *
line_find(const struct line *l, uint16_t id)
{
    return l->by_id[id];
}

void
line_fetch(const struct line *l, uint16_t id)
{
    const char *s = (const char *)l->by_id[id];
    if (s == NULL)
        return;
    __builtin_prefetch(s, 1);
    __builtin_prefetch(s + 64, 1);
}

bool
line_number(struct line *l, struct stream *s)
{
    if (l->count >= l->max || l->count >= LINE_IDS - 1)
        return false;
    do {
        l->last++;
    } while (l->last == 0 || l->by_id[l->last]);
    l->by_id[l->last] = s;
    l->count++;
    s->id = l->last;
    return true;
}

void
line_unnumber(struct line *l, struct stream *s)
{
    if (s->id == 0)
        return;
    l->by_id[s->id] = NULL;
    l->count--;
    s->id = 0;
}

void
line_say(struct line *l, uint8_t type, uint16_t id)
{
    if (l->is_up && id)
        record_add_empty(&l->out, type, id);
}

unsigned
line_retry_ms(struct line *l)
{
    return RETRY_MS + (unsigned)rand_r(&l->seed) % RETRY_SPREAD_MS;
}
