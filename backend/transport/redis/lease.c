/* lease - each hub lives for as long as its beat goes on.
 *
 * No clock is compared with another: every hub looks once a second at the beats of all others, and
 * one whose beat has stood still for a whole lease, in one session, is gone. So a store that was
 * away, or a clock that jumps, ends nobody. One of those who see it takes its place (lease.lua),
 * and its subscriptions go to the departures of this hub, which end them. A hub that stops in good
 * order says so, and what was there is held back for those who come back elsewhere.
 *
 *     seen       its beat is known, and since when it has been that
 *     absent     it is claimed, or was never there; where subscriptions of it are active for a
 * whole lease all the same, whoever claimed it has not ended them, and another does: what is ended
 * twice is ended once (publish.lua)
 *
 * Where this hub has lost the stream from sight its streams have ended, and what the store has of
 * them is left behind as by any other hub: it may have lost ends that were told.
 *
 * What one gets wrong: a page may have come back elsewhere before its hub's end was noticed. Its
 * old subscription need not be held back, so whoever is the same and began later is looked for. */

#include "transport/redis/lease.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"

#include <stdlib.h>
#include <string.h>

enum {
    TICK_MS = 1000,
    BEAT_LEN = 24,
    AT_ONCE = 256,
};

struct watch {
    uint64_t node, since_ms;
    char beat[BEAT_LEN]; /* empty: absent */
    bool is_seen;        /* in the answer that is being read */
    bool is_ours;        /* this hub has taken its place */
};

/* What one hub has left behind, or a part of it. */
struct orphaned {
    struct list node;
    enum orphan_kind kind;
    size_t count, given, cap;
    struct active **all; /* owns, with references to what is not given */
};

void
lease_init(struct lease *l, struct session *session, struct roll *roll, struct broadcast *broadcast,
           uint64_t node, uint64_t lease_ms)
{
    *l = (struct lease){.session = session,
                        .roll = roll,
                        .broadcast = broadcast,
                        .node = node,
                        .lease_ms = lease_ms,
                        .is_left = true};
    list_init(&l->asked);
    list_init(&l->orphaned);
    if (roll->registry)
        l->watches = xalloc(ROLL_HUBS * sizeof *l->watches);
}

static void
free_orphaned(struct orphaned *o)
{
    while (o->given < o->count)
        active_unref(&o->all[o->given++]);
    list_unlink(&o->node);
    free(o->all);
    free(o);
}

void
lease_fini(struct lease *l)
{
    while (!list_is_empty(&l->orphaned))
        free_orphaned(CONTAINER_OF(l->orphaned.next, struct orphaned, node));
    free(l->watches);
}

/* --- what is left behind ---------------------------------------------------------------------- */

static void
give(struct lease *l)
{
    while (!list_is_empty(&l->asked) && !list_is_empty(&l->orphaned)) {
        struct transport_orphans *t =
            CONTAINER_OF(list_shift(&l->asked), struct transport_orphans, message.node);
        struct orphaned *o = CONTAINER_OF(l->orphaned.next, struct orphaned, node);
        t->kind = o->kind;
        for (t->count = 0; t->count < TRANSPORT_ORPHANS && o->given < o->count; t->count++)
            t->all[t->count] = o->all[o->given++];
        if (o->given == o->count)
            free_orphaned(o);
        broadcast_answer(l->broadcast, t->origin, &t->message);
    }
}

void
lease_take(struct lease *l, struct list *asked)
{
    list_splice(&l->asked, asked);
    give(l);
}

static void
put(struct orphaned *o, struct active *a)
{
    if (o->count == o->cap) {
        o->cap = o->cap ? 2 * o->cap : AT_ONCE;
        o->all = xrealloc(o->all, o->cap * sizeof(struct active *));
    }
    o->all[o->count++] = a;
}

/* Those of the hub, and, of all others, those who are somebody. With references. */
static void
collect(const struct lease *l, uint64_t node, struct orphaned *left, struct orphaned *others)
{
    for (int dialect = 0; dialect < DIALECTS; dialect++) {
        struct active *some[AT_ONCE];
        struct registry_walk walk;
        registry_walk_begin(l->roll->registry, &walk, (enum dialect)dialect, SLICE(""), NULL);
        for (size_t count; (count = registry_walk_next(&walk, some, AT_ONCE)) > 0;)
            for (size_t i = 0; i < count; i++) {
                if (some[i]->owner == node)
                    put(left, some[i]);
                else if (some[i]->same)
                    put(others, some[i]);
                else
                    active_unref(&some[i]);
            }
    }
}

/* By who is the same; the latest of those first. */
static int
by_same(const void *one, const void *other)
{
    const struct active *a = *(struct active *const *)one, *b = *(struct active *const *)other;
    if (a->same != b->same)
        return a->same < b->same ? -1 : 1;
    return position_cmp(b->begun, a->begun);
}

static bool
is_back(const struct orphaned *others, const struct active *a)
{
    size_t low = 0, high = others->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (others->all[middle]->same < a->same)
            low = middle + 1;
        else
            high = middle;
    }
    return low < others->count && others->all[low]->same == a->same &&
           position_cmp(others->all[low]->begun, a->begun) > 0;
}

static struct orphaned *
orphaned_new(enum orphan_kind kind)
{
    struct orphaned *o = xalloc(sizeof *o);
    list_init(&o->node);
    o->kind = kind;
    return o;
}

static void
hand_over(struct lease *l, struct orphaned *o)
{
    if (o->count == 0)
        free_orphaned(o);
    else
        list_append(&l->orphaned, &o->node);
}

static void
adopt(struct lease *l, uint64_t node, enum orphan_kind kind)
{
    struct orphaned all = {.kind = kind}, others = {.kind = kind};
    struct orphaned *left = orphaned_new(kind), *back = orphaned_new(ORPHAN_BACK);
    list_init(&others.node);
    list_init(&all.node);
    collect(l, node, &all, &others);
    if (others.count)
        qsort(others.all, others.count, sizeof *others.all, by_same);
    for (size_t i = 0; i < all.count; i++)
        put(all.all[i]->same && is_back(&others, all.all[i]) ? back : left, all.all[i]);
    log_line(LOG_INFO, "redis_hub_gone", "hub=%012llx why=%s active=%zu back=%zu",
             (unsigned long long)node,
             node == l->node          ? "break"
             : kind == ORPHAN_STOPPED ? "stopped"
                                      : "dead",
             all.count, back->count);
    free(all.all);
    while (others.count)
        active_unref(&others.all[--others.count]);
    free(others.all);
    hand_over(l, back);
    hand_over(l, left);
    give(l);
}

/* --- watching --------------------------------------------------------------------------------- */

static struct watch *
watch(struct lease *l, uint64_t node, uint64_t now_ms)
{
    for (size_t i = 0; i < l->watch_count; i++)
        if (l->watches[i].node == node)
            return &l->watches[i];
    if (l->watch_count == ROLL_HUBS)
        return NULL;
    struct watch *w = &l->watches[l->watch_count++];
    *w = (struct watch){.node = node, .since_ms = now_ms};
    return w;
}

static void
see(struct lease *l, uint64_t node, struct slice beat, uint64_t now_ms)
{
    struct watch *w = watch(l, node, now_ms);
    if (w == NULL)
        return;
    w->is_seen = beat.len > 0;
    if (beat.len >= BEAT_LEN || slice_eq(beat, slice_of(w->beat)))
        return;
    memcpy(w->beat, beat.ptr, beat.len);
    w->beat[beat.len] = '\0';
    w->since_ms = now_ms;
}

/* Those who were not in the answer, and those who are known by what they have left alone. */
static void
note_absent(struct lease *l, uint64_t now_ms)
{
    const struct roll *r = l->roll;
    for (size_t i = 0; i < r->hub_count; i++)
        if (r->hubs[i].node != l->node)
            watch(l, r->hubs[i].node, now_ms);
    for (size_t i = 0; i < l->watch_count; i++) {
        struct watch *w = &l->watches[i];
        if (!w->is_seen && w->beat[0]) {
            w->beat[0] = '\0';
            w->since_ms = now_ms;
        }
    }
}

static size_t
active_of(const struct lease *l, uint64_t node)
{
    const struct roll *r = l->roll;
    for (size_t i = 0; i < r->hub_count; i++)
        if (r->hubs[i].node == node)
            return r->hubs[i].count;
    return 0;
}

static bool
has_left(const struct watch *w)
{
    return strcmp(w->beat, "left") == 0;
}

/* Somebody is to take the place of the first of them. */
static const struct watch *
find_gone(const struct lease *l, uint64_t now_ms)
{
    for (size_t i = 0; i < l->watch_count; i++) {
        const struct watch *w = &l->watches[i];
        if (w->beat[0] && (has_left(w) || now_ms - w->since_ms >= l->lease_ms))
            return w;
    }
    return NULL;
}

/* Whoever claimed them has not ended them; and those of whom nothing is left are forgotten. */
static void
look_after_absent(struct lease *l, uint64_t now_ms)
{
    for (size_t i = l->watch_count; i-- > 0;) {
        struct watch *w = &l->watches[i];
        if (w->beat[0]) {
            w->is_ours = false; /* it lives again */
            continue;
        }
        if (active_of(l, w->node) == 0) {
            *w = l->watches[--l->watch_count];
        } else if (now_ms - w->since_ms >= l->lease_ms) {
            w->since_ms = now_ms;
            w->is_ours = true;
            adopt(l, w->node, ORPHAN_DEAD);
        }
    }
}

static void
take_place(struct lease *l, const struct watch *gone, uint64_t now_ms)
{
    struct watch *w = watch(l, gone->node, now_ms);
    if (w)
        w->is_ours = true;
    l->tick_ms = now_ms; /* there may be more of them */
    adopt(l, gone->node, has_left(gone) ? ORPHAN_STOPPED : ORPHAN_DEAD);
}

static void
look_at_own(struct lease *l)
{
    if (l->roll->was_read && active_of(l, l->node))
        adopt(l, l->node, ORPHAN_STOPPED);
    l->roll->was_read = false;
}

/* --- beats ------------------------------------------------------------------------------------ */

/* False: it has another shape. */
static bool
read_beats(struct lease *l, const struct resp *a, uint64_t now_ms)
{
    if (a->kind != RESP_ARRAY || a->count == 0 || a->items[0].kind != RESP_INTEGER)
        return false;
    for (size_t i = 0; i < l->watch_count; i++)
        l->watches[i].is_seen = false;
    for (uint32_t i = 1; i + 1 < a->count; i += 2) {
        uint64_t node;
        if (a->items[i + 1].kind == RESP_TEXT && entry_node_read(a->items[i].text, &node) &&
            node != l->node)
            see(l, node, a->items[i + 1].text, now_ms);
    }
    return true;
}

static void
on_beats(void *owner, const struct resp *a)
{
    struct lease *l = owner;
    uint64_t now = clock_mono_ms();
    struct watch claimed = l->claimed ? *l->claimed : (struct watch){0};
    l->is_asked = false;
    l->claimed = NULL;
    if (a->kind == RESP_ERROR && slice_starts(a->text, SLICE("NOSCRIPT"))) {
        l->is_whole = true;
        l->tick_ms = now;
    } else if (!read_beats(l, a, now)) {
        session_fail_with(l->session, "beating", a);
    } else {
        note_absent(l, now);
        if (a->items[0].integer == 1)
            take_place(l, &claimed, now);
        look_after_absent(l, now);
    }
}

static void
on_left(void *owner, const struct resp *a)
{
    struct lease *l = owner;
    (void)a;
    l->is_asked = false;
    l->is_left = true;
}

static struct buf *
ask(struct lease *l, uint64_t now_ms, bool whole, size_t args, talk_answer *answer)
{
    struct buf *out = session_ask(l->session, TALK_READ, now_ms, answer, l);
    script_begin(out, SCRIPT_LEASE, &l->session->keys, whole, 1 + args);
    entry_add_node(out, l->node);
    l->is_asked = true;
    return out;
}

static void
beat(struct lease *l, uint64_t now_ms)
{
    l->claimed = l->is_stopping ? NULL : find_gone(l, now_ms);
    struct buf *out = ask(l, now_ms, l->is_whole, l->claimed ? 2 : 0, on_beats);
    if (l->claimed) {
        entry_add_node(out, l->claimed->node);
        resp_add(out, slice_of(l->claimed->beat));
    }
    l->is_whole = false;
    l->tick_ms = now_ms + TICK_MS;
}

static void
leave(struct lease *l, uint64_t now_ms)
{
    size_t ours = 0;
    for (size_t i = 0; i < l->watch_count; i++)
        ours += l->watches[i].is_ours;
    struct buf *out = ask(l, now_ms, true, 1 + ours, on_left);
    resp_add(out, SLICE("left"));
    for (size_t i = 0; i < l->watch_count; i++)
        if (l->watches[i].is_ours)
            entry_add_node(out, l->watches[i].node);
    l->tick_ms = UINT64_MAX;
}

bool
lease_leave(struct lease *l, uint64_t now_ms)
{
    if (l->is_left || l->session->state != SESSION_OPEN)
        return false;
    if (!l->is_asked)
        leave(l, now_ms);
    return true;
}

/* --- a turn ----------------------------------------------------------------------------------- */

void
lease_opened(struct lease *l)
{
    if (l->roll->registry == NULL)
        return;
    l->watch_count = 0;
    l->claimed = NULL;
    l->is_whole = true;
    l->is_left = false;
    l->tick_ms = 0;
    l->check_ms = clock_mono_ms() + l->lease_ms;
}

void
lease_ended(struct lease *l)
{
    l->is_asked = false;
}

void
lease_work(struct lease *l, uint64_t now_ms)
{
    if (l->roll->registry == NULL || l->session->state != SESSION_OPEN || l->session->failed ||
        l->is_asked || now_ms < l->tick_ms || !roll_is_ready(l->roll))
        return;
    look_at_own(l);
    beat(l, now_ms);
    if (now_ms >= l->check_ms) {
        l->check_ms = now_ms + l->lease_ms;
        roll_check(l->roll, now_ms);
    }
}

uint64_t
lease_deadline(const struct lease *l)
{
    return l->roll->registry && l->session->state == SESSION_OPEN && !l->is_asked &&
                   roll_is_ready(l->roll)
               ? l->tick_ms
               : UINT64_MAX;
}

void
lease_stop(struct lease *l)
{
    struct list *node;
    while ((node = list_shift(&l->asked)) != NULL) {
        struct transport_orphans *t = CONTAINER_OF(node, struct transport_orphans, message.node);
        t->count = 0;
        broadcast_answer(l->broadcast, t->origin, &t->message);
    }
}
