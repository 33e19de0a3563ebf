/* matcher - one string of a subscription or a grant, made ready to be asked.
 *
 * A new type is a row of matcher_new()'s switch and a file that compiles and matches it. */

#include "topic/matcher.h"

#include "base/alloc.h"
#include "topic/pattern.h"
#include "topic/template.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct matcher {
    enum matcher_kind kind;
    struct template *template; /* owns; of its kind */
    struct pattern *pattern;   /* owns; of its kind */
    struct slice text, base;
    char bytes[];
};

static _Atomic uint64_t steps_of_a_match = 10000;
static _Atomic size_t url_patterns; /* alive */

uint64_t
matcher_steps(const struct topic *t)
{
    size_t len = t->text.len < TOPIC_URL_MAX ? t->text.len : TOPIC_URL_MAX;
    return atomic_load_explicit(&steps_of_a_match, memory_order_relaxed) + len / 8;
}

void
matcher_set_steps(uint64_t steps)
{
    atomic_store_explicit(&steps_of_a_match, steps, memory_order_relaxed);
}

struct matcher *
matcher_new(enum matcher_type type, struct slice text, struct slice base, struct error *err)
{
    if (type != MATCHER_URLPATTERN)
        base = SLICE_OF(NULL, 0);
    struct matcher *m = try_alloc(sizeof *m + text.len + base.len);
    if (m == NULL) {
        error_set(err, "no memory");
        return NULL;
    }
    if (text.len)
        memcpy(m->bytes, text.ptr, text.len);
    m->text = SLICE_OF(m->bytes, text.len);
    if (base.len)
        memcpy(m->bytes + text.len, base.ptr, base.len);
    m->base = SLICE_OF(base.len ? m->bytes + text.len : NULL, base.len);
    m->kind = MATCHER_IS_EXACT;
    if (slice_eq(text, SLICE("*"))) {
        m->kind = MATCHER_IS_EVERYTHING;
        return m;
    }
    switch (type) {
    case MATCHER_EXACT:
        break;
    case MATCHER_TEMPLATE:
        if (slice_index(text, '{') == text.len)
            break;
        m->template = template_new(text, NULL);
        if (m->template)
            m->kind = MATCHER_IS_TEMPLATE;
        break;
    case MATCHER_URLPATTERN:
        m->kind = MATCHER_IS_URLPATTERN;
        m->pattern = pattern_new(text, m->base, err);
        if (m->pattern)
            atomic_fetch_add_explicit(&url_patterns, 1, memory_order_relaxed);
        else
            matcher_free(&m);
        break;
    }
    return m;
}

void
matcher_free(struct matcher **ref)
{
    struct matcher *m = *ref;
    *ref = NULL;
    if (m == NULL)
        return;
    template_free(&m->template);
    if (m->pattern)
        atomic_fetch_sub_explicit(&url_patterns, 1, memory_order_relaxed);
    pattern_free(&m->pattern);
    free(m);
}

enum matcher_kind
matcher_kind(const struct matcher *m)
{
    return m->kind;
}

struct slice
matcher_text(const struct matcher *m)
{
    return m->text;
}

struct slice
matcher_prefix(const struct matcher *m)
{
    return m->template  ? template_prefix(m->template)
           : m->pattern ? pattern_literal_prefix(m->pattern)
                        : m->text;
}

uint64_t
matcher_prepare(const struct matcher *m, const struct topic *t)
{
    return m->kind == MATCHER_IS_URLPATTERN ? topic_parse(t, m->base) : 0;
}

size_t
matcher_size(const struct matcher *m)
{
    return sizeof *m + m->text.len + m->base.len + (m->template ? template_size(m->template) : 0) +
           (m->pattern ? pattern_size(m->pattern) : 0);
}

static enum match
try_url(const struct matcher *m, const struct topic *t, uint64_t *steps)
{
    const struct url *url;
    struct slice key;
    if (!topic_url(t, m->base, &url, &key) ||
        !slice_starts(key, pattern_literal_prefix(m->pattern)))
        return MATCH_NO;
    return pattern_match(m->pattern, url, steps);
}

enum match
matcher_try(const struct matcher *m, const struct topic *t, uint64_t *steps)
{
    if (m->kind == MATCHER_IS_EVERYTHING)
        return MATCH_YES;
    if (m->kind == MATCHER_IS_URLPATTERN)
        return try_url(m, t, steps);
    if (slice_eq(m->text, t->text))
        return MATCH_YES;
    if (m->template == NULL || t->text.len > TOPIC_URL_MAX)
        return MATCH_NO;
    return template_match(m->template, t->text, steps);
}

bool
matcher_needs_urls(void)
{
    return atomic_load_explicit(&url_patterns, memory_order_relaxed) > 0;
}

const char *
matcher_trap(struct slice exact)
{
    if (slice_index(exact, '{') < exact.len)
        return "its braces are no valid URI Template, so it is compared as it stands";
    if (exact.len > 1 && slice_index(exact, '*') < exact.len)
        return "a * inside a topic is no wildcard: a template does it, like "
               "https://example.com/books/{id}";
    return NULL;
}
