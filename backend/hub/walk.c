/* walk - an update's topics, one after the other: exact topics by hash, then candidates of the
 * prefix trees, tried one by one.
 *
 * Everything in it takes steps, also what finds nothing: a topic, a candidate, a stream that is
 * told. So it may stop anywhere, and what it remembers (hub/bookmark.h) is where: the subscription
 * to be told next, the candidates that are left, the base whose URL Patterns have not been looked
 * up, the topic.
 *
 * What may happen until it goes on: a stream leaves, and may be the next to be told (the one behind
 * it is then), or take the last subscription of a candidate along (it takes itself out), or the
 * last pattern of a base (the base behind it is next); a stream joins a pattern still to be tried,
 * and comes up as a hit (the hub tells by positions that this update is not for it). Only one walk
 * is under way at a time.
 *
 * Bases are walked one by one, and what a base's candidates are is tried before the next: so the
 * topic is parsed once a base, even where it keeps one of them only (topic/topic.h). */

#include "hub/walk.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum {
    HIT_STEPS = 3, /* a stream that is told */
    HITS_AT_ONCE = 64,
    TOPIC_STEPS = 5,  /* a topic, and 64 bytes of it one */
    LISTED_STEPS = 1, /* a pattern, to be put on the list */
    TRY_STEPS = 10,   /* what a candidate costs by being one */
};

void
walk_begin(struct index *ix, const struct update *u, walk_hit *hit, void *context)
{
    struct bookmark *w = &ix->walk;
    ENSURE(w->update == NULL);
    w->update = u;
    w->hit = hit;
    w->context = context;
    w->stamp++;
    w->topic = w->at = w->count = 0;
    w->base = NULL;
    w->next = ix->everything.first;
}

/* With a base: those of that base alone. */
static void
add_candidates(struct bookmark *w, struct list *patterns, const struct pattern_base *base,
               uint64_t *steps)
{
    for (struct list *node = patterns->next; node != patterns; node = node->next) {
        struct pattern_entry *p = CONTAINER_OF(node, struct pattern_entry, node);
        match_take(steps, LISTED_STEPS);
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
look_down(struct bookmark *w, struct radix *tree, struct slice text,
          const struct pattern_base *base, uint64_t *steps)
{
    for (struct radix_node *n = radix_first(tree); n; n = radix_next(n, &text))
        add_candidates(w, &n->values, base, steps);
}

/* The candidates of the walk's base; a topic that is an absolute URL has those of all bases. */
static void
look_up_base(struct index *ix, const struct topic *topic, uint64_t *steps)
{
    struct bookmark *w = &ix->walk;
    const struct pattern_base *base = topic_is_absolute(topic) ? NULL : w->base;
    struct slice key, text = base ? base->text : SLICE("");
    w->base = base ? index_base_at(ix, base->node.next) : NULL;
    w->at = w->count = 0;
    match_take(steps, topic_parse(topic, text));
    if (topic_url(topic, text, NULL, &key))
        look_down(w, &ix->url_patterns, key, base, steps);
}

static void
begin_topic(struct index *ix, const struct topic *topic, uint64_t *steps)
{
    struct bookmark *w = &ix->walk;
    w->topic++;
    w->at = w->count = 0;
    match_take(steps, TOPIC_STEPS);
    if (ix->exact.count && topic->text.len <= ix->longest_exact) {
        struct entry *e = index_find_exact(ix, topic->text);
        match_take(steps, topic->text.len / 64);
        w->next = e ? e->first : NULL;
    }
    if (ix->patterns.count) {
        look_down(w, &ix->templates, topic->text, NULL, steps);
        w->base = index_base_at(ix, ix->bases.next);
    }
}

static enum match
try(struct index *ix, struct pattern_entry *p, const struct topic *topic, uint64_t *steps)
{
    uint64_t cost = TRY_STEPS + (p->base ? matcher_prepare(p->matcher, topic) : 0);
    uint64_t most = matcher_steps(topic), left = most;
    enum match answer = matcher_try(p->matcher, topic, &left);
    match_take(steps, cost + most - left);
    if (answer == MATCH_LIMIT)
        index_strike(ix, p, topic);
    return answer;
}

static void
try_next(struct index *ix, const struct topic *topic, uint64_t *steps)
{
    struct bookmark *w = &ix->walk;
    struct pattern_entry *p = w->candidates[w->at++];
    if (p == NULL || try(ix, p, topic, steps) != MATCH_YES)
        return;
    p->stamp = w->stamp;
    w->next = p->entry.first;
}

/* False: the steps are spent. */
static bool
tell(struct bookmark *w, uint64_t *steps)
{
    bool told = true;
    while (w->next && *steps && told) {
        struct subscription *s = w->next;
        uint64_t count = 0;
        for (; s && told && count < HITS_AT_ONCE; count += told, s = told ? s->next : s)
            told = w->hit(s->stream, w->context);
        match_take(steps, count * HIT_STEPS);
        w->next = s;
    }
    return w->next == NULL;
}

/* Finds whom to tell next, or comes nearer to it. False: there is nobody left. */
static bool
advance(struct index *ix, uint64_t *steps)
{
    struct bookmark *w = &ix->walk;
    const struct topic *topics = w->update->topics;
    if (w->at < w->count)
        try_next(ix, &topics[w->topic - 1], steps);
    else if (w->base)
        look_up_base(ix, &topics[w->topic - 1], steps);
    else if (w->topic < w->update->topic_count)
        begin_topic(ix, &topics[w->topic], steps);
    else
        return false;
    return true;
}

bool
walk_go_on(struct index *ix, uint64_t *steps)
{
    struct bookmark *w = &ix->walk;
    while (*steps && tell(w, steps)) {
        if (advance(ix, steps))
            continue;
        w->update = NULL;
        w->count = 0;
        return true;
    }
    return false;
}

enum match
walk_try(struct index *ix, const struct subscription *s, const struct topic *topic, uint64_t *steps)
{
    struct entry *e = s->entry;
    if (e == &ix->everything)
        return MATCH_YES;
    if (e->is_pattern && pattern_entry_of(e)->place)
        return try(ix, pattern_entry_of(e), topic, steps);
    match_take(steps, 1);
    bool is_equal = !e->is_pattern && slice_eq(index_exact_text(e), topic->text);
    return is_equal ? MATCH_YES : MATCH_NO; /* no: also a pattern that was struck */
}

static bool
one_begins_the_other(struct slice a, struct slice b)
{
    return slice_starts(a, b) || slice_starts(b, a);
}

bool
walk_may_meet_below(const struct subscription *s, const struct topic *below)
{
    const struct entry *e = s->entry;
    if (!e->is_pattern) /* `*` has no text */
        return e->len == 0 || slice_starts(index_exact_text(e), below->text);
    const struct pattern_entry *p = pattern_entry_of(e);
    struct slice key = below->text;
    if (p->base && !topic_url(below, p->base->text, NULL, &key))
        return false;
    if (p->base)
        key.len -= strlen("?#"); /* which stand behind the path */
    return one_begins_the_other(matcher_prefix(p->matcher), key);
}
