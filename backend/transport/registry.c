/* registry - who is there, in versions.
 *
 * Each active subscription knows the position of its begin and, once it is over, of its end; the
 * registry is as of the last commit. So a walk needs no copy: it sees what began at or before its
 * own position and ended behind it. One that ended stays in its lists ("retired") until no walk is
 * left that sees it; they go in the order of their ends, so the oldest walk decides.
 *
 *     begun        in all, by_collection, by_record and the two tables
 *     ended        by_record links it to `retired` instead
 *     released     in nothing; the reference is dropped
 *
 * What one gets wrong: a walk stands on a subscription between two pieces, perhaps on one that it
 * does not see itself: so that is pinned, and waits in `retired` with all that ended after it.
 *
 * A commit takes the lock for some dozens at a time: what began in it is not seen, and what ended
 * still is, until `as_of` moves last of all.
 *
 * The tables do not grow: the bound says how many there may be, and pages of buckets that were
 * never touched take no memory. A table has each collection once, by its first; the others hang
 * behind it in a ring, so that a collection with all of them makes nobody else's chain long. */

#include "transport/registry.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "transport/active_update.h"

#include <pthread.h>
#include <stdlib.h>

enum {
    FILES = 16, /* of those that max_bytes is cut into, the least and the largest: disk/store.c */
    LEAST_FILE = 65536,
    LARGEST_FILE = 16 << 20,
    SMALL_PART = 32,     /* of a file: as much may be left at its end, uncounted */
    SMALL_ACTIVE = 1024, /* active_size() of a small one */
    COMMIT_PIECE = 64,   /* under the lock at once */
    LOOKS = 256,         /* so many that a walk does not see, too */
};

struct registry {
    /* Set at the start, then read-only. */
    struct active **ids, **collections; /* own */
    size_t mask, max_bytes, file_bytes;

    atomic_size_t reserved, count;

    pthread_mutex_t lock;
    struct position as_of;
    struct buf id;  /* of the update there */
    bool may_recur; /* by what its publisher does, or did in an earlier run */
    struct list all[DIALECTS];
    struct list by_record; /* active ones, by the position of their record */
    struct list retired;   /* linked by by_record; by their ends */
    struct list walks;     /* oldest first */
};

struct registry *
registry_new(size_t max_bytes)
{
    struct registry *r = xalloc(sizeof *r);
    size_t buckets = 1024;
    while (buckets < max_bytes / SMALL_ACTIVE)
        buckets *= 2;
    r->ids = xalloc(buckets * sizeof *r->ids);
    r->collections = xalloc(buckets * sizeof *r->collections);
    r->mask = buckets - 1;
    r->max_bytes = max_bytes;
    r->file_bytes = max_bytes / FILES < LEAST_FILE     ? LEAST_FILE
                    : max_bytes / FILES > LARGEST_FILE ? LARGEST_FILE
                                                       : max_bytes / FILES;
    buf_init(&r->id, SIZE_MAX);
    for (int i = 0; i < DIALECTS; i++)
        list_init(&r->all[i]);
    list_init(&r->by_record);
    list_init(&r->retired);
    list_init(&r->walks);
    pthread_mutex_init(&r->lock, NULL);
    return r;
}

void
registry_free(struct registry **ref)
{
    struct registry *r = *ref;
    *ref = NULL;
    if (r == NULL)
        return;
    ENSURE(list_is_empty(&r->walks));
    for (int i = 0; i < DIALECTS; i++)
        LIST_EACH(node, after, &r->all[i])
        {
            struct active *a = CONTAINER_OF(node, struct active, all);
            active_unref(&a);
        }
    buf_fini(&r->id);
    free(r->ids);
    free(r->collections);
    pthread_mutex_destroy(&r->lock);
    free(r);
}

/* --- room ---------------------------------------------------------------------------------------
 */

/* What is large for a file leaves the end of one unused where it does not fit, and counts twice. */
static size_t
room_for(const struct registry *r, const struct active *a)
{
    size_t size = active_size(a);
    return size / 2 > r->file_bytes / SMALL_PART ? 2 * size : size;
}

/* Of what takes more than half a file there may be no room to carry it from the oldest on. */
bool
registry_reserve(struct registry *r, const struct active *a)
{
    size_t size = room_for(r, a);
    if (active_size(a) / 2 > r->file_bytes / 2)
        return false;
    if (atomic_fetch_add(&r->reserved, size) + size <= r->max_bytes)
        return true;
    atomic_fetch_sub(&r->reserved, size);
    return false;
}

void
registry_admit(struct registry *r, const struct active *a)
{
    atomic_fetch_add(&r->reserved, room_for(r, a));
}

void
registry_release(struct registry *r, const struct active *a)
{
    atomic_fetch_sub(&r->reserved, room_for(r, a));
}

/* --- the tables ---------------------------------------------------------------------------------
 */

static struct slice
collection_of(const struct active *a)
{
    return slice_head(a->id, a->collection_len);
}

/* The path alone does not tell the dialects apart. */
static size_t
bucket_of(const struct registry *r, enum dialect dialect, struct slice path)
{
    return (hash_slice(path) + dialect) & r->mask;
}

static struct active **
place_of_id(const struct registry *r, enum dialect dialect, struct slice id)
{
    struct active **at = &r->ids[bucket_of(r, dialect, id)];
    while (*at && !((*at)->dialect == dialect && slice_eq((*at)->id, id)))
        at = &(*at)->next_of_id;
    return at;
}

static struct active **
place_of_collection(const struct registry *r, enum dialect dialect, struct slice path)
{
    struct active **at = &r->collections[bucket_of(r, dialect, path)];
    while (*at && !((*at)->dialect == dialect && slice_eq(collection_of(*at), path)))
        at = &(*at)->next_collection;
    return at;
}

static struct active *
next_in_collection(const struct active *a)
{
    return CONTAINER_OF(a->by_collection.next, struct active, by_collection);
}

static void
enter_collection(struct registry *r, struct active *a)
{
    struct active **at = place_of_collection(r, a->dialect, collection_of(a));
    a->is_first = *at == NULL;
    if (*at)
        list_append(&(*at)->by_collection, &a->by_collection);
    else
        *at = a;
}

static void
leave_collection(struct registry *r, struct active *a)
{
    if (a->is_first) {
        struct active **at = place_of_collection(r, a->dialect, collection_of(a));
        struct active *next = next_in_collection(a);
        ENSURE(*at == a);
        *at = a->next_collection;
        if (next != a) {
            next->is_first = true;
            next->next_collection = a->next_collection;
            *at = next;
        }
    }
    list_unlink(&a->by_collection);
}

/* --- begins and ends: the lock is held ----------------------------------------------------------
 */

/* What is active by this id, or the last that was. */
static struct active *
find(const struct registry *r, enum dialect dialect, struct slice id)
{
    return *place_of_id(r, dialect, id);
}

/* Takes the reference. Its place in the table is before one that ended and is still seen. */
static void
begin(struct registry *r, struct active *a, struct position p)
{
    struct active **at = place_of_id(r, a->dialect, a->id);
    if (*at &&
        !(*at)->is_over) { /* an id is given once; but what comes from outside is looked at */
        registry_release(r, a);
        active_unref(&a);
        return;
    }
    a->next_of_id = *at;
    *at = a;
    a->begun = a->recorded = p;
    enter_collection(r, a);
    list_append(&r->all[a->dialect], &a->all);
    list_append(&r->by_record, &a->by_record);
    atomic_fetch_add_explicit(&r->count, 1, memory_order_relaxed);
}

static void
end(struct registry *r, struct active *a, struct position p)
{
    if (a->begun.run == 0 || a->is_over)
        return;
    a->is_over = true;
    a->ended = p;
    list_unlink(&a->by_record);
    list_append(&r->retired, &a->by_record);
    registry_release(r, a);
    atomic_fetch_sub_explicit(&r->count, 1, memory_order_relaxed);
}

static void
release(struct registry *r, struct active *a)
{
    struct active **at = place_of_id(r, a->dialect, a->id);
    while (*at && *at != a)
        at = &(*at)->next_of_id;
    ENSURE(*at == a);
    *at = a->next_of_id;
    leave_collection(r, a);
    list_unlink(&a->all);
    list_unlink(&a->by_record);
    active_unref(&a);
}

/* Up to `room` of those that no walk sees any more. */
static void
release_retired(struct registry *r, size_t room)
{
    struct position upto = r->as_of;
    if (!list_is_empty(&r->walks))
        upto = CONTAINER_OF(r->walks.next, struct registry_walk, node)->at;
    while (room-- > 0 && !list_is_empty(&r->retired)) {
        struct active *a = CONTAINER_OF(r->retired.next, struct active, by_record);
        if (a->pins || position_cmp(a->ended, upto) > 0)
            return;
        release(r, a);
    }
}

static void
set_as_of(struct registry *r, struct position p, struct slice id, bool may_recur)
{
    r->as_of = p;
    r->may_recur = may_recur;
    buf_clear(&r->id);
    buf_add(&r->id, id);
}

static void
take_in(struct registry *r, const struct update *u)
{
    struct active *a = u->active;
    if (a && u->kind == UPDATE_BEGIN)
        begin(r, active_ref(a), u->position);
    else if (u->kind == UPDATE_END && (a = find(r, u->dialect, u->topics[0].text)) != NULL)
        end(r, a, u->position);
}

static void
let_others(struct registry *r)
{
    pthread_mutex_unlock(&r->lock);
    pthread_mutex_lock(&r->lock);
}

void
registry_commit(struct registry *r, const struct batch *b)
{
    size_t taken = 0;
    pthread_mutex_lock(&r->lock);
    for (uint32_t i = 0; i < b->count; i++) {
        if (b->updates[i]->kind == UPDATE_PUBLISHED)
            continue;
        take_in(r, b->updates[i]);
        if (++taken % COMMIT_PIECE == 0)
            let_others(r);
    }
    const struct update *last = b->updates[b->count - 1];
    set_as_of(r, b->upto, last->id, last->id_is_chosen);
    /* Twice as many as may have come, so that what a long walk held up is given back. */
    release_retired(r, 2 * COMMIT_PIECE);
    for (size_t i = 0; i < taken / COMMIT_PIECE; i++) {
        let_others(r);
        release_retired(r, 2 * COMMIT_PIECE);
    }
    pthread_mutex_unlock(&r->lock);
}

/* False: it is not known, or has ended and begun again since. */
static bool
keep(struct registry *r, const struct active *a)
{
    struct active *known = find(r, a->dialect, a->id);
    if (known == NULL || known->is_over || position_cmp(known->begun, a->begun) != 0)
        return false;
    return known->is_kept = true;
}

static void
end_who_is_not_kept(struct registry *r, struct position p)
{
    LIST_EACH(node, after, &r->by_record)
    {
        struct active *a = CONTAINER_OF(node, struct active, by_record);
        if (!a->is_kept)
            end(r, a, p);
        a->is_kept = false;
    }
}

/* All at once, for it is rare: after a start nobody walks, and after a break streams have ended. */
void
registry_replace(struct registry *r, struct active **all, size_t count, struct position p,
                 struct slice id)
{
    size_t unknown = 0;
    pthread_mutex_lock(&r->lock);
    for (size_t i = 0; i < count; i++) {
        if (keep(r, all[i]))
            active_unref(&all[i]);
        else
            all[unknown++] = all[i];
    }
    end_who_is_not_kept(r, p);
    for (size_t i = 0; i < unknown; i++) {
        registry_admit(r, all[i]);
        begin(r, all[i], all[i]->begun);
    }
    set_as_of(r, p, id, true);
    release_retired(r, SIZE_MAX);
    pthread_mutex_unlock(&r->lock);
}

/* --- histories that forget ----------------------------------------------------------------------
 */

bool
registry_floor(struct registry *r, struct position *ret)
{
    pthread_mutex_lock(&r->lock);
    bool any = !list_is_empty(&r->by_record);
    if (any)
        *ret = CONTAINER_OF(r->by_record.next, struct active, by_record)->recorded;
    pthread_mutex_unlock(&r->lock);
    return any;
}

size_t
registry_recorded_before(struct registry *r, struct position upto, struct active **into,
                         size_t room)
{
    size_t count = 0;
    pthread_mutex_lock(&r->lock);
    LIST_EACH(node, after, &r->by_record)
    {
        struct active *a = CONTAINER_OF(node, struct active, by_record);
        if (count == room || position_cmp(a->recorded, upto) > 0)
            break;
        into[count++] = active_ref(a);
    }
    pthread_mutex_unlock(&r->lock);
    return count;
}

static void
move_record(struct registry *r, struct active *a, struct position p)
{
    a->recorded = p;
    list_unlink(&a->by_record);
    list_append(&r->by_record, &a->by_record);
}

void
registry_recorded(struct registry *r, struct active *a, struct position p)
{
    pthread_mutex_lock(&r->lock);
    if (!a->is_over)
        move_record(r, a, p);
    pthread_mutex_unlock(&r->lock);
}

static void
restore_begin(struct registry *r, const struct update *u)
{
    struct active *a = find(r, u->dialect, u->topics[0].text);
    if (a) {
        move_record(r, a, u->position);
    } else if ((a = active_update_read(u)) != NULL) {
        atomic_fetch_add(&r->reserved, room_for(r, a));
        begin(r, a, u->position);
    }
}

void
registry_restore(struct registry *r, const struct update *u)
{
    if (u->topic_count == 0)
        return;
    if (u->kind == UPDATE_BEGIN)
        restore_begin(r, u);
    if (u->kind != UPDATE_END)
        return;
    struct active *a = find(r, u->dialect, u->topics[0].text);
    if (a == NULL)
        return;
    end(r, a, u->position);
    release(r, a);
}

void
registry_start_at(struct registry *r, struct position p, struct slice id)
{
    set_as_of(r, p, id, p.sequence > 0);
}

/* --- walks --------------------------------------------------------------------------------------
 */

static bool
is_seen(const struct active *a, struct position at)
{
    return position_cmp(a->begun, at) <= 0 && (!a->is_over || position_cmp(a->ended, at) > 0);
}

static struct active *
following(const struct registry_walk *w, const struct active *a)
{
    if (!w->whole)
        return next_in_collection(a)->is_first ? NULL : next_in_collection(a);
    struct list *node = a->all.next;
    return node == &w->registry->all[w->dialect] ? NULL : CONTAINER_OF(node, struct active, all);
}

void
registry_walk_begin(struct registry *r, struct registry_walk *w, enum dialect dialect,
                    struct slice collection, struct buf *ret_id)
{
    pthread_mutex_lock(&r->lock);
    *w = (struct registry_walk){.registry = r,
                                .at = r->as_of,
                                .dialect = dialect,
                                .whole = collection.len == 0,
                                .id_may_recur = r->may_recur};
    struct list *all = &r->all[dialect];
    if (!w->whole)
        w->next = *place_of_collection(r, dialect, collection);
    else if (!list_is_empty(all))
        w->next = CONTAINER_OF(all->next, struct active, all);
    if (w->next)
        w->next->pins++;
    list_append(&r->walks, &w->node);
    if (ret_id)
        buf_add(ret_id, buf_slice(&r->id));
    pthread_mutex_unlock(&r->lock);
}

static size_t
walk_piece(struct registry_walk *w, struct active **into, size_t room)
{
    struct active *a = w->next;
    size_t count = 0, looks = 0;
    a->pins--;
    while (a && count < room && looks - count < LOOKS) {
        if (position_cmp(a->begun, w->at) > 0) {
            a = NULL; /* and all that follow */
            break;
        }
        if (is_seen(a, w->at))
            into[count++] = active_ref(a);
        looks++;
        a = following(w, a);
    }
    if (a)
        a->pins++;
    w->next = a;
    return count;
}

size_t
registry_walk_next(struct registry_walk *w, struct active **into, size_t room)
{
    struct registry *r = w->registry;
    size_t count = 0;
    if (r == NULL)
        return 0;
    while (w->next && count == 0) {
        pthread_mutex_lock(&r->lock);
        count = walk_piece(w, into, room);
        pthread_mutex_unlock(&r->lock);
    }
    if (count == 0)
        registry_walk_end(w);
    return count;
}

void
registry_walk_end(struct registry_walk *w)
{
    struct registry *r = w->registry;
    if (r == NULL)
        return;
    w->registry = NULL;
    pthread_mutex_lock(&r->lock);
    if (w->next)
        w->next->pins--;
    list_unlink(&w->node);
    release_retired(r, COMMIT_PIECE);
    pthread_mutex_unlock(&r->lock);
}

struct active *
registry_find(struct registry *r, enum dialect dialect, struct slice id, struct buf *ret_id)
{
    pthread_mutex_lock(&r->lock);
    struct active *a = find(r, dialect, id);
    a = a && is_seen(a, r->as_of) ? active_ref(a) : NULL;
    if (ret_id)
        buf_add(ret_id, buf_slice(&r->id));
    pthread_mutex_unlock(&r->lock);
    return a;
}

size_t
registry_count(const struct registry *r)
{
    return atomic_load_explicit(&r->count, memory_order_relaxed);
}
