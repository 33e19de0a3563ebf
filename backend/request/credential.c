/* credential - header, query, cookie: in that order, the first one found alone.
 *
 * The parameter `authorization` is 0.x's: where 0.x is off it is no place at all, and what is of
 * 1.0 (a token, a `match…` request) must not come that way, for URLs end up in logs. Cookies have a
 * name for each dialect; which is looked for first is the request's dialect, and where a dialect is
 * off its name means nothing.
 *
 * A cookie on a POST could have been sent by any page of any site, so its Origin (or Referer)
 * must be this host's own or one of publish_origins. Where the wire does not tell the request's
 * scheme, an own origin is one whose host is ours, by http or https. */

#include "request/credential.h"

#include "config/config.h"
#include "request/cookie.h"
#include "request/form.h"
#include "request/origin.h"
#include "request/rules.h"

#include <stdio.h>

static bool
read_authorization(const struct request *r, struct slice value, struct slice *ret_token)
{
    struct slice scheme = slice_head(value, 7);
    if (request_header_count(r, SLICE("Authorization")) != 1 ||
        !slice_eq_nocase(scheme, SLICE("Bearer ")))
        return false;
    *ret_token = slice_from(value, 7);
    return ret_token->len && slice_index(*ret_token, ' ') == ret_token->len &&
           slice_index(*ret_token, '\t') == ret_token->len;
}

/* What the query tells about tokens. */
struct query_facts {
    struct slice token; /* the first `authorization` */
    unsigned tokens;
    bool is_match; /* a parameter that begins with `match`, or QUERY, whose body will have one */
    bool failed;   /* too large to be read */
};

static struct query_facts
read_query(struct exchange *ex)
{
    struct query_facts facts = {.is_match = slice_eq(ex->request->method, SLICE("QUERY"))};
    struct form form = {ex->request->query};
    struct slice name, value;
    while (form_next(&form, &ex->arena, &name, &value, &facts.failed)) {
        facts.is_match |= slice_eq_nocase(slice_head(name, 5), SLICE("match"));
        if (slice_eq(name, SLICE("authorization")) && facts.tokens++ == 0)
            facts.token = value;
    }
    return facts;
}

static enum token_fault
judge_parameter(const struct exchange *ex, const struct query_facts *facts)
{
    bool mixed = authority_judges(ex->rules->authority, DIALECT_1_0);
    if (facts->failed)
        return TOKEN_QUERY_TOO_LARGE;
    if (facts->tokens != 1 || facts->token.len == 0)
        return TOKEN_BAD_PARAMETER;
    if ((mixed && facts->is_match) || token_is_access_token(facts->token))
        return TOKEN_PARAMETER_NOT_ALLOWED;
    return TOKEN_OK;
}

struct slice
credential_cookie_name(const struct config *c, enum dialect dialect)
{
    return c->cookie_name          ? slice_of(c->cookie_name)
           : dialect == DIALECT_0X ? SLICE("mercureAuthorization")
                                   : SLICE("__Secure-mercure_access_token");
}

static bool
find_cookie_of(const struct exchange *ex, enum dialect dialect, struct slice *ret_value)
{
    const struct request *r = ex->request;
    struct slice name = credential_cookie_name(ex->config, dialect);
    if (!authority_judges(ex->rules->authority, dialect))
        return false;
    for (size_t i = 0; i < r->header_count; i++)
        if (slice_eq_nocase(r->headers[i].name, SLICE("Cookie")) &&
            cookie_find(r->headers[i].value, name, ret_value))
            return true;
    return false;
}

static bool
is_subscription(const struct request *r)
{
    return slice_eq(r->method, SLICE("GET")) || slice_eq(r->method, SLICE("HEAD"));
}

/* GET with `topic` is of 0.x; a match, QUERY, POST and the API look for the name of 1.0 first. */
static bool
find_cookie(const struct exchange *ex, bool is_match, struct slice *ret_value)
{
    bool is_0x = is_subscription(ex->request) && !is_match &&
                 slice_eq(ex->request->path, slice_of(ex->config->path));
    return find_cookie_of(ex, is_0x ? DIALECT_0X : DIALECT_1_0, ret_value) ||
           find_cookie_of(ex, is_0x ? DIALECT_1_0 : DIALECT_0X, ret_value);
}

/* False: the request does not say. */
static bool
find_origin(const struct exchange *ex, struct slice *ret_origin)
{
    struct slice referer;
    if (request_header(ex->request, SLICE("Origin"), ret_origin) && ret_origin->len)
        return true;
    return request_header(ex->request, SLICE("Referer"), &referer) &&
           origin_of_referer(referer, ret_origin);
}

static void
say_origin(const struct exchange *ex, struct token_refusal *refusal)
{
    struct slice origin;
    char advice[180];
    const struct string_list *allowed = &ex->config->publish_origins;
    if (!find_origin(ex, &origin)) {
        snprintf(refusal->detail, sizeof refusal->detail, "there is neither Origin nor Referer");
        return;
    }
    snprintf(refusal->origin, sizeof refusal->origin, SLICE_FMT,
             SLICE_ARG(slice_head(origin, 200)));
    origin_advice(allowed, "publish_origins", origin, advice, sizeof advice);
    snprintf(refusal->detail, sizeof refusal->detail, "%s", advice);
}

static bool
origin_may_publish(const struct exchange *ex)
{
    struct slice origin;
    if (!find_origin(ex, &origin))
        return false;
    if (origin_is_own(ex, origin))
        return true;
    const struct string_list *allowed = &ex->config->publish_origins;
    for (size_t i = 0; i < allowed->count; i++)
        if (origin_matches(slice_of(allowed->items[i]), origin, false))
            return true;
    return false;
}

struct token_refusal
credential_refusal(const struct exchange *ex, enum role role, enum token_fault fault,
                   const struct grant *grant)
{
    enum dialect dialect =
        grant ? grant->dialect : authority_reply_dialect(ex->rules->authority, SLICE_OF(NULL, 0));
    return (struct token_refusal){
        .fault = fault, .role = role, .dialect = dialect, .reply_dialect = dialect};
}

/* False: there is none. Else *ret_token, or what is wrong about where it is. */
static bool
look(struct exchange *ex, struct slice *ret_token, enum token_fault *ret_fault)
{
    struct slice value;
    *ret_fault = TOKEN_OK;
    ex->token_by = "none";
    if (request_header(ex->request, SLICE("Authorization"), &value)) {
        ex->token_by = "header";
        if (!read_authorization(ex->request, value, ret_token))
            *ret_fault = TOKEN_BAD_AUTHORIZATION;
        return true;
    }
    struct query_facts facts = read_query(ex);
    if ((facts.tokens || facts.failed) && authority_judges(ex->rules->authority, DIALECT_0X)) {
        ex->token_by = "query";
        *ret_token = facts.token;
        *ret_fault = judge_parameter(ex, &facts);
        return true;
    }
    if (!find_cookie(ex, facts.is_match, ret_token))
        return false;
    ex->token_by = "cookie";
    if (slice_eq(ex->request->method, SLICE("POST")) && !origin_may_publish(ex))
        *ret_fault = TOKEN_FOREIGN_ORIGIN;
    return true;
}

enum credential
credential_find(struct exchange *ex, enum role role, struct slice *ret_token,
                struct token_refusal *ret_refusal)
{
    enum token_fault fault;
    *ret_token = SLICE("");
    if (!look(ex, ret_token, &fault))
        return CREDENTIAL_NONE;
    if (fault == TOKEN_OK)
        return CREDENTIAL_FOUND;
    *ret_refusal = credential_refusal(ex, role, fault, NULL);
    if (fault == TOKEN_FOREIGN_ORIGIN)
        say_origin(ex, ret_refusal);
    if (fault != TOKEN_BAD_AUTHORIZATION)
        ret_refusal->dialect = ret_refusal->reply_dialect =
            authority_reply_dialect(ex->rules->authority, *ret_token);
    return CREDENTIAL_MISPLACED;
}
