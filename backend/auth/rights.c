/* rights - from a claim to selectors, and one copy of them for the process.
 *
 *     object    made by          shared                      freed
 *     rights    rights_read()    in the table, counted       last reference, out of the table
 *
 * The table is filed under a keyed digest (128 bits) of the claim's text with dialect and base; its
 * lock is a leaf, taken when a token is judged that no cache knew, and when the last grant goes.
 * Rights are a list of entries, each with the actions it is for: an entry of authorization_details
 * is one; a token of 0.x has one for each of its arrays. Exact selectors are sorted and found by
 * bisection, the rest is tried one by one under one budget of steps: no token makes a publish or a
 * delivery slow. */

#include "auth/rights.h"

#include "auth/json_text.h"
#include "base/alloc.h"
#include "base/hash.h"
#include "topic/matcher.h"

#include <jansson.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum {
    BUCKETS = 1024,
    /* What all selectors of a grant may take: some budgets of one match, and a little more for
     * each topic, enough for a hundred selectors that do not match; besides a little for each
     * that is tried, however soon it is seen not to match. */
    STEP_BUDGETS = 4,
    STEPS_A_TOPIC = 500,
    TRY_STEPS = 2,
};

#define DETAIL_TYPE "https://mercure.rocks/authorization-detail"

struct entry {
    unsigned actions; /* bits of enum role */
    bool everything;
    struct slice *exact; /* owns, sorted; a NUL behind each */
    size_t exact_count;
    struct matcher **others; /* owns */
    size_t other_count;
    struct slice payload; /* owns; empty: none */
};

struct rights {
    size_t refs;         /* under the table's lock */
    struct rights *next; /* in its bucket */
    uint64_t digest[2];
    enum dialect dialect;
    struct entry *entries; /* owns */
    size_t count, others;  /* selectors in all entries that have to be tried one by one */
    const struct matcher
        *url_pattern; /* one of them; all have the same base; NULL: there is none */
};

static struct {
    pthread_mutex_t lock;
    struct rights *buckets[BUCKETS];
} table = {.lock = PTHREAD_MUTEX_INITIALIZER};

static struct hash_key digest_keys[2];

/* --- the table -------------------------------------------------------------------------------- */

static void
draw_digest_keys(void)
{
    hash_key_draw(&digest_keys[0]);
    hash_key_draw(&digest_keys[1]);
}

static void
make_digest(enum dialect dialect, struct slice text, struct slice base,
            const struct rights_limits *limits, uint64_t ret[2])
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, draw_digest_keys);
    for (int i = 0; i < 2; i++) {
        const uint64_t parts[] = {dialect,
                                  limits->max_selectors,
                                  limits->max_details,
                                  text.len,
                                  base.len,
                                  hash_keyed(&digest_keys[i], text),
                                  hash_keyed(&digest_keys[i], base)};
        ret[i] = hash_keyed(&digest_keys[i], SLICE_OF((const char *)parts, sizeof parts));
    }
}

/* Under the lock. */
static struct rights **
find(const uint64_t digest[2])
{
    struct rights **at = &table.buckets[digest[0] % BUCKETS];
    while (*at && ((*at)->digest[0] != digest[0] || (*at)->digest[1] != digest[1]))
        at = &(*at)->next;
    return at;
}

static void
free_entry(struct entry *e)
{
    for (size_t i = 0; i < e->exact_count; i++)
        free((char *)e->exact[i].ptr);
    for (size_t i = 0; i < e->other_count; i++)
        matcher_free(&e->others[i]);
    free(e->exact);
    free(e->others);
    free((char *)e->payload.ptr);
}

static void
rights_free(struct rights *r)
{
    for (size_t i = 0; i < r->count; i++)
        free_entry(&r->entries[i]);
    free(r->entries);
    free(r);
}

void
rights_unref(struct rights **ref)
{
    struct rights *r = *ref;
    *ref = NULL;
    if (r == NULL)
        return;
    pthread_mutex_lock(&table.lock);
    bool last = --r->refs == 0;
    if (last)
        *find(r->digest) = r->next;
    pthread_mutex_unlock(&table.lock);
    if (last)
        rights_free(r);
}

/* --- reading ---------------------------------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static struct slice
text_of(const json_t *value)
{
    return SLICE_OF(json_string_value(value), json_string_length(value));
}

/* `e` has room for it. */
static bool
add_selector(struct entry *e, enum matcher_type type, struct slice text, struct slice base,
             struct error *why)
{
    struct matcher *m = matcher_new(type, text, base, why);
    if (m == NULL)
        return false;
    switch (matcher_kind(m)) {
    case MATCHER_IS_EVERYTHING:
        e->everything = true;
        break;
    case MATCHER_IS_EXACT:
        e->exact[e->exact_count++] = SLICE_OF(xstrndup(text.ptr, text.len), text.len);
        break;
    case MATCHER_IS_TEMPLATE:
    case MATCHER_IS_URLPATTERN:
        e->others[e->other_count++] = m;
        return true;
    }
    matcher_free(&m);
    return true;
}

static void
reserve(struct entry *e, size_t count)
{
    e->exact = xalloc((count + 1) * sizeof *e->exact);
    e->others = xalloc((count + 1) * sizeof *e->others);
}

static void
seal(struct entry *e)
{
    qsort(e->exact, e->exact_count, sizeof *e->exact, compare);
}

static void
keep_payload(struct entry *e, const json_t *object, struct slice text)
{
    const json_t *payload = json_object_get(object, "payload");
    if (payload == NULL || json_is_null(payload))
        return;
    struct buf compact;
    buf_init(&compact, text.len);
    json_text_compact(json_text_member(text, object, "payload"), &compact);
    e->payload = buf_slice(&compact); /* takes the memory */
}

static enum token_fault
read_array_0x(struct entry *e, const json_t *list, const char *name, size_t most, struct error *why)
{
    size_t i;
    json_t *item;
    if (list == NULL || json_is_null(list))
        return TOKEN_OK;
    if (!json_is_array(list)) {
        error_set(why, "mercure.%s is no array", name);
        return TOKEN_BAD_MERCURE_CLAIM;
    }
    if (json_array_size(list) > most) {
        error_set(why, "mercure.%s has %zu selectors, %zu are the most", name,
                  json_array_size(list), most);
        return TOKEN_TOO_MANY_SELECTORS;
    }
    reserve(e, json_array_size(list));
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item)) {
            error_set(why, "mercure.%s[%zu] is no string", name, i);
            return TOKEN_BAD_MERCURE_CLAIM;
        }
        if (!add_selector(e, MATCHER_TEMPLATE, text_of(item), SLICE(""), why))
            return TOKEN_BAD_MATCHER;
    }
    seal(e);
    return TOKEN_OK;
}

static enum token_fault
read_0x(struct rights *r, const json_t *claim, struct slice text,
        const struct rights_limits *limits, struct error *why)
{
    static const char *const names[] = {[ROLE_PUBLISH] = "publish", [ROLE_SUBSCRIBE] = "subscribe"};
    r->entries = xalloc(ROLES * sizeof *r->entries);
    r->count = ROLES;
    if (claim == NULL)
        return TOKEN_OK;
    if (!json_is_object(claim)) {
        error_set(why, "the mercure claim is no object");
        return TOKEN_BAD_MERCURE_CLAIM;
    }
    for (unsigned role = 0; role < ROLES; role++) {
        struct entry *e = &r->entries[role];
        e->actions = 1u << role;
        enum token_fault fault = read_array_0x(e, json_object_get(claim, names[role]), names[role],
                                               limits->max_selectors, why);
        if (fault != TOKEN_OK)
            return fault;
    }
    keep_payload(&r->entries[ROLE_SUBSCRIBE], claim, text);
    return TOKEN_OK;
}

static bool
read_actions(struct entry *e, const json_t *list, size_t at, struct error *why)
{
    size_t i;
    json_t *item;
    if (!json_is_array(list) || json_array_size(list) == 0)
        return error_set(why, "authorization_details[%zu].actions is no array with strings", at);
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item))
            return error_set(why, "authorization_details[%zu].actions[%zu] is no string", at, i);
        for (unsigned role = 0; role < ROLES; role++)
            if (slice_eq(text_of(item), slice_of(role_name((enum role)role))))
                e->actions |= 1u << role;
    }
    return true;
}

static bool
read_matcher_type(const json_t *value, enum matcher_type *ret)
{
    *ret = MATCHER_EXACT;
    if (value == NULL || json_is_null(value))
        return true;
    if (!json_is_string(value))
        return false;
    struct slice name = text_of(value);
    if (slice_eq(name, SLICE("urlpattern")))
        *ret = MATCHER_URLPATTERN;
    return *ret == MATCHER_URLPATTERN || name.len == 0 || slice_eq(name, SLICE("exact"));
}

static enum token_fault
read_topics(struct entry *e, const json_t *list, size_t at, struct slice base, size_t most,
            size_t *used, struct error *why)
{
    size_t i;
    json_t *item;
    struct error inner = {""};
    enum matcher_type type;
    enum token_fault fault = TOKEN_BAD_DETAILS;
    if (!json_is_array(list) || json_array_size(list) == 0) {
        error_set(why, "authorization_details[%zu].topics is no array with matchers", at);
        return TOKEN_BAD_DETAILS;
    }
    if ((*used += json_array_size(list)) > most) {
        error_set(why, "authorization_details has more than %zu matchers", most);
        return TOKEN_TOO_MANY_DETAILS;
    }
    reserve(e, json_array_size(list));
    json_array_foreach(list, i, item)
    {
        const json_t *match = json_object_get(item, "match");
        if (!json_is_object(item))
            error_set(&inner, "is no object");
        else if (!json_is_string(match) || json_string_length(match) == 0)
            error_set(&inner, "has no match, or an empty one, or one that is no string");
        else if (!read_matcher_type(json_object_get(item, "match_type"), &type))
            error_set(&inner, "has a match_type that is neither exact nor urlpattern");
        else if (add_selector(e, type, text_of(match), base, &inner))
            continue;
        else
            fault = TOKEN_BAD_MATCHER;
        error_set(why, "authorization_details[%zu].topics[%zu] %.300s", at, i, inner.text);
        return fault;
    }
    seal(e);
    return TOKEN_OK;
}

static enum token_fault
read_details(struct rights *r, const json_t *claim, struct slice text, struct slice base,
             const struct rights_limits *limits, struct error *why)
{
    size_t i, matchers = 0;
    json_t *item;
    if (claim == NULL)
        return TOKEN_OK;
    if (!json_is_array(claim)) {
        error_set(why, "authorization_details is no array");
        return TOKEN_BAD_DETAILS;
    }
    if (json_array_size(claim) > limits->max_details) {
        error_set(why, "authorization_details has %zu entries, %zu are the most",
                  json_array_size(claim), limits->max_details);
        return TOKEN_TOO_MANY_DETAILS;
    }
    r->entries = xalloc((json_array_size(claim) + 1) * sizeof *r->entries);
    json_array_foreach(claim, i, item)
    {
        const json_t *type = json_object_get(item, "type");
        if (!json_is_object(item)) {
            error_set(why, "authorization_details[%zu] is no object", i);
            return TOKEN_BAD_DETAILS;
        }
        if (!json_is_string(type) || !slice_eq(text_of(type), SLICE(DETAIL_TYPE)))
            continue; /* somebody else's */
        struct entry *e = &r->entries[r->count++];
        if (!read_actions(e, json_object_get(item, "actions"), i, why))
            return TOKEN_BAD_DETAILS;
        enum token_fault fault = read_topics(e, json_object_get(item, "topics"), i, base,
                                             limits->max_details, &matchers, why);
        if (fault != TOKEN_OK)
            return fault;
        keep_payload(e, item, json_text_nth(text, i));
    }
    return TOKEN_OK;
}

static void
sum_up(struct rights *r, const struct entry *e)
{
    r->others += e->other_count;
    for (size_t i = 0; i < e->other_count; i++)
        if (matcher_kind(e->others[i]) == MATCHER_IS_URLPATTERN)
            r->url_pattern = e->others[i];
}

enum token_fault
rights_read(enum dialect dialect, const json_t *claim, struct slice text, struct slice base,
            const struct rights_limits *limits, struct rights **ret_rights, struct error *ret_why)
{
    uint64_t digest[2];
    make_digest(dialect, claim ? text : SLICE(""), dialect == DIALECT_1_0 ? base : SLICE(""),
                limits, digest);
    pthread_mutex_lock(&table.lock);
    struct rights *known = *find(digest);
    if (known)
        known->refs++;
    pthread_mutex_unlock(&table.lock);
    if (known) {
        *ret_rights = known;
        return TOKEN_OK;
    }
    struct rights *r = xalloc(sizeof *r);
    memcpy(r->digest, digest, sizeof digest);
    r->dialect = dialect;
    r->refs = 1;
    enum token_fault fault = dialect == DIALECT_0X
                                 ? read_0x(r, claim, text, limits, ret_why)
                                 : read_details(r, claim, text, base, limits, ret_why);
    if (fault != TOKEN_OK) {
        rights_free(r);
        return fault;
    }
    for (size_t i = 0; i < r->count; i++)
        sum_up(r, &r->entries[i]);
    pthread_mutex_lock(&table.lock);
    struct rights **at = find(digest);
    if ((known = *at) != NULL)
        known->refs++; /* another worker was quicker */
    else
        *at = r;
    pthread_mutex_unlock(&table.lock);
    if (known)
        rights_free(r);
    *ret_rights = known ? known : r;
    return TOKEN_OK;
}

/* --- asking ----------------------------------------------------------------------------------- */

static bool
try(const struct matcher *m, const struct topic *topic, uint64_t *steps)
{
    match_take(steps, TRY_STEPS);
    uint64_t most = matcher_steps(topic), one = most < *steps ? most : *steps, left = one;
    bool is_match = matcher_try(m, topic, &left) == MATCH_YES;
    match_take(steps, one - left);
    return is_match;
}

static bool
entry_allows(const struct entry *e, const struct topic *topic, uint64_t *steps)
{
    if (e->everything || (e->exact_count && bsearch(&topic->text, e->exact, e->exact_count,
                                                    sizeof *e->exact, compare) != NULL))
        return true;
    for (size_t i = 0; i < e->other_count && *steps; i++)
        if (try(e->others[i], topic, steps))
            return true;
    return false;
}

bool
rights_has(const struct rights *r, enum role action)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct entry *e = &r->entries[i];
        if (e->actions & 1u << action && (e->everything || e->exact_count || e->other_count))
            return true;
    }
    return false;
}

static const struct entry *
find_entry(const struct rights *r, enum role action, const struct topic *topic, uint64_t *steps)
{
    for (size_t i = 0; i < r->count; i++)
        if (r->entries[i].actions & 1u << action && entry_allows(&r->entries[i], topic, steps))
            return &r->entries[i];
    return NULL;
}

uint64_t
rights_budget(const struct rights *r, size_t topics)
{
    struct topic empty = topic_of(SLICE(""));
    return STEP_BUDGETS * matcher_steps(&empty) + topics * (STEPS_A_TOPIC + r->others * TRY_STEPS);
}

uint64_t
rights_prepare(const struct rights *r, const struct topic *topic)
{
    return r->url_pattern ? matcher_prepare(r->url_pattern, topic) : 0;
}

bool
rights_allow(const struct rights *r, enum role action, const struct topic *topic, uint64_t *steps)
{
    return find_entry(r, action, topic, steps) != NULL;
}

bool
rights_payload(const struct rights *r, struct slice match, struct slice *ret_json)
{
    struct topic topic = topic_of(match);
    uint64_t steps = rights_budget(r, 1);
    const struct entry *e = r->dialect == DIALECT_0X
                                ? &r->entries[ROLE_SUBSCRIBE]
                                : find_entry(r, ROLE_SUBSCRIBE, &topic, &steps);
    topic_fini(&topic);
    if (e == NULL || e->payload.len == 0)
        return false;
    *ret_json = e->payload;
    return true;
}

void
rights_describe(const struct rights *r, enum role action,
                void (*say)(void *into, const char *type, struct slice text), void *into)
{
    for (size_t i = 0; i < r->count; i++) {
        const struct entry *e = &r->entries[i];
        if (!(e->actions & 1u << action))
            continue;
        if (e->everything)
            say(into, "everything", SLICE("*"));
        for (size_t k = 0; k < e->exact_count; k++)
            say(into, "exact", e->exact[k]);
        for (size_t k = 0; k < e->other_count; k++)
            say(into, matcher_kind(e->others[k]) == MATCHER_IS_TEMPLATE ? "template" : "urlpattern",
                matcher_text(e->others[k]));
    }
}
