/* active - the path and the JSON of a subscription, in one allocation, and mostly in one text: the
 * path is the JSON's first string.
 *
 * The payload is JSON already and goes in as it stands: it must not pass through a parser's
 * numbers. What else stands in the object is a string. What one gets wrong: topics of 0.x may be
 * any bytes. The path encodes them as they are; in JSON what is no UTF-8 is U+FFFD, so that two
 * paths may show one topic.
 *
 * `same` is a hash under a key that everybody knows, for it outlives the process. Who makes two
 * alike (his own and, with a subject of somebody else's choice, another's) has another's end told
 * at once, and not a second later: nothing that hangs on it is worth a secret. */

#include "transport/active.h"

#include "base/alloc.h"
#include "base/buf.h"
#include "base/hash.h"
#include "topic/percent.h"
#include "topic/text.h"

#include <stdlib.h>
#include <string.h>

#define ENDED     UINT32_MAX /* active.standing */
#define BEFORE_ID "{\"id\":\""

enum {
    AROUND_RECORD = 256, /* head, id of the update (twice), field names, "@context" */
    AROUND_JSON = 128,   /* names and quotes of all its members */
};

static void
add_segment(struct buf *b, struct slice text)
{
    buf_add_byte(b, '/');
    if (text.len == 0 || !buf_reserve(b, 3 * text.len))
        return;
    b->len = (size_t)(percent_encode(b->ptr + b->len, text, &PERCENT_SEGMENT) - b->ptr);
}

/* Returns how much of it is the collection's. */
static size_t
add_id(struct buf *b, const struct active_parts *p)
{
    buf_add(b, p->hub);
    buf_add(b, SLICE("/subscriptions"));
    if (p->match_type.len)
        add_segment(b, p->match_type);
    add_segment(b, p->match);
    size_t collection = b->len;
    add_segment(b, p->subscriber);
    return collection;
}

static void
add_string(struct buf *b, struct slice name, struct slice text)
{
    buf_add(b, name);
    text_write_json(b, text);
}

/* Returns where in it `true` stands. */
static size_t
add_json(struct buf *b, const struct active_parts *p, struct slice id)
{
    bool is_1_0 = p->dialect == DIALECT_1_0;
    size_t begin = b->len;
    add_string(b, SLICE("{\"id\":"), id); /* BEFORE_ID */
    add_string(b, SLICE(",\"type\":"), is_1_0 ? SLICE("subscription") : SLICE("Subscription"));
    add_string(b, SLICE(",\"subscriber\":"), p->subscriber);
    add_string(b, is_1_0 ? SLICE(",\"match\":") : SLICE(",\"topic\":"), p->match);
    if (is_1_0)
        add_string(b, SLICE(",\"match_type\":"), p->match_type);
    buf_add(b, SLICE(",\"active\":"));
    size_t active_at = b->len - begin;
    buf_add(b, SLICE("true"));
    if (p->payload.len) {
        buf_add(b, SLICE(",\"payload\":"));
        buf_add(b, p->payload);
    }
    buf_add_byte(b, '}');
    return active_at;
}

static void
add_counted(struct buf *b, struct slice s)
{
    buf_add(b, SLICE_OF((const char *)&s.len, sizeof s.len));
    buf_add(b, s);
}

/* False: no memory. */
static bool
hash_same(const struct active_parts *p, uint64_t *ret)
{
    static const struct hash_key key = {{0x616c69706573, 0x73616d65}};
    struct buf b;
    *ret = 0;
    if (p->who.len == 0)
        return true;
    buf_init(&b, SIZE_MAX);
    buf_add_byte(&b, (char)p->dialect);
    add_counted(&b, p->match_type);
    add_counted(&b, p->match);
    add_counted(&b, p->who);
    add_counted(&b, p->payload);
    bool ok = !b.failed;
    if (ok)
        *ret = hash_keyed(&key, buf_slice(&b));
    *ret += *ret == 0;
    buf_fini(&b);
    return ok;
}

/* The id is the JSON's first string, and stands there alone if it has nothing to escape. */
static bool
holds_id(struct slice json, struct slice id)
{
    struct slice behind = slice_from(json, sizeof BEFORE_ID - 1);
    return slice_starts(behind, id) && slice_starts(slice_from(behind, id.len), SLICE("\""));
}

/* The JSON, and behind it the id, where that does not stand in it. */
static struct active *
lay_out(struct slice id, struct slice json)
{
    bool is_inside = holds_id(json, id);
    struct active *a = try_alloc(sizeof *a + json.len + (is_inside ? 0 : id.len));
    if (a == NULL)
        return NULL;
    char *text = (char *)(a + 1), *own = text + sizeof BEFORE_ID - 1;
    memcpy(text, json.ptr, json.len);
    if (!is_inside)
        memcpy(own = text + json.len, id.ptr, id.len);
    atomic_init(&a->refs, 1);
    a->id = SLICE_OF(own, id.len);
    a->json = SLICE_OF(text, json.len);
    list_init(&a->all);
    list_init(&a->by_collection);
    list_init(&a->by_record);
    return a;
}

/* Mostly all that they will need: not by doubling. */
static void
reserve(struct buf *id, struct buf *json, const struct active_parts *p)
{
    size_t path = p->hub.len + 3 * (p->match.len + p->subscriber.len) + 64;
    (void)(buf_reserve(id, path) && buf_reserve(json, path + p->match.len + p->subscriber.len +
                                                          p->payload.len + AROUND_JSON));
}

struct active *
active_new(const struct active_parts *p)
{
    struct buf id, json;
    struct active *a = NULL;
    uint64_t same;
    buf_init(&id, SIZE_MAX);
    buf_init(&json, SIZE_MAX);
    reserve(&id, &json, p);
    size_t collection = add_id(&id, p), active_at = add_json(&json, p, buf_slice(&id));
    if (hash_same(p, &same) && !id.failed && !json.failed)
        a = lay_out(buf_slice(&id), buf_slice(&json));
    if (a) {
        a->dialect = p->dialect;
        a->same = same;
        a->collection_len = (uint32_t)collection;
        a->active_at = (uint32_t)active_at;
    }
    buf_fini(&id);
    buf_fini(&json);
    return a;
}

/* As a line of an event it must stay one. */
static bool
is_one_line(struct slice json)
{
    for (size_t i = 0; i < json.len; i++)
        if ((unsigned char)json.ptr[i] < 0x20)
            return false;
    return true;
}

struct active *
active_restore(enum dialect dialect, struct slice id, struct slice json, uint64_t same)
{
    /* No string holds this, for its quotes would be escaped, and the payload comes later. */
    struct slice active = SLICE("\"active\":");
    size_t at = slice_find(json, SLICE("\"active\":true")), collection = id.len;
    while (collection && id.ptr[collection - 1] != '/')
        collection--;
    if (collection < 2 || !slice_starts(json, SLICE("{\"id\":")) || !slice_ends(json, SLICE("}")) ||
        at == json.len || !is_one_line(json))
        return NULL;
    struct active *a = lay_out(id, json);
    if (a == NULL)
        return NULL;
    a->dialect = dialect;
    a->same = same;
    a->collection_len = (uint32_t)(collection - 1);
    a->active_at = (uint32_t)(at + active.len);
    return a;
}

struct active *
active_ref(struct active *a)
{
    atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
    return a;
}

void
active_unref(struct active **ref)
{
    struct active *a = *ref;
    *ref = NULL;
    if (a && atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) == 1)
        free(a);
}

void
active_is_foreign(struct active *a)
{
    atomic_init(&a->standing, ENDED);
}

bool
active_take_over(struct active *a, unsigned *ret)
{
    unsigned now = atomic_load(&a->standing);
    while (now != ENDED) {
        *ret = now + 1;
        if (atomic_compare_exchange_weak(&a->standing, &now, *ret))
            return true;
    }
    return false;
}

bool
active_claim_end(struct active *a, unsigned standing)
{
    return atomic_compare_exchange_strong(&a->standing, &standing, ENDED);
}

size_t
active_size(const struct active *a)
{
    return 2 * (AROUND_RECORD + a->id.len + a->json.len);
}
