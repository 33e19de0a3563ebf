/* subscribe_form - the parameters of a subscription, of both dialects.
 *
 * One name decides the dialect of the request: `topic` is 0.x, `match…` is 1.0, both at once are
 * neither. A hub that speaks one dialect alone does not know the other's names: without issuers
 * `match` is a parameter like any other, without keys of 0.x `topic` is an error that names
 * `match`. */

#include "hub/subscribe_form.h"

#include "base/alloc.h"
#include "config/config.h"
#include "metrics/metrics.h"
#include "request/form.h"
#include "request/hub_url.h"
#include "topic/text.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_MATCHERS_1_0 = 100
};

enum parameter {
    PARAMETER_OTHER,
    PARAMETER_TOPIC,
    PARAMETER_MATCHER,
    PARAMETER_BAD_MATCHER,
};

static const struct {
    struct slice name;
    enum matcher_type type;
} matchers[] = {
    {SLICE_INIT("match"), MATCHER_EXACT},
    {SLICE_INIT("match_exact"), MATCHER_EXACT},
    {SLICE_INIT("match_urlpattern"), MATCHER_URLPATTERN},
};

enum {
    CURSOR_POLYFILL,
    CURSOR_0_X,
    CURSOR_1_0,
    CURSOR_AS_HEADER,
    CURSOR_NAMES,
};

static const struct slice cursor_names[CURSOR_NAMES] = {
    [CURSOR_POLYFILL] = SLICE_INIT("lastEventId"),
    [CURSOR_0_X] = SLICE_INIT("lastEventID"),
    [CURSOR_1_0] = SLICE_INIT("last_event_id"),
    [CURSOR_AS_HEADER] = SLICE_INIT("Last-Event-ID"),
};
/* The first of them that is not empty wins. */
static const unsigned ranks_0_x[] = {CURSOR_POLYFILL, CURSOR_0_X, CURSOR_1_0, CURSOR_AS_HEADER};
static const unsigned ranks_1_0[] = {CURSOR_POLYFILL, CURSOR_1_0, CURSOR_0_X, CURSOR_AS_HEADER};

/* While a request is read. */
struct reader {
    struct exchange *ex;
    struct subscribe_form *query;
    size_t fields, room;
    bool any_topic, any_match, in_body, is_query_method;
    struct slice cursors[2][CURSOR_NAMES]; /* of the query, of the body */
};

static enum parameter
parameter_of(const struct config *c, struct slice name, enum matcher_type *type)
{
    *type = MATCHER_TEMPLATE;
    if (slice_eq(name, SLICE("topic")))
        return PARAMETER_TOPIC;
    if (!c->speaks[DIALECT_1_0] || !slice_eq_nocase(slice_head(name, 5), SLICE("match")))
        return PARAMETER_OTHER;
    for (size_t i = 0; i < COUNT_OF(matchers); i++) {
        if (slice_eq(name, matchers[i].name)) {
            *type = matchers[i].type;
            return PARAMETER_MATCHER;
        }
    }
    return PARAMETER_BAD_MATCHER;
}

static void
take_cursor(struct reader *r, struct slice name, struct slice value)
{
    for (size_t i = 0; i < CURSOR_NAMES; i++) {
        if (!slice_eq(name, cursor_names[i]))
            continue;
        r->query->cursor.given = true;
        if (r->cursors[r->in_body][i].len == 0)
            r->cursors[r->in_body][i] = value;
    }
}

/* NULL, or what is wrong with it. */
static const char *
judge_matcher(struct reader *r, struct slice value)
{
    if (value.len > r->ex->config->max_matcher_length) {
        metrics_bound_met(METRIC_max_matcher_length, r->ex->id);
        return "A matcher is longer than max_matcher_length.\n";
    }
    enum text_fault fault = text_judge(value);
    return fault == TEXT_OK         ? NULL
           : fault == TEXT_NOT_UTF8 ? "A matcher is not valid UTF-8.\n"
           : fault == TEXT_CONTROL  ? "A matcher holds a control character.\n"
                                    : "A matcher holds a format character.\n";
}

static const char *
take_selector(struct reader *r, enum parameter kind, enum matcher_type type, struct slice value)
{
    const char *fault;
    struct subscribe_form *q = r->query;
    if (kind == PARAMETER_MATCHER && (fault = judge_matcher(r, value)) != NULL)
        return fault;
    if (q->count == r->room || (kind == PARAMETER_MATCHER && q->count == MAX_MATCHERS_1_0)) {
        metrics_bound_met(METRIC_max_matchers, r->ex->id);
        return q->count == r->room ? "The subscription has more matchers than max_matchers.\n"
                                   : "The subscription has more than 100 matchers.\n";
    }
    q->selectors[q->count++] = (struct selector){.type = type, .text = value};
    return NULL;
}

static const char *
take_field(struct reader *r, struct slice name, struct slice value)
{
    const struct config *c = r->ex->config;
    enum matcher_type type;
    enum parameter kind = parameter_of(c, name, &type);
    if (++r->fields > c->max_form_fields) {
        metrics_bound_met(METRIC_max_form_fields, r->ex->id);
        return "The query has more fields than max_form_fields.\n";
    }
    switch (kind) {
    case PARAMETER_OTHER:
        take_cursor(r, name, value);
        return NULL;
    case PARAMETER_BAD_MATCHER:
        return "There is no such kind of matcher; use match, match_exact or match_urlpattern.\n";
    case PARAMETER_TOPIC:
        if (!c->speaks[DIALECT_0X] || r->is_query_method)
            return "The parameter topic is not part of this version of the protocol; use match.\n";
        r->any_topic = true;
        break;
    case PARAMETER_MATCHER:
        r->any_match = true;
        break;
    }
    return take_selector(r, kind, type, value);
}

static const char *
read_form(struct reader *r, struct slice text)
{
    struct form form = {text};
    struct slice name, value;
    bool failed = false;
    const char *fault = NULL;
    while (fault == NULL && form_next(&form, &r->ex->arena, &name, &value, &failed))
        fault = take_field(r, name, value);
    return fault    ? fault
           : failed ? "The query is too large.\n"
           : r->any_topic && r->any_match
               ? "topic and match belong to different versions of the protocol; use one of them.\n"
               : NULL;
}

static void
choose_cursor(struct reader *r)
{
    struct cursor *cursor = &r->query->cursor;
    const unsigned *ranks = r->any_match ? ranks_1_0 : ranks_0_x;
    struct slice header;
    cursor->dialect = r->any_match ? DIALECT_1_0 : DIALECT_0X;
    for (size_t i = 2 * CURSOR_NAMES; i-- > 0;) {
        struct slice value = r->cursors[i / CURSOR_NAMES][ranks[i % CURSOR_NAMES]];
        if (value.len)
            cursor->id = value;
    }
    if (request_header(r->ex->request, SLICE("Last-Event-ID"), &header)) {
        cursor->given = true;
        if (header.len)
            cursor->id = header;
    }
    cursor->is_earliest = slice_eq(cursor->id, SLICE("earliest"));
}

struct slice
cursor_header(enum dialect dialect)
{
    return dialect == DIALECT_1_0 ? SLICE("Mercure-Last-Event-ID") : SLICE("Last-Event-ID");
}

struct slice
cursor_at_once(const struct cursor *c)
{
    if (c->is_earliest || (c->dialect == DIALECT_1_0 && c->given && c->id.len == 0))
        return SLICE("earliest");
    return SLICE_OF(NULL, 0);
}

static int
compare(const void *a, const void *b)
{
    return slice_cmp(((const struct selector *)a)->text, ((const struct selector *)b)->text);
}

/* What is no pattern first, in its order. */
static void
sort(struct subscribe_form *q)
{
    size_t exact = 0;
    for (size_t i = 0; i < q->count; i++) {
        struct selector s = q->selectors[i];
        if (index_is_pattern(&s))
            continue;
        q->selectors[i] = q->selectors[exact];
        q->selectors[exact++] = s;
    }
    if (exact > 1)
        qsort(q->selectors, exact, sizeof *q->selectors, compare);
}

void
subscribe_form_set_client(struct subscribe_form *q, uint64_t client)
{
    for (size_t i = 0; i < q->count; i++)
        q->selectors[i].client = client;
}

const char *
subscribe_form_read(struct exchange *ex, struct slice body, struct subscribe_form *q)
{
    *q = (struct subscribe_form){0};
    struct reader r = {.ex = ex, .query = q};
    r.is_query_method = slice_eq(ex->request->method, SLICE("QUERY"));
    r.room = slice_count(ex->request->query, '&') + slice_count(body, '&') + 2;
    if (r.room > ex->config->max_matchers)
        r.room = ex->config->max_matchers;
    q->selectors = arena_alloc(&ex->arena, r.room * sizeof *q->selectors);
    if (q->selectors == NULL)
        return "The query is too large.\n";
    const char *fault = read_form(&r, ex->request->query);
    r.in_body = true;
    if (fault == NULL)
        fault = read_form(&r, body);
    if (fault)
        return fault;
    if (q->count == 0)
        return ex->config->speaks[DIALECT_0X] && !r.is_query_method
                   ? "The parameter topic is missing.\n"
                   : "The parameter match is missing.\n";
    choose_cursor(&r);
    struct slice base = SLICE_OF(NULL, 0);
    for (size_t i = 0; i < q->count; i++) {
        if (q->selectors[i].type != MATCHER_URLPATTERN)
            continue;
        if (base.ptr == NULL)
            base = hub_url_base(ex);
        q->selectors[i].base = base;
    }
    sort(q);
    return NULL;
}
