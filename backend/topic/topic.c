/* topic - the text of a topic, and what is known about it.
 *
 * The URLs hang in a list that only ever grows at its head, by compare-and-exchange. Two threads
 * that need the same one at once both parse; the second finds the first's and drops its own. Most
 * topics are the same URL with every base, and have one node.
 *
 * An update may stay in memory for long, so a node is one allocation of just the bytes it needs,
 * and not the arena that the parser used. */

#include "topic/topic.h"

#include "base/alloc.h"
#include "base/ascii.h"
#include "topic/pattern.h"

#include <stdlib.h>
#include <string.h>

struct topic_url {
    struct topic_url *next;
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

static struct topic_url *
find(struct topic_url *list, struct slice base)
{
    while (list && !list->any_base && !slice_eq(list->base, base))
        list = list->next;
    return list;
}

static struct topic_url *
know(const struct topic *t, struct slice base)
{
    /* What is worked out about a topic is no part of what it is. */
    _Atomic(struct topic_url *) *head = &((struct topic *)t)->urls;
    struct topic_url *first = atomic_load_explicit(head, memory_order_acquire);
    struct topic_url *known = find(first, base);
    if (known)
        return known;
    struct topic_url *mine = parse(t->text, topic_is_absolute(t), base);
    if (mine == NULL)
        return NULL;
    do {
        if ((known = find(first, base)) != NULL) {
            free(mine);
            return known;
        }
        mine->next = first;
    } while (!atomic_compare_exchange_weak_explicit(head, &first, mine, memory_order_release,
                                                    memory_order_acquire));
    return mine;
}

bool
topic_url(const struct topic *t, struct slice base, const struct url **ret_url,
          struct slice *ret_key)
{
    const struct topic_url *known = know(t, base);
    if (known == NULL || !known->is_url)
        return false;
    if (ret_url)
        *ret_url = &known->url;
    if (ret_key)
        *ret_key = known->key;
    return true;
}

void
topic_move(struct topic *to, struct topic *from)
{
    atomic_store_explicit(&to->urls, atomic_exchange(&from->urls, NULL), memory_order_relaxed);
}

void
topic_forget(struct topic *t)
{
    struct topic_url *u = atomic_exchange(&t->urls, NULL), *next;
    for (; u; u = next) {
        next = u->next;
        free(u);
    }
}
