/* index - exact topics by hash, patterns by the literal they begin with, `*` apart.
 *
 * What streams subscribe to is an entry, interned: it lives while it has subscriptions. An exact
 * topic is its bytes and nothing else. A pattern is compiled once for all streams, and hangs in a
 * tree at the literal that every topic it matches begins with: a topic is tried against the
 * patterns on its way down, so that those that cannot match cost nothing.
 *
 * A walk matches one update and may pause between two patterns. What may happen meanwhile: a stream
 * leaves and takes the last subscription of a pattern along, which may be a candidate (it takes
 * itself out); a stream joins a pattern still to be tried, and comes up as a hit (the hub tells by
 * positions that this update is not for it). Only one walk is under way at a time. */

#include "hub/index.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

enum {
    TRY_STEPS = 10, /* what a candidate costs by being one */
    URL_STEPS = 50, /* what a topic costs that has to be parsed, and a byte of it a quarter */
    STRIKES = 3,
    STRIKE_TOPIC = 4096, /* a topic longer than that is not the pattern's fault */
};

struct pattern_entry {
    struct entry entry;
    enum matcher_type type;
    struct matcher *matcher;   /* owns */
    struct list node;          /* in place->values; in index.struck */
    struct prefix_node *place; /* NULL: struck, out of the tree */
    uint64_t stamp;
    uint32_t candidate; /* its place in the walk's list, if it is there */
    uint32_t strikes;
    uint32_t holds;
    bool is_unfixed;
    struct pattern_base *base; /* NULL: a template */
};

/* The hub's URL as some requests have it; a topic that is no absolute URL is another one with each.
 */
struct pattern_base {
    struct list node;
    size_t patterns;
    struct slice text;
    char bytes[];
};

static struct pattern_entry *
pattern_of(const struct entry *e)
{
    return CONTAINER_OF(e, struct pattern_entry, entry);
}

void
index_init(struct index *ix)
{
    *ix = (struct index){.limits = {SIZE_MAX, SIZE_MAX, SIZE_MAX}};
    entries_init(&ix->exact);
    entries_init(&ix->patterns);
    prefixes_init(&ix->templates);
    prefixes_init(&ix->url_patterns);
    list_init(&ix->bases);
    list_init(&ix->struck);
}

void
index_fini(struct index *ix)
{
    ENSURE(ix->everything.first == NULL); /* a walk under way is given up */
    entries_fini(&ix->exact);
    entries_fini(&ix->patterns);
    prefixes_fini(&ix->templates);
    prefixes_fini(&ix->url_patterns);
    free(ix->walk.candidates);
}

/* --- interning ------------------------------------------------------------------------------ */

static struct slice
exact_text(const struct entry *e)
{
    return SLICE_OF((const char *)(e + 1), e->len);
}

static bool
is_exact(const struct entry *e, const void *what)
{
    return slice_eq(exact_text(e), *(const struct slice *)what);
}

static struct entry *
find_exact(const struct index *ix, struct slice text)
{
    return entries_find(&ix->exact, (uint32_t)hash_slice(text), is_exact, &text);
}

static bool
is_pattern(const struct entry *e, const void *what)
{
    const struct pattern_entry *p = pattern_of(e);
    const struct selector *s = what;
    return p->type == s->type && slice_eq(matcher_text(p->matcher), s->text) &&
           (p->base == NULL || slice_eq(p->base->text, s->base));
}

static uint32_t
pattern_hash(const struct selector *s)
{
    return (uint32_t)hash_slice(s->text) ^ (s->base.len ? (uint32_t)hash_slice(s->base) : 0) ^
           (uint32_t)s->type;
}

static struct entry *
intern_exact(struct index *ix, struct slice text)
{
    struct entry *e = find_exact(ix, text);
    if (e)
        return e;
    e = xalloc(sizeof *e + text.len);
    e->hash = (uint32_t)hash_slice(text);
    e->len = (uint32_t)text.len;
    if (text.len)
        memcpy((char *)(e + 1), text.ptr, text.len);
    entries_add(&ix->exact, e);
    return e;
}

/* Does a topic tell nothing, or next to nothing, about whether such a pattern could match it? */
static bool
is_unfixed(struct slice prefix)
{
    size_t scheme = slice_find(prefix, SLICE("://"));
    return prefix.len == 0 || scheme + 3 == prefix.len;
}

static struct pattern_base *
find_base(const struct index *ix, struct slice text)
{
    for (struct list *node = ix->bases.next; node != &ix->bases; node = node->next) {
        struct pattern_base *base = CONTAINER_OF(node, struct pattern_base, node);
        if (slice_eq(base->text, text))
            return base;
    }
    return NULL;
}

static struct pattern_base *
intern_base(struct index *ix, struct slice text)
{
    struct pattern_base *base = find_base(ix, text);
    if (base == NULL) {
        base = xalloc(sizeof *base + text.len);
        if (text.len)
            memcpy(base->bytes, text.ptr, text.len);
        base->text = SLICE_OF(base->bytes, text.len);
        list_append(&ix->bases, &base->node);
        ix->base_count++;
    }
    base->patterns++;
    return base;
}

static void
release_base(struct index *ix, struct pattern_base *base)
{
    if (base == NULL || --base->patterns)
        return;
    list_unlink(&base->node);
    ix->base_count--;
    free(base);
}

static struct prefixes *
tree_of(struct index *ix, enum matcher_type type)
{
    return type == MATCHER_URLPATTERN ? &ix->url_patterns : &ix->templates;
}

static enum index_answer
intern_pattern(struct index *ix, const struct selector *s, struct matcher **matcher,
               struct pattern_entry **ret)
{
    struct slice prefix = matcher_prefix(*matcher);
    bool unfixed = is_unfixed(prefix), is_url = s->type == MATCHER_URLPATTERN;
    if (ix->patterns.count >= ix->limits.max_patterns)
        return INDEX_FULL;
    if (unfixed && ix->unfixed >= ix->limits.max_unfixed)
        return INDEX_FULL_OF_UNFIXED;
    if (is_url && ix->base_count >= ix->limits.max_bases && find_base(ix, s->base) == NULL)
        return INDEX_FULL_OF_BASES;
    struct pattern_entry *p = xalloc(sizeof *p);
    p->entry.is_pattern = true;
    p->entry.hash = pattern_hash(s);
    p->type = s->type;
    p->matcher = *matcher;
    *matcher = NULL;
    p->base = is_url ? intern_base(ix, s->base) : NULL;
    p->is_unfixed = unfixed;
    ix->unfixed += unfixed;
    p->place = prefixes_place(tree_of(ix, p->type), prefix);
    list_append(&p->place->values, &p->node);
    entries_add(&ix->patterns, &p->entry);
    *ret = p;
    return INDEX_ADDED;
}

static void
leave_tree(struct index *ix, struct pattern_entry *p)
{
    list_unlink(&p->node);
    if (p->place)
        prefixes_tidy(tree_of(ix, p->type), p->place);
    p->place = NULL;
    struct index_walk *w = &ix->walk;
    if (w->update && p->candidate < w->count && w->candidates[p->candidate] == p)
        w->candidates[p->candidate] = NULL;
}

/* If nobody needs it any more. */
static void
release(struct index *ix, struct entry *e)
{
    if (e->first || e == &ix->everything || (e->is_pattern && pattern_of(e)->holds))
        return;
    if (!e->is_pattern) {
        entries_remove(&ix->exact, e);
        free(e);
        return;
    }
    struct pattern_entry *p = pattern_of(e);
    leave_tree(ix, p);
    entries_remove(&ix->patterns, e);
    ix->unfixed -= p->is_unfixed;
    release_base(ix, p->base);
    matcher_free(&p->matcher);
    free(p);
}

bool
index_is_pattern(const struct selector *s)
{
    return !slice_eq(s->text, SLICE("*")) && s->type != MATCHER_EXACT &&
           (s->type != MATCHER_TEMPLATE || slice_index(s->text, '{') < s->text.len);
}

static struct entry *
find_pattern(const struct index *ix, const struct selector *s)
{
    return entries_find(&ix->patterns, pattern_hash(s), is_pattern, s);
}

bool
index_knows(const struct index *ix, const struct selector *s)
{
    return find_pattern(ix, s) != NULL;
}

static enum index_answer
intern(struct index *ix, const struct selector *s, struct entry **ret, struct error *err)
{
    if (slice_eq(s->text, SLICE("*")))
        *ret = &ix->everything;
    else if (!index_is_pattern(s))
        *ret = intern_exact(ix, s->text);
    else
        *ret = find_pattern(ix, s);
    if (*ret)
        return INDEX_ADDED;
    struct matcher *m = matcher_new(s->type, s->text, s->base, err);
    if (m == NULL)
        return INDEX_ILL_FORMED;
    if (matcher_kind(m) == MATCHER_IS_EXACT) {
        matcher_free(&m);
        *ret = intern_exact(ix, s->text);
        return INDEX_ADDED;
    }
    struct pattern_entry *p;
    enum index_answer answer = intern_pattern(ix, s, &m, &p);
    matcher_free(&m);
    if (answer == INDEX_ADDED)
        *ret = &p->entry;
    return answer;
}

enum index_answer
index_add(struct index *ix, struct subscription *s, struct stream *stream,
          const struct selector *selector, struct error *err)
{
    struct entry *e;
    *s = (struct subscription){.stream = stream};
    enum index_answer answer = intern(ix, selector, &e, err);
    if (answer != INDEX_ADDED)
        return answer;
    /* A stream names all its matchers at once, and the newest stands first. */
    if (e->first && e->first->stream == stream)
        return INDEX_TWICE;
    s->entry = e;
    s->next = e->first;
    s->at = &e->first;
    if (s->next)
        s->next->at = &s->next;
    e->first = s;
    return INDEX_ADDED;
}

void
index_remove(struct index *ix, struct subscription *s)
{
    struct entry *e = s->entry;
    if (e == NULL)
        return;
    s->entry = NULL;
    *s->at = s->next;
    if (s->next)
        s->next->at = s->at;
    release(ix, e);
}

enum index_answer
index_hold(struct index *ix, const struct selector *s, struct entry **ret_held)
{
    struct entry *e;
    *ret_held = NULL;
    if (!index_is_pattern(s))
        return INDEX_ADDED;
    enum index_answer answer = intern(ix, s, &e, NULL);
    if (answer != INDEX_ADDED)
        return answer;
    if (e->is_pattern) {
        pattern_of(e)->holds++;
        *ret_held = e;
    } else {
        release(ix, e); /* an invalid template comes out as an exact topic */
    }
    return INDEX_ADDED;
}

void
index_let_go(struct index *ix, struct entry *held)
{
    pattern_of(held)->holds--;
    release(ix, held);
}

bool
index_judge(const struct index *ix, const struct selector *s, struct error *err)
{
    if (!index_is_pattern(s) || s->type != MATCHER_URLPATTERN || index_knows(ix, s))
        return true;
    struct matcher *m = matcher_new(s->type, s->text, s->base, err);
    bool ok = m != NULL;
    matcher_free(&m);
    return ok;
}

/* --- matching ------------------------------------------------------------------------------- */

static void
spend(uint64_t *steps, uint64_t cost)
{
    *steps = *steps > cost ? *steps - cost : 0;
}

static void
hit_all(struct index_walk *w, const struct entry *e)
{
    for (struct subscription *s = e->first; s; s = s->next)
        w->hit(s->stream, w->context);
}

/* With a base: those of that base alone. */
static void
add_candidates(struct index_walk *w, struct list *patterns, const struct pattern_base *base)
{
    for (struct list *node = patterns->next; node != patterns; node = node->next) {
        struct pattern_entry *p = CONTAINER_OF(node, struct pattern_entry, node);
        if (p->stamp == w->stamp || (base && p->base != base))
            continue;
        if (w->count == w->cap) {
            w->cap = w->cap ? w->cap * 2 : 64;
            w->candidates = xrealloc(w->candidates, w->cap * sizeof *w->candidates);
        }
        p->candidate = w->count;
        w->candidates[w->count++] = p;
    }
}

static void
look_down(struct index_walk *w, struct prefixes *tree, struct slice text,
          const struct pattern_base *base)
{
    for (struct prefix_node *n = prefixes_first(tree); n; n = prefixes_next(n, &text))
        add_candidates(w, &n->values, base);
}

static void
collect_url_patterns(struct index *ix, const struct topic *topic, uint64_t *steps)
{
    struct slice key;
    uint64_t cost = URL_STEPS + topic->text.len / 4;
    spend(steps, cost * (topic_is_absolute(topic) ? 1 : ix->base_count));
    if (topic_is_absolute(topic)) {
        if (topic_url(topic, SLICE(""), NULL, &key))
            look_down(&ix->walk, &ix->url_patterns, key, NULL);
        return;
    }
    for (struct list *node = ix->bases.next; node != &ix->bases; node = node->next) {
        struct pattern_base *base = CONTAINER_OF(node, struct pattern_base, node);
        if (topic_url(topic, base->text, NULL, &key))
            look_down(&ix->walk, &ix->url_patterns, key, base);
    }
}

/* The patterns that the walk's topic has to be tried with. */
static void
collect_candidates(struct index *ix, uint64_t *steps)
{
    struct index_walk *w = &ix->walk;
    const struct topic *topic = &w->update->topics[w->topic];
    w->at = w->count = 0;
    if (ix->patterns.count == 0)
        return;
    look_down(w, &ix->templates, topic->text, NULL);
    if (ix->base_count)
        collect_url_patterns(ix, topic, steps);
}

void
index_begin(struct index *ix, const struct update *u, index_hit *hit, void *context,
            uint64_t *steps)
{
    struct index_walk *w = &ix->walk;
    ENSURE(w->update == NULL);
    w->update = u;
    w->hit = hit;
    w->context = context;
    w->stamp++;
    w->topic = 0;
    hit_all(w, &ix->everything);
    for (uint32_t i = 0; i < u->topic_count && ix->exact.count; i++) {
        struct entry *e = find_exact(ix, u->topics[i].text);
        if (e)
            hit_all(w, e);
    }
    collect_candidates(ix, steps);
}

/* It met the limit of steps once more. */
static void
strike(struct index *ix, struct pattern_entry *p, const struct topic *topic)
{
    metrics_bound_met(METRIC_max_match_steps, 0);
    if (topic->text.len > STRIKE_TOPIC || ++p->strikes != STRIKES)
        return;
    metrics_count(METRIC_patterns_struck);
    leave_tree(ix, p);
    list_append(&ix->struck, &p->node);
}

/* No more than max_match_steps, and no more than *steps if that is what is left of a replay. */
static enum match
try(struct index *ix, struct pattern_entry *p, const struct topic *topic, uint64_t *steps)
{
    uint64_t most = matcher_steps(topic), left = most;
    enum match answer = matcher_try(p->matcher, topic, &left);
    spend(steps, TRY_STEPS + (most - left));
    if (answer == MATCH_LIMIT)
        strike(ix, p, topic);
    return answer;
}

bool
index_go_on(struct index *ix, uint64_t *steps)
{
    struct index_walk *w = &ix->walk;
    for (;;) {
        while (w->at < w->count) {
            if (*steps == 0)
                return false;
            struct pattern_entry *p = w->candidates[w->at++];
            if (p == NULL || try(ix, p, &w->update->topics[w->topic], steps) != MATCH_YES)
                continue;
            p->stamp = w->stamp;
            hit_all(w, &p->entry);
        }
        if (w->topic + 1 >= w->update->topic_count)
            break;
        if (*steps == 0)
            return false;
        w->topic++;
        collect_candidates(ix, steps);
    }
    w->update = NULL;
    w->count = 0;
    return true;
}

enum match
subscription_match(struct index *ix, const struct subscription *s, const struct update *u,
                   uint64_t *steps)
{
    if (s->entry == &ix->everything)
        return MATCH_YES;
    struct pattern_entry *p = s->entry->is_pattern ? pattern_of(s->entry) : NULL;
    for (uint32_t i = 0; i < u->topic_count; i++) {
        const struct topic *topic = &u->topics[i];
        if (p == NULL) {
            if (slice_eq(exact_text(s->entry), topic->text))
                return MATCH_YES;
        } else if (p->place && try(ix, p, topic, steps) == MATCH_YES) {
            return MATCH_YES;
        }
    }
    return MATCH_NO;
}

bool
index_take_struck(struct index *ix, struct selector *ret, struct subscription **ret_first)
{
    struct list *node = list_shift(&ix->struck);
    if (node == NULL)
        return false;
    struct pattern_entry *p = CONTAINER_OF(node, struct pattern_entry, node);
    *ret = (struct selector){p->type, matcher_text(p->matcher),
                             p->base ? p->base->text : SLICE_OF(NULL, 0)};
    *ret_first = p->entry.first;
    return true;
}
