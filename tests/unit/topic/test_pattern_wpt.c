/* The URL Pattern standard's own tests (web-platform-tests, urlpattern/resources): whether each
 * pattern is one, and what it matches. Those made of an object of components, which no string of
 * ours can be, are run as well: behind the constructor string's parser all is the same.
 *
 * tests/data/wpt/exceptions.json lists the rows that are not run, each with its reason. */

#include "topic/pattern_init.h"

#include "unit/guard.h"
#include "unit/wpt.h"

#include "topic/pattern.h"
#include "topic/pattern_constructor.h"
#include "topic/url_canonical.h"
#include "topic/url_parse.h"
#include "url_text.h"

static const char *const members[PATTERN_COMPONENTS] = {
    "protocol", "username", "password", "hostname", "port", "pathname", "search", "hash",
};

static json_t *exceptions;

static bool
is_excepted(const json_t *row)
{
    size_t i;
    json_t *entry;
    json_array_foreach(exceptions, i, entry)
    {
        const json_t *pattern = json_object_get(entry, "pattern");
        if (pattern && json_equal(pattern, json_object_get(row, "pattern")))
            return true;
    }
    return false;
}

/* The standard's URLPatternInit, as a test gives it. */
static struct pattern_init
init_of(const json_t *object)
{
    struct pattern_init init = {0};
    for (size_t i = 0; i < PATTERN_COMPONENTS; i++) {
        const json_t *member = json_object_get(object, members[i]);
        init.has[i] = member != NULL;
        if (member)
            init.at[i] = wpt_text(member);
    }
    const json_t *base = json_object_get(object, "baseURL");
    if (base)
        init.base_url = wpt_text(base);
    return init;
}

/* A URL's components under the names that a pattern has for them. */
static void
components_of(const struct url *url, struct slice at[PATTERN_COMPONENTS])
{
    const struct slice values[PATTERN_COMPONENTS] = {
        url->scheme, url->username, url->password, url->host,
        url->port,   url->path,     url->query,    url->fragment,
    };
    memcpy(at, values, sizeof values);
}

static void
strip(struct slice *s, bool first, char c)
{
    if (s->len == 0 || s->ptr[first ? 0 : s->len - 1] != c)
        return;
    *s = first ? slice_from(*s, 1) : slice_head(*s, s->len - 1);
}

static bool
takes_from_base(const struct pattern_init *said, size_t component)
{
    static const unsigned char lists[2][6] = {
        {PATTERN_PROTOCOL, PATTERN_HOSTNAME, PATTERN_PORT, PATTERN_PATHNAME, PATTERN_SEARCH,
         PATTERN_HASH},
        {PATTERN_PROTOCOL, PATTERN_HOSTNAME, PATTERN_PORT, PATTERN_USERNAME, PATTERN_PASSWORD,
         PATTERN_PASSWORD},
    };
    bool credentials = component == PATTERN_USERNAME || component == PATTERN_PASSWORD;
    const unsigned char *list = lists[credentials];
    for (size_t i = 0;; i++) {
        if (said->has[list[i]])
            return false;
        if (list[i] == component)
            return true;
    }
}

static void
resolve(struct arena *arena, const struct url *base, struct slice *path)
{
    struct slice from = base->path;
    if (base->has_opaque_path || slice_starts(*path, SLICE("/")))
        return;
    while (from.len && from.ptr[from.len - 1] != '/')
        from.len--;
    char *joined = arena_alloc(arena, from.len + path->len + 1);
    ck_assert_ptr_ne(joined, NULL);
    memcpy(joined, from.ptr, from.len);
    if (path->len)
        memcpy(joined + from.len, path->ptr, path->len);
    *path = SLICE_OF(joined, from.len + path->len);
}

/* "process a URLPatternInit" of type "url". */
static bool
url_of_init(struct arena *arena, const struct pattern_init *said, struct url *ret)
{
    struct slice at[PATTERN_COMPONENTS] = {{NULL, 0}}, from[PATTERN_COMPONENTS];
    struct url base;
    if (said->base_url.ptr) {
        if (!url_parse(arena, said->base_url, NULL, &base))
            return false;
        components_of(&base, from);
        for (size_t i = 0; i < PATTERN_COMPONENTS; i++)
            if (takes_from_base(said, i))
                at[i] = from[i];
    }
    for (size_t i = 0; i < PATTERN_COMPONENTS; i++) {
        struct slice value = said->at[i];
        bool done = true;
        if (!said->has[i])
            continue;
        if (i == PATTERN_PROTOCOL)
            strip(&value, false, ':');
        if (i == PATTERN_SEARCH)
            strip(&value, true, '?');
        if (i == PATTERN_HASH)
            strip(&value, true, '#');
        if (i == PATTERN_PATHNAME) {
            struct slice scheme = at[PATTERN_PROTOCOL];
            if (said->base_url.ptr)
                resolve(arena, &base, &value);
            done = scheme.len == 0 || url_scheme_is_special(scheme)
                       ? url_canonical_pathname(arena, value, &at[i])
                       : url_canonical_opaque_pathname(arena, value, &at[i]);
        } else if (i == PATTERN_PORT) {
            done = url_canonical_port(arena, value, at[PATTERN_PROTOCOL], &at[i]);
        } else {
            done = pattern_component_options((enum pattern_component_name)i)
                       ->encode(arena, value, &at[i]);
        }
        if (!done)
            return false;
    }
    *ret = (struct url){
        .scheme = at[PATTERN_PROTOCOL],
        .username = at[PATTERN_USERNAME],
        .password = at[PATTERN_PASSWORD],
        .host = at[PATTERN_HOSTNAME],
        .port = at[PATTERN_PORT],
        .path = at[PATTERN_PATHNAME],
        .query = at[PATTERN_SEARCH],
        .fragment = at[PATTERN_HASH],
    };
    return true;
}

/* exec()'s arguments. False: no URL. */
static bool
url_of(struct arena *arena, const json_t *inputs, struct url *ret)
{
    const json_t *first = json_array_get(inputs, 0), *second = json_array_get(inputs, 1);
    struct url base;
    if (!json_is_string(first)) {
        struct pattern_init init = init_of(first);
        return url_of_init(arena, &init, ret);
    }
    if (second && !url_parse(arena, wpt_text(second), NULL, &base))
        return false;
    return url_parse(arena, wpt_text(first), second ? &base : NULL, ret);
}

static struct pattern *
pattern_of(struct arena *arena, const json_t *arguments)
{
    const json_t *first = json_array_get(arguments, 0), *second = json_array_get(arguments, 1);
    if (json_is_string(first))
        return pattern_new(guard_copy(wpt_text(first)),
                           second ? wpt_text(second) : (struct slice){NULL, 0}, NULL);
    if (second)
        return NULL; /* a base URL beside an object is a TypeError */
    const struct pattern_init init = init_of(first);
    return pattern_of_init(arena, &init, NULL);
}

static bool
is_error(const json_t *value)
{
    return json_is_string(value) && strcmp(json_string_value(value), "error") == 0;
}

static const char *
run(const json_t *row)
{
    struct arena arena;
    struct url url;
    struct slice key;
    const json_t *inputs = json_object_get(row, "inputs");
    const json_t *expected = json_object_get(row, "expected_match");
    bool expects_error = is_error(json_object_get(row, "expected_obj"));
    const char *fault = NULL;
    arena_init(&arena, 1 << 20);
    struct pattern *p = pattern_of(&arena, json_object_get(row, "pattern"));
    if (expects_error != (p == NULL))
        fault = p ? "is a pattern" : "is no pattern";
    /* An object beside a base is a TypeError of exec(), which is not ours. */
    if (p && !fault && inputs && !is_error(expected)) {
        uint64_t steps = 10000;
        enum match match = MATCH_NO;
        if (url_of(&arena, inputs, &url)) {
            match = pattern_match(p, &url, &steps);
            ck_assert(pattern_key(&arena, &url, &key));
            if (match == MATCH_YES && !slice_starts(key, pattern_literal_prefix(p)))
                fault = "has too long a literal prefix";
        }
        if (match != (json_is_object(expected) ? MATCH_YES : MATCH_NO))
            fault = match == MATCH_YES ? "matches" : "does not match";
    }
    pattern_free(&p);
    arena_fini(&arena);
    return fault;
}

START_TEST(every_row_is_as_it_says)
{
    size_t i, ran = 0, left_out = 0, wrong = 0;
    json_t *row, *rows = wpt_load("urlpatterntestdata.json");
    exceptions = wpt_load("exceptions.json");
    json_array_foreach(rows, i, row)
    {
        if (!json_is_object(row))
            continue;
        if (is_excepted(row)) {
            left_out++;
            continue;
        }
        const char *fault = run(row);
        ran++;
        if (fault == NULL)
            continue;
        char *shown = json_dumps(row, JSON_COMPACT | JSON_ENSURE_ASCII);
        printf("row %zu %s: %s\n", i, fault, shown);
        free(shown);
        wrong++;
    }
    printf("urlpatterntestdata.json: %zu rows, %zu right, %zu not run\n", ran + left_out,
           ran - wrong, left_out);
    ck_assert_uint_eq(wrong, 0);
    ck_assert_uint_gt(ran, 360);
    json_decref(rows);
    json_decref(exceptions);
}
END_TEST

UNIT_MAIN("pattern, the standard's tests", every_row_is_as_it_says)
