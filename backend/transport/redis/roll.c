/* roll - begins and ends of all hubs go into one registry, as they are read back.
 *
 * The store has the same list in a hash, which the scripts keep in step with the stream: an end
 * goes through them once, whoever sends it and however often. So whoever notices may end a
 * subscription, and retention may take the record of any begin.
 *
 *     store -> registry   at the start, and where the stream was lost from sight (roll_forget): the
 *                         hash is read before anything else is taken; what is in it and began
 *                         later comes by in the stream
 *     registry -> store   where the hash was lost: while the store is healing nobody publishes, and
 *                         a hub that has taken all there is knows who is active
 *
 * What one gets wrong: a hub that was cut off may find that others have ended what lives on it. Its
 * page knows nothing of that, so it begins again, behind the end, under the same name. Never where
 * the hub has sent an end of its own meanwhile: that one was passed over. */

#include "transport/redis/roll.h"

#include "base/alloc.h"
#include "base/clock.h"
#include "base/log.h"
#include "transport/active_update.h"

#include <stdlib.h>
#include <string.h>

enum {
    SCAN_AT_ONCE = 512,
    RESTORE_AT_ONCE = 256,
    AGAIN_MS = 1000,
};

/* One that lives, and was ended by another hub. Freed when it has begun again, or is to end. */
struct again {
    struct list node; /* in roll->lost, while its begin is not under way */
    struct roll *roll;
    struct active *lost, *fresh; /* owns a reference to each; fresh NULL: not under way */
    struct transport_publish publish;
    struct update *begin;
    uint64_t not_before_ms;
};

void
roll_init(struct roll *r, struct session *session, struct sender *sender, const struct spare *spare,
          const struct transport_settings *settings)
{
    *r = (struct roll){.session = session, .sender = sender, .spare = spare};
    list_init(&r->lost);
    if (!settings->subscriptions)
        return;
    r->registry = registry_new(settings->subscriptions_max_bytes);
    r->hubs = xalloc(ROLL_HUBS * sizeof *r->hubs);
    r->has_random_ids = settings->has_random_ids;
    id_source_init(&r->ids);
}

static void
drop_found(struct roll *r)
{
    while (r->found_count)
        active_unref(&r->found[--r->found_count]);
}

static void
free_again(struct again *g)
{
    list_unlink(&g->node);
    active_unref(&g->lost);
    active_unref(&g->fresh);
    free(g);
}

void
roll_fini(struct roll *r)
{
    registry_walk_end(&r->walk);
    drop_found(r);
    free(r->found);
    free(r->hubs);
    while (!list_is_empty(&r->lost))
        free_again(CONTAINER_OF(r->lost.next, struct again, node));
    registry_free(&r->registry);
}

/* --- whose they are --------------------------------------------------------------------------- */

static void
count(struct roll *r, uint64_t node, int change)
{
    size_t i = 0;
    while (i < r->hub_count && r->hubs[i].node != node)
        i++;
    if (i == r->hub_count && (change < 0 || i == ROLL_HUBS))
        return;
    if (i == r->hub_count)
        r->hubs[r->hub_count++] = (struct roll_hub){node, 0};
    r->hubs[i].count += (size_t)change;
    if (r->hubs[i].count == 0)
        r->hubs[i] = r->hubs[--r->hub_count];
}

static struct active *
find(struct roll *r, const struct update *u)
{
    return registry_find(r->registry, u->dialect, u->topics[0].text, NULL);
}

/* --- following -------------------------------------------------------------------------------- */

static void
lose(struct roll *r, struct active *a)
{
    struct again *g = xalloc(sizeof *g);
    g->roll = r;
    g->lost = active_ref(a);
    list_append(&r->lost, &g->node);
}

/* A begin that cannot be read is an update as any other. */
static void
take_begin(struct roll *r, struct update *u, uint64_t node)
{
    if (u->active == NULL) {
        u->active = active_update_read(u);
        if (u->active == NULL) {
            u->kind = UPDATE_PUBLISHED;
            return;
        }
        active_is_foreign(u->active);
        registry_admit(r->registry, u->active);
    }
    u->active->owner = node;
    count(r, node, 1);
}

static void
take_end(struct roll *r, const struct update *u, uint64_t node)
{
    struct active *a = find(r, u);
    if (a == NULL)
        return;
    count(r, a->owner, -1);
    if (a->owner == r->sender->node && node != a->owner && !a->is_ending)
        lose(r, a);
    active_unref(&a);
}

void
roll_take(struct roll *r, struct batch *b, const struct origin *origins)
{
    if (r->registry == NULL)
        return;
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->updates[i]->kind == UPDATE_BEGIN)
            take_begin(r, b->updates[i], origins[i].node);
        else if (b->updates[i]->kind == UPDATE_END)
            take_end(r, b->updates[i], origins[i].node);
    }
    registry_commit(r->registry, b);
}

static void
expect_end(struct roll *r, const struct update *u)
{
    struct active *a = find(r, u);
    if (a)
        a->is_ending = true;
    active_unref(&a);
    LIST_EACH(node, after, &r->lost)
    {
        struct again *g = CONTAINER_OF(node, struct again, node);
        g->lost->is_ending |= slice_eq(g->lost->id, u->topics[0].text);
    }
}

void
roll_expect(struct roll *r, const struct transport_publish *p)
{
    for (uint32_t i = 0; r->registry && i < p->count; i++)
        if (p->updates[i]->kind == UPDATE_END)
            expect_end(r, p->updates[i]);
}

/* --- beginning again -------------------------------------------------------------------------- */

static void
on_begun(struct worker *worker, struct message *m)
{
    struct again *g = CONTAINER_OF(m, struct again, publish.message);
    (void)worker;
    if (g->publish.outcome == PUBLISH_COMMITTED || g->publish.outcome == PUBLISH_STOPPED) {
        free_again(g);
        return;
    }
    registry_release(g->roll->registry, g->fresh);
    active_unref(&g->fresh);
    g->not_before_ms = clock_mono_ms() + AGAIN_MS;
    list_append(&g->roll->lost, &g->node);
}

static void
begin_again(struct roll *r, struct again *g)
{
    const struct active *a = g->lost;
    char id[IDS_URN_LEN + 1];
    if (r->has_random_ids)
        id_uuid4(&r->ids, id);
    else
        id_uuid7(&r->ids, id);
    g->fresh = active_restore(a->dialect, a->id, a->json, a->same);
    g->begin = g->fresh ? active_update(g->fresh, false, SLICE_OF(id, IDS_URN_LEN)) : NULL;
    if (g->begin == NULL) {
        active_unref(&g->fresh);
        g->not_before_ms = clock_mono_ms() + AGAIN_MS;
        return;
    }
    list_unlink(&g->node);
    active_is_foreign(g->fresh); /* its departure knows it as it was */
    registry_admit(r->registry, g->fresh);
    g->publish =
        (struct transport_publish){.message.receive = on_begun, .updates = &g->begin, .count = 1};
    sender_add(r->sender, &g->publish);
}

static void
begin_lost(struct roll *r, uint64_t now_ms)
{
    LIST_EACH(node, after, &r->lost)
    {
        struct again *g = CONTAINER_OF(node, struct again, node);
        if (g->lost->is_ending)
            free_again(g);
        else if (g->not_before_ms <= now_ms)
            begin_again(r, g);
    }
}

/* --- from the store --------------------------------------------------------------------------- */

void
roll_forget(struct roll *r)
{
    r->is_stale = r->is_lost = r->registry != NULL;
}

bool
roll_is_ready(const struct roll *r)
{
    return !r->is_stale;
}

static void
add_found(struct roll *r, struct active *a)
{
    if (r->found_count == r->found_cap) {
        r->found_cap = r->found_cap ? 2 * r->found_cap : 1024;
        r->found = xrealloc(r->found, r->found_cap * sizeof(struct active *));
    }
    r->found[r->found_count++] = a;
}

/* What began behind what was taken comes by in the stream. */
static void
read_one(struct roll *r, struct slice who, struct slice record)
{
    struct active *a = entry_read_active(who, record);
    if (a && position_cmp(a->begun, r->spare->end) <= 0) {
        active_is_foreign(a);
        add_found(r, a);
    } else {
        active_unref(&a);
    }
}

static int
by_begin(const void *a, const void *b)
{
    return position_cmp((*(struct active *const *)a)->begun, (*(struct active *const *)b)->begun);
}

/* A scan may say one thing twice. */
static void
sort_found(struct roll *r)
{
    size_t kept = 0;
    if (r->found_count)
        qsort(r->found, r->found_count, sizeof *r->found, by_begin);
    for (size_t i = 0; i < r->found_count; i++) {
        if (kept && position_cmp(r->found[kept - 1]->begun, r->found[i]->begun) == 0)
            active_unref(&r->found[i]);
        else
            r->found[kept++] = r->found[i];
    }
    r->found_count = kept;
}

/* `last`: the id of the store's last update, which is that of what was taken, if nothing came
 * since. */
static void
on_last(void *owner, const struct resp *a)
{
    struct roll *r = owner;
    char scratch[ENTRY_ID_SCRATCH];
    struct slice id = SLICE("");
    r->is_asked = false;
    if (a->kind != RESP_TEXT && a->kind != RESP_NIL) {
        session_fail_with(r->session, "who is there", a);
        return;
    }
    if (a->kind != RESP_TEXT || !entry_id_read(a->text, scratch, &id))
        id = SLICE(""); /* nothing was ever published */
    sort_found(r);
    r->hub_count = 0;
    for (size_t i = 0; i < r->found_count; i++)
        count(r, r->found[i]->owner, 1);
    log_line(LOG_INFO, "redis_who_is_there", "active=%zu hubs=%zu", r->found_count, r->hub_count);
    registry_replace(r->registry, r->found, r->found_count, r->spare->end, id);
    r->found_count = 0;
    r->is_stale = false;
    r->was_read = r->is_lost;
    r->is_lost = false;
}

static void ask_scan(struct roll *, struct slice cursor);

static void
on_scanned(void *owner, const struct resp *a)
{
    struct roll *r = owner;
    if (a->kind != RESP_ARRAY || a->count != 2 || a->items[0].kind != RESP_TEXT ||
        a->items[1].kind != RESP_ARRAY) {
        session_fail_with(r->session, "who is there", a);
        return;
    }
    const struct resp *found = &a->items[1];
    for (uint32_t i = 0; i + 1 < found->count; i += 2)
        read_one(r, found->items[i].text, found->items[i + 1].text);
    if (!slice_eq(a->items[0].text, SLICE("0"))) {
        ask_scan(r, a->items[0].text);
        return;
    }
    struct buf *out = session_ask(r->session, TALK_READ, clock_mono_ms(), on_last, r);
    resp_begin(out, 3);
    resp_add(out, SLICE("HGET"));
    resp_add(out, slice_of(r->session->keys.head));
    resp_add(out, SLICE("last"));
}

static void
ask_scan(struct roll *r, struct slice cursor)
{
    struct buf *out = session_ask(r->session, TALK_READ, clock_mono_ms(), on_scanned, r);
    resp_begin(out, 5);
    resp_add(out, SLICE("HSCAN"));
    resp_add(out, slice_of(r->session->keys.roll));
    resp_add(out, cursor);
    resp_add(out, SLICE("COUNT"));
    resp_add_number(out, SCAN_AT_ONCE);
}

/* --- into the store --------------------------------------------------------------------------- */

static void on_rolled(void *, const struct resp *);

static struct buf *
ask_roll(struct roll *r, size_t pairs)
{
    char text[ENTRY_PLACE_LEN];
    struct buf *out = session_ask(r->session, TALK_PUBLISH, clock_mono_ms(), on_rolled, r);
    script_begin(out, SCRIPT_ROLL, &r->session->keys, true, 2 + 2 * pairs);
    resp_add(out, slice_of(r->session->identity));
    resp_add(out, entry_place_write(r->spare->end, text));
    return out;
}

/* False: that was all. */
static bool
send_some(struct roll *r)
{
    struct active *some[RESTORE_AT_ONCE];
    size_t count;
    while ((count = registry_walk_next(&r->walk, some, RESTORE_AT_ONCE)) == 0) {
        struct buf ignored;
        if (++r->dialect == DIALECTS)
            return false;
        buf_init(&ignored, SIZE_MAX);
        registry_walk_begin(r->registry, &r->walk, (enum dialect)r->dialect, SLICE(""), &ignored);
        buf_fini(&ignored);
    }
    struct buf *out = ask_roll(r, count);
    for (size_t i = 0; i < count; i++) {
        entry_add_active(out, some[i]);
        active_unref(&some[i]);
    }
    return true;
}

static void
begin_restoring(struct roll *r)
{
    registry_walk_end(&r->walk);
    r->dialect = -1;
    r->is_restoring = true;
    log_line(LOG_INFO, "redis_who_is_there_lost", "active=%zu", registry_count(r->registry));
}

/* The session, if it is healing, goes on. */
static void
end_restoring(struct roll *r)
{
    registry_walk_end(&r->walk);
    r->is_restoring = false;
    session_go_on(r->session);
}

static void
on_rolled(void *owner, const struct resp *a)
{
    struct roll *r = owner;
    struct position end;
    if (a->kind != RESP_ARRAY || a->count != 2 || a->items[0].kind != RESP_INTEGER ||
        !entry_place_read(a->items[1].text, &end)) {
        session_fail_with(r->session, "who is there", a);
        return;
    }
    uint64_t there = (uint64_t)a->items[0].integer, here = registry_count(r->registry);
    bool is_as_of = position_cmp(end, r->spare->end) == 0 && !r->is_stale;
    if (is_as_of && there < here && !r->is_restoring)
        begin_restoring(r);
    else if (is_as_of && there > here)
        r->is_stale = true; /* read again; streams go on */
    if (!is_as_of || !r->is_restoring || !send_some(r))
        end_restoring(r);
}

bool
roll_restore(struct roll *r, struct position end)
{
    if (r->registry == NULL || r->is_stale || position_cmp(end, r->spare->end) != 0)
        return false;
    r->is_restoring = false;
    ask_roll(r, 0);
    return true;
}

void
roll_check(struct roll *r, uint64_t now_ms)
{
    (void)now_ms;
    if (r->registry && !r->is_stale && !r->is_restoring && r->session->state == SESSION_OPEN)
        ask_roll(r, 0);
}

/* --- a turn ----------------------------------------------------------------------------------- */

void
roll_ended(struct roll *r)
{
    r->is_asked = r->is_restoring = false;
    registry_walk_end(&r->walk);
    drop_found(r);
}

void
roll_work(struct roll *r, uint64_t now_ms)
{
    if (r->session->state != SESSION_OPEN || r->session->failed)
        return;
    if (r->is_stale && !r->is_asked) {
        r->is_asked = true;
        drop_found(r);
        ask_scan(r, SLICE("0"));
    } else if (!r->is_stale) {
        begin_lost(r, now_ms);
    }
}
