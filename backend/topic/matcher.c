/* matcher - one string of a subscription or a grant, made ready to be asked.
 *
 * A new type is a row of matcher_new()'s switch and a file that compiles and matches it. */

#include "topic/matcher.h"

#include "base/alloc.h"
#include "topic/template.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

struct matcher {
    atomic_uint refs;
    enum matcher_kind kind;
    struct template *template; /* owns */
    struct slice text;
    char bytes[];
};

static _Atomic uint64_t steps_of_a_match = 10000;

uint64_t
matcher_steps(const struct topic *t)
{
    return atomic_load_explicit(&steps_of_a_match, memory_order_relaxed) + t->text.len / 8;
}

void
matcher_set_steps(uint64_t steps)
{
    atomic_store_explicit(&steps_of_a_match, steps, memory_order_relaxed);
}

struct matcher *
matcher_new(enum matcher_type type, struct slice text, struct slice base, struct error *err)
{
    (void)base;
    struct matcher *m = try_alloc(sizeof *m + text.len);
    if (m == NULL) {
        error_set(err, "no memory");
        return NULL;
    }
    atomic_init(&m->refs, 1);
    if (text.len)
        memcpy(m->bytes, text.ptr, text.len);
    m->text = SLICE_OF(m->bytes, text.len);
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
        error_set(err, "URL Patterns are not available in this version");
        matcher_unref(&m);
        break;
    }
    return m;
}

struct matcher *
matcher_ref(struct matcher *m)
{
    atomic_fetch_add_explicit(&m->refs, 1, memory_order_relaxed);
    return m;
}

void
matcher_unref(struct matcher **ref)
{
    struct matcher *m = *ref;
    *ref = NULL;
    if (m == NULL || atomic_fetch_sub_explicit(&m->refs, 1, memory_order_acq_rel) != 1)
        return;
    template_free(&m->template);
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
    return m->template ? template_prefix(m->template) : m->text;
}

enum match
matcher_try(const struct matcher *m, const struct topic *t, uint64_t *steps)
{
    if (m->kind == MATCHER_IS_EVERYTHING || slice_eq(m->text, t->text))
        return MATCH_YES;
    if (m->kind == MATCHER_IS_TEMPLATE)
        return template_match(m->template, t->text, steps);
    return MATCH_NO;
}

bool
matcher_matches(const struct matcher *m, const struct topic *t)
{
    uint64_t steps = matcher_steps(t);
    return matcher_try(m, t, &steps) == MATCH_YES;
}
