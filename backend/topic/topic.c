/* topic - the text of a topic, and what is known about it.
 *
 * One URL is kept with a topic: that of the first base it was asked with, put there once, by
 * compare-and-exchange. A topic `scheme://` is the same URL with every base; of any other a client
 * could ask for as many as there are host names. A further one is only remembered by the thread
 * that needs it, until it needs another: whoever tries several patterns of one base in a row has it
 * parsed once. What is kept is counted for the process, whatever updates it is kept with, because
 * their own size was counted before anybody asked.
 *
 * An update may stay in memory for long, so what is kept is one allocation of just the bytes it
 * needs, and not the arena that the parser used. */

#include "topic/topic.h"

#include "base/alloc.h"
#include "base/ascii.h"
#include "topic/pattern.h"
#include "topic/url_parse.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    PARSE_STEPS = 80, /* what a topic costs that has to be parsed; each byte is one more */
};

struct topic_url {
    size_t size; /* of this allocation */
    bool is_url, any_base;
    struct slice base; /* where the base matters */
    struct url url;
    struct slice key;
    char bytes[];
};

static bool
is_scheme_byte(char c)
{
    return ascii_is_alnum(c) || c == '+' || c == '-' || c == '.';
}

/* `scheme://`, as it stands: the parser looks at the base of no such URL. */
bool
topic_is_absolute(const struct topic *t)
{
    struct slice s = t->text;
    size_t i = 0;
    if (s.len == 0 || !ascii_is_letter(s.ptr[0]))
        return false;
    while (i < s.len && is_scheme_byte(s.ptr[i]))
        i++;
    return slice_starts(slice_from(s, i), SLICE("://"));
}

static void
put(char **at, struct slice *s)
{
    if (s->len)
        memcpy(*at, s->ptr, s->len);
    s->ptr = *at;
    *at += s->len;
}

/* NULL: no memory. */
static struct topic_url *
compact(const struct url *url, struct slice key, struct slice base)
{
    struct topic_url found = {.is_url = url != NULL, .base = base, .key = key};
    if (url)
        found.url = *url;
    struct slice *const parts[] = {
        &found.base,         &found.key,          &found.url.scheme, &found.url.username,
        &found.url.password, &found.url.host,     &found.url.port,   &found.url.path,
        &found.url.query,    &found.url.fragment,
    };
    size_t size = 0;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        size += parts[i]->len;
    struct topic_url *u = try_alloc(sizeof *u + size);
    if (u == NULL)
        return NULL;
    found.size = sizeof *u + size;
    char *at = u->bytes;
    for (size_t i = 0; i < COUNT_OF(parts); i++)
        put(&at, parts[i]);
    *u = found;
    return u;
}

static struct topic_url *
parse(struct slice text, bool any_base, struct slice base)
{
    struct arena arena;
    struct url base_url, url;
    struct slice key = SLICE("");
    arena_init(&arena, 16 * (text.len + base.len) + 65536);
    bool has_base = !any_base && base.len && url_parse(&arena, base, NULL, &base_url);
    bool is_url = text.len <= TOPIC_URL_MAX &&
                  url_parse(&arena, text, has_base ? &base_url : NULL, &url) &&
                  pattern_key(&arena, &url, &key);
    struct topic_url *u = compact(is_url ? &url : NULL, key, any_base ? SLICE("") : base);
    if (u)
        u->any_base = any_base;
    arena_fini(&arena);
    return u;
}

static bool
fits(const struct topic_url *u, struct slice base)
{
    return u->any_base || slice_eq(u->base, base);
}

/* --- what a thread remembers ------------------------------------------------------------------ */

struct memory {
    struct topic_url *url; /* owns; of `text` */
    struct slice text;     /* owns */
};

static pthread_key_t memory_key;
static pthread_once_t memory_once = PTHREAD_ONCE_INIT;

static void
memory_free(void *memory)
{
    struct memory *m = memory;
    free(m->url);
    free((char *)m->text.ptr);
    free(m);
}

static void
make_memory_key(void)
{
    ENSURE(pthread_key_create(&memory_key, memory_free) == 0);
}

static struct memory *
memory(void)
{
    pthread_once(&memory_once, make_memory_key);
    struct memory *m = pthread_getspecific(memory_key);
    if (m == NULL) {
        m = xalloc(sizeof *m);
        pthread_setspecific(memory_key, m);
    }
    return m;
}

/* Takes `u`. */
static void
remember(struct memory *m, struct slice text, struct topic_url *u)
{
    char *copy = try_alloc(text.len + 1);
    free(m->url);
    free((char *)m->text.ptr);
    if (copy && text.len)
        memcpy(copy, text.ptr, text.len);
    m->text = SLICE_OF(copy, copy ? text.len : 0);
    m->url = u;
}

/* --- what is kept ----------------------------------------------------------------------------- */

static _Atomic size_t kept_bytes, room = 4 << 20;

void
topic_set_room(size_t bytes)
{
    atomic_store_explicit(&room, bytes, memory_order_relaxed);
}

size_t
topic_kept(void)
{
    return atomic_load_explicit(&kept_bytes, memory_order_relaxed);
}

/* Takes `u` if it answers true: it is the topic's from then. */
static bool
keep(const struct topic *t, struct topic_url *u)
{
    /* What is worked out about a topic is no part of what it is. */
    _Atomic(struct topic_url *) *kept = &((struct topic *)t)->kept;
    struct topic_url *none = NULL;
    if (atomic_fetch_add_explicit(&kept_bytes, u->size, memory_order_relaxed) + u->size <=
            atomic_load_explicit(&room, memory_order_relaxed) &&
        atomic_compare_exchange_strong_explicit(kept, &none, u, memory_order_release,
                                                memory_order_relaxed))
        return true;
    atomic_fetch_sub_explicit(&kept_bytes, u->size, memory_order_relaxed);
    return false;
}

/* NULL: no memory. */
static const struct topic_url *
know(const struct topic *t, struct slice base, uint64_t *ret_steps)
{
    struct topic_url *kept = atomic_load_explicit(&t->kept, memory_order_acquire);
    *ret_steps = 0;
    if (kept && fits(kept, base))
        return kept;
    struct memory *m = memory();
    if (m->url && fits(m->url, base) && slice_eq(m->text, t->text))
        return m->url;
    *ret_steps = PARSE_STEPS + (t->text.len <= TOPIC_URL_MAX ? t->text.len : 0);
    struct topic_url *mine = parse(t->text, topic_is_absolute(t), base);
    if (mine && (kept || !keep(t, mine)))
        remember(m, t->text, mine);
    return mine;
}

bool
topic_url(const struct topic *t, struct slice base, const struct url **ret_url,
          struct slice *ret_key)
{
    uint64_t steps;
    const struct topic_url *known = know(t, base, &steps);
    if (known == NULL || !known->is_url)
        return false;
    if (ret_url)
        *ret_url = &known->url;
    if (ret_key)
        *ret_key = known->key;
    return true;
}

uint64_t
topic_parse(const struct topic *t, struct slice base)
{
    uint64_t steps;
    know(t, base, &steps);
    return steps;
}

void
topic_move(struct topic *to, struct topic *from)
{
    atomic_store_explicit(&to->kept, atomic_exchange(&from->kept, NULL), memory_order_relaxed);
}

void
topic_forget(struct topic *t)
{
    struct topic_url *u = atomic_exchange(&t->kept, NULL);
    if (u)
        atomic_fetch_sub_explicit(&kept_bytes, u->size, memory_order_relaxed);
    free(u);
}
