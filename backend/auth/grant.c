/* grant - from claims to rights.
 *
 * Selectors are `*` or exact strings, sorted once, found by bisection. NumericDates may have a
 * fraction; `null` is absent; a string that holds a decimal number is that number. */

#include "auth/grant.h"

#include "base/alloc.h"
#include "base/hash.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_SELECTORS = 1000
};

static const struct {
    const char *name;
} claim_names[] = {{"https://mercure.rocks/"}, {"mercure"}};

static int
compare(const void *a, const void *b)
{
    return slice_cmp(*(const struct slice *)a, *(const struct slice *)b);
}

static bool
read_selectors(const json_t *list, bool *all, struct slice **ret, size_t *ret_count)
{
    if (list == NULL || json_is_null(list))
        return true;
    if (!json_is_array(list) || json_array_size(list) > MAX_SELECTORS)
        return false;
    size_t i;
    json_t *item;
    *ret = xalloc((json_array_size(list) + 1) * sizeof **ret);
    json_array_foreach(list, i, item)
    {
        if (!json_is_string(item))
            return false;
        struct slice text = SLICE_OF(json_string_value(item), json_string_length(item));
        if (slice_eq(text, SLICE("*")))
            *all = true;
        (*ret)[(*ret_count)++] = SLICE_OF(xstrndup(text.ptr, text.len), text.len);
    }
    qsort(*ret, *ret_count, sizeof **ret, compare);
    return true;
}

/* Absent (or null): true with *ret_has false. */
static bool
read_date(const json_t *value, bool *ret_has, double *ret_seconds)
{
    *ret_has = false;
    if (value == NULL || json_is_null(value))
        return true;
    *ret_has = true;
    if (json_is_number(value)) {
        *ret_seconds = json_number_value(value);
        return true;
    }
    const char *text = json_string_value(value);
    if (text == NULL || text[0] == 0 || strspn(text, "0123456789.+-eE") != strlen(text))
        return false;
    char *end;
    *ret_seconds = strtod(text, &end);
    return *end == 0;
}

static void
free_selectors(struct slice *list, size_t count)
{
    for (size_t i = 0; i < count; i++)
        free((char *)list[i].ptr);
    free(list);
}

static enum token_fault
read_object(const json_t *claims, uint64_t now_ms, struct grant *g)
{
    const json_t *rights = NULL;
    bool has_nbf;
    double nbf = 0, now = (double)now_ms / 1000;
    if (!json_is_object(claims) ||
        !read_date(json_object_get(claims, "exp"), &g->has_exp, &g->exp) ||
        !read_date(json_object_get(claims, "nbf"), &has_nbf, &nbf))
        return TOKEN_BAD_CLAIMS;
    if (g->has_exp && !(now < g->exp))
        return TOKEN_EXPIRED;
    if (has_nbf && !(nbf <= now))
        return TOKEN_NOT_YET_VALID;
    for (size_t i = 0; i < COUNT_OF(claim_names) && rights == NULL; i++) {
        rights = json_object_get(claims, claim_names[i].name);
        if (json_is_null(rights))
            rights = NULL;
    }
    if (rights == NULL)
        return TOKEN_OK; /* no rights: still a stream for public updates */
    if (!json_is_object(rights) ||
        !read_selectors(json_object_get(rights, "publish"), &g->publish_all, &g->publish,
                        &g->publish_count) ||
        !read_selectors(json_object_get(rights, "subscribe"), &g->subscribe_all, &g->subscribe,
                        &g->subscribe_count))
        return TOKEN_BAD_CLAIMS;
    return TOKEN_OK;
}

enum token_fault
claims_read(struct slice json, uint64_t now_ms, struct grant **ret_grant)
{
    json_error_t ignored;
    json_t *claims = json_loadb(json.ptr, json.len, JSON_REJECT_DUPLICATES, &ignored);
    if (claims == NULL)
        return TOKEN_BAD_CLAIMS;
    struct grant *g = xalloc(sizeof *g);
    atomic_init(&g->refs, 1);
    enum token_fault fault = read_object(claims, now_ms, g);
    json_decref(claims);
    if (fault == TOKEN_OK)
        *ret_grant = g;
    else
        grant_unref(&g);
    return fault;
}

enum token_fault
token_verify_0x(const struct key *key, struct slice token, uint64_t now_ms,
                struct grant **ret_grant)
{
    struct arena arena;
    struct slice payload;
    arena_init(&arena, 2 * TOKEN_MAX);
    enum token_fault fault = jws_verify(key, token, &arena, &payload);
    if (fault == TOKEN_OK)
        fault = claims_read(payload, now_ms, ret_grant);
    if (fault == TOKEN_OK)
        (*ret_grant)->key_hash = hash_slice(token);
    arena_fini(&arena);
    return fault;
}

static bool
holds(const struct slice *list, size_t count, struct slice topic)
{
    return count && bsearch(&topic, list, count, sizeof *list, compare) != NULL;
}

bool
grant_allows_publish(const struct grant *g, struct slice topic)
{
    return g->publish_all || holds(g->publish, g->publish_count, topic);
}

bool
grant_allows_subscribe(const struct grant *g, struct slice topic)
{
    return g->subscribe_all || holds(g->subscribe, g->subscribe_count, topic);
}

struct grant *
grant_ref(struct grant *g)
{
    atomic_fetch_add_explicit(&g->refs, 1, memory_order_relaxed);
    return g;
}

void
grant_unref(struct grant **ref)
{
    struct grant *g = *ref;
    *ref = NULL;
    if (g == NULL || atomic_fetch_sub_explicit(&g->refs, 1, memory_order_acq_rel) != 1)
        return;
    free_selectors(g->publish, g->publish_count);
    free_selectors(g->subscribe, g->subscribe_count);
    free(g);
}
