/* index - exact topics by hash, patterns by the literal they begin with, `*` apart.
 *
 * What streams subscribe to is an entry, interned: it lives while it has subscriptions. An exact
 * topic is its bytes and nothing else. A pattern is compiled once for all streams, and hangs in a
 * tree at the literal that every topic it matches begins with: a topic is tried against the
 * patterns on its way down, so that those that cannot match cost nothing (hub/walk.c).
 *
 * Whoever brings something new has it on the account until it leaves, bytes and all (hub/shares.h).
 */

#include "hub/index.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "metrics/metrics.h"

#include <stdlib.h>
#include <string.h>

enum {
    STRIKE_TOPIC = 4096, /* a topic longer than that is not the pattern's fault */
};

void
index_init(struct index *ix)
{
    *ix = (struct index){0};
    memset(&ix->limits, 0xff, sizeof ix->limits);
    shares_init(&ix->shares);
    linear_hash_init(&ix->exact);
    linear_hash_init(&ix->patterns);
    radix_init(&ix->templates);
    radix_init(&ix->url_patterns);
    list_init(&ix->bases);
    list_init(&ix->struck);
}

void
index_fini(struct index *ix)
{
    ENSURE(ix->everything.first == NULL); /* a walk under way is given up */
    linear_hash_fini(&ix->exact);
    linear_hash_fini(&ix->patterns);
    radix_fini(&ix->templates);
    radix_fini(&ix->url_patterns);
    shares_fini(&ix->shares);
    free(ix->walk.candidates);
}

/* --- interning ------------------------------------------------------------------------------ */

struct slice
index_exact_text(const struct entry *e)
{
    return SLICE_OF((const char *)e + ENTRY_TEXT_AT, e->len);
}

static bool
is_exact(const struct entry *e, const void *what)
{
    return slice_eq(index_exact_text(e), *(const struct slice *)what);
}

struct entry *
index_find_exact(const struct index *ix, struct slice text)
{
    return linear_hash_find(&ix->exact, (uint32_t)hash_slice(text), is_exact, &text);
}

static bool
is_pattern(const struct entry *e, const void *what)
{
    const struct pattern_entry *p = pattern_entry_of(e);
    const struct selector *s = what;
    return p->type == s->type && slice_eq(matcher_text(p->matcher), s->text) &&
           (p->base == NULL || slice_eq(p->base->text, s->base));
}

uint64_t
index_hash(const struct selector *s)
{
    return hash_slice(s->text) ^ hash_slice(s->base) * 31 ^ (uint64_t)s->type;
}

static enum index_answer
take(struct index *ix, uint64_t client, const size_t amounts[SHARE_KINDS], uint32_t *ret_share)
{
    switch (shares_take(&ix->shares, client, amounts, &ix->limits, ret_share, &ix->full)) {
    case SHARES_TAKEN:
        return INDEX_ADDED;
    case SHARES_FULL:
        return INDEX_FULL;
    default:
        return INDEX_HOARDED;
    }
}

static size_t
exact_size(size_t len)
{
    return ENTRY_TEXT_AT + len > sizeof(struct entry) ? ENTRY_TEXT_AT + len : sizeof(struct entry);
}

static void
measure_exact(size_t len, size_t ret[SHARE_KINDS])
{
    memset(ret, 0, SHARE_KINDS * sizeof *ret);
    ret[SHARE_BYTES] = exact_size(len);
}

static void
measure_pattern(const struct pattern_entry *p, size_t ret[SHARE_KINDS])
{
    memset(ret, 0, SHARE_KINDS * sizeof *ret);
    ret[SHARE_BYTES] = sizeof *p + matcher_size(p->matcher);
    ret[SHARE_PATTERNS] = 1;
    ret[SHARE_UNFIXED] = p->is_unfixed;
}

static enum index_answer
intern_exact(struct index *ix, const struct selector *s, struct entry **ret)
{
    struct slice text = s->text;
    *ret = index_find_exact(ix, text);
    if (*ret)
        return INDEX_ADDED;
    uint32_t share;
    size_t amounts[SHARE_KINDS];
    measure_exact(text.len, amounts);
    enum index_answer answer = take(ix, s->client, amounts, &share);
    if (answer != INDEX_ADDED)
        return answer;
    struct entry *e = xalloc(exact_size(text.len));
    e->hash = (uint32_t)hash_slice(text);
    e->len = (uint32_t)text.len;
    e->share = share;
    if (text.len)
        memcpy((char *)e + ENTRY_TEXT_AT, text.ptr, text.len);
    if (text.len > ix->longest_exact)
        ix->longest_exact = text.len;
    linear_hash_add(&ix->exact, e);
    *ret = e;
    return INDEX_ADDED;
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
    struct pattern_base *base = index_base_at(ix, ix->bases.next);
    while (base && !slice_eq(base->text, text))
        base = index_base_at(ix, base->node.next);
    return base;
}

static void
measure_base(struct slice text, size_t ret[SHARE_KINDS])
{
    memset(ret, 0, SHARE_KINDS * sizeof *ret);
    ret[SHARE_BASES] = 1;
    ret[SHARE_BYTES] = sizeof(struct pattern_base) + text.len;
}

static enum index_answer
intern_base(struct index *ix, const struct selector *s, struct pattern_base **ret)
{
    struct pattern_base *base = find_base(ix, s->base);
    if (base == NULL) {
        uint32_t share;
        size_t amounts[SHARE_KINDS];
        measure_base(s->base, amounts);
        enum index_answer answer = take(ix, s->client, amounts, &share);
        if (answer != INDEX_ADDED)
            return answer;
        base = xalloc(sizeof *base + s->base.len);
        if (s->base.len)
            memcpy(base->bytes, s->base.ptr, s->base.len);
        base->text = SLICE_OF(base->bytes, s->base.len);
        base->share = share;
        list_append(&ix->bases, &base->node);
    }
    base->patterns++;
    *ret = base;
    return INDEX_ADDED;
}

static void
release_base(struct index *ix, struct pattern_base *base)
{
    size_t amounts[SHARE_KINDS];
    if (base == NULL || --base->patterns)
        return;
    measure_base(base->text, amounts);
    shares_give(&ix->shares, base->share, amounts);
    bookmark_forget_base(&ix->walk, base, index_base_at(ix, base->node.next));
    list_unlink(&base->node);
    free(base);
}

static struct radix *
tree_of(struct index *ix, enum matcher_type type)
{
    return type == MATCHER_URLPATTERN ? &ix->url_patterns : &ix->templates;
}

/* Takes the matcher if it answers INDEX_ADDED. */
static enum index_answer
intern_pattern(struct index *ix, const struct selector *s, struct matcher *matcher,
               struct entry **ret)
{
    struct slice prefix = matcher_prefix(matcher);
    struct pattern_base *base = NULL;
    enum index_answer answer;
    size_t amounts[SHARE_KINDS];
    if (s->type == MATCHER_URLPATTERN && (answer = intern_base(ix, s, &base)) != INDEX_ADDED)
        return answer;
    struct pattern_entry *p = xalloc(sizeof *p);
    *p = (struct pattern_entry){.entry = {.is_pattern = true, .hash = (uint32_t)index_hash(s)},
                                .type = s->type,
                                .matcher = matcher,
                                .base = base,
                                .is_unfixed = is_unfixed(prefix)};
    measure_pattern(p, amounts);
    answer = take(ix, s->client, amounts, &p->entry.share);
    if (answer != INDEX_ADDED) {
        release_base(ix, base);
        free(p);
        return answer;
    }
    p->place = radix_place(tree_of(ix, p->type), prefix);
    list_append(&p->place->values, &p->node);
    linear_hash_add(&ix->patterns, &p->entry);
    *ret = &p->entry;
    return INDEX_ADDED;
}

static void
leave_tree(struct index *ix, struct pattern_entry *p)
{
    list_unlink(&p->node);
    if (p->place)
        radix_tidy(tree_of(ix, p->type), p->place);
    p->place = NULL;
    bookmark_forget_pattern(&ix->walk, p);
}

/* If nobody needs it any more. */
static void
release(struct index *ix, struct entry *e)
{
    if (e->first || e == &ix->everything || (e->is_pattern && pattern_entry_of(e)->holds))
        return;
    size_t amounts[SHARE_KINDS];
    if (!e->is_pattern) {
        measure_exact(e->len, amounts);
        shares_give(&ix->shares, e->share, amounts);
        linear_hash_remove(&ix->exact, e);
        free(e);
        return;
    }
    struct pattern_entry *p = pattern_entry_of(e);
    measure_pattern(p, amounts);
    shares_give(&ix->shares, e->share, amounts);
    leave_tree(ix, p);
    linear_hash_remove(&ix->patterns, e);
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
    return linear_hash_find(&ix->patterns, (uint32_t)index_hash(s), is_pattern, s);
}

bool
index_knows(const struct index *ix, const struct selector *s)
{
    return find_pattern(ix, s) != NULL;
}

static enum index_answer
intern(struct index *ix, const struct selector *s, struct entry **ret, struct error *err)
{
    *ret = slice_eq(s->text, SLICE("*")) ? &ix->everything : NULL;
    if (*ret)
        return INDEX_ADDED;
    if (!index_is_pattern(s))
        return intern_exact(ix, s, ret);
    if ((*ret = find_pattern(ix, s)) != NULL)
        return INDEX_ADDED;
    struct matcher *m = matcher_new(s->type, s->text, s->base, err);
    if (m == NULL)
        return INDEX_ILL_FORMED;
    enum index_answer answer = matcher_kind(m) == MATCHER_IS_EXACT ? intern_exact(ix, s, ret)
                                                                   : intern_pattern(ix, s, m, ret);
    if (answer != INDEX_ADDED || !(*ret)->is_pattern)
        matcher_free(&m);
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
    bookmark_forget_subscription(&ix->walk, s);
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
        pattern_entry_of(e)->holds++;
        *ret_held = e;
    } else {
        release(ix, e); /* an invalid template comes out as an exact topic */
    }
    return INDEX_ADDED;
}

void
index_let_go(struct index *ix, struct entry *held)
{
    pattern_entry_of(held)->holds--;
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

/* --- strikes -------------------------------------------------------------------------------- */

/* A topic counts once, however often it comes by: those that replay it, one after the other, must
 * not end the streams of everybody else. */
void
index_strike(struct index *ix, struct pattern_entry *p, const struct topic *topic)
{
    metrics_bound_met(METRIC_max_match_steps, 0);
    if (topic->text.len > STRIKE_TOPIC || p->strikes == PATTERN_STRIKES)
        return;
    uint32_t hash = (uint32_t)hash_slice(topic->text);
    for (uint32_t i = 0; i < p->strikes; i++)
        if (p->struck_by[i] == hash)
            return;
    if (p->strikes < PATTERN_STRIKES - 1)
        p->struck_by[p->strikes] = hash;
    if (++p->strikes < PATTERN_STRIKES)
        return;
    metrics_count(METRIC_patterns_struck);
    leave_tree(ix, p);
    list_append(&ix->struck, &p->node);
}

bool
index_take_struck(struct index *ix, struct selector *ret, struct subscription **ret_first)
{
    struct list *node = list_shift(&ix->struck);
    if (node == NULL)
        return false;
    struct pattern_entry *p = CONTAINER_OF(node, struct pattern_entry, node);
    *ret = (struct selector){.type = p->type,
                             .text = matcher_text(p->matcher),
                             .base = p->base ? p->base->text : SLICE_OF(NULL, 0)};
    *ret_first = p->entry.first;
    return true;
}
