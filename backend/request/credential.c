/* credential - header, query, cookie: in that order, the first one found alone.
 *
 * A cookie on a POST could have been sent by any page of any site, so its Origin (or Referer)
 * must be this host's own or one of publish_origins. Where the wire does not tell the request's
 * scheme, an own origin is one whose host is ours, by http or https. */

#include "request/credential.h"

#include "base/clock.h"
#include "config/config.h"
#include "metrics/metrics.h"
#include "request/cookie.h"
#include "request/form.h"
#include "request/origin.h"

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

static unsigned
find_in_query(struct exchange *ex, struct slice *ret_token, bool *ret_failed)
{
    struct form form = {ex->request->query};
    struct slice name, value;
    unsigned found = 0;
    while (form_next(&form, &ex->arena, &name, &value, ret_failed))
        if (slice_eq(name, SLICE("authorization")) && found++ == 0)
            *ret_token = value;
    return found;
}

static bool
find_cookie(const struct request *r, struct slice name, struct slice *ret_value)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (slice_eq_nocase(r->headers[i].name, SLICE("Cookie")) &&
            cookie_find(r->headers[i].value, name, ret_value))
            return true;
    return false;
}

static bool
is_own_origin(struct slice origin, const struct request *r)
{
    static const struct slice schemes[] = {SLICE_INIT("http"), SLICE_INIT("https")};
    for (size_t i = 0; i < COUNT_OF(schemes); i++) {
        struct slice rest = slice_from(origin, schemes[i].len);
        if (slice_starts(origin, schemes[i]) && slice_starts(rest, SLICE("://")) &&
            (r->scheme.len == 0 || slice_eq_nocase(r->scheme, schemes[i])))
            return rest.len > 3 && slice_eq_nocase(slice_from(rest, 3), r->host);
    }
    return false;
}

static bool
origin_may_publish(const struct exchange *ex)
{
    struct slice origin = {0}, referer;
    if (!request_header(ex->request, SLICE("Origin"), &origin) || origin.len == 0) {
        if (!request_header(ex->request, SLICE("Referer"), &referer) ||
            !origin_of_referer(referer, &origin))
            return false;
    }
    if (is_own_origin(origin, ex->request))
        return true;
    const struct string_list *allowed = &ex->config->publish_origins;
    for (size_t i = 0; i < allowed->count; i++)
        if (origin_matches(slice_of(allowed->items[i]), origin, false))
            return true;
    return false;
}

struct token_refusal
credential_refusal(const struct authority *authority, enum role role, enum token_fault fault,
                   const struct grant *grant)
{
    enum dialect dialect =
        grant ? grant->dialect : authority_reply_dialect(authority, SLICE_OF(NULL, 0));
    return (struct token_refusal){
        .fault = fault, .role = role, .dialect = dialect, .reply_dialect = dialect};
}

bool
credential_read(struct exchange *ex, const struct authority *authority, enum role role,
                struct token_cache *cache, struct grant **ret_grant,
                struct token_refusal *ret_refusal)
{
    struct slice value, token = {0};
    bool failed = false;
    unsigned in_query;
    enum token_fault fault = TOKEN_OK;
    *ret_grant = NULL;
    if (request_header(ex->request, SLICE("Authorization"), &value)) {
        if (!read_authorization(ex->request, value, &token))
            fault = TOKEN_BAD_AUTHORIZATION;
    } else if ((in_query = find_in_query(ex, &token, &failed)) != 0 || failed) {
        if (failed || in_query != 1 || token.len == 0)
            fault = failed ? TOKEN_QUERY_TOO_LARGE : TOKEN_BAD_PARAMETER;
    } else if (find_cookie(ex->request,
                           slice_of(ex->config->cookie_name ? ex->config->cookie_name
                                                            : "mercureAuthorization"),
                           &token)) {
        if (slice_eq(ex->request->method, SLICE("POST")) && !origin_may_publish(ex))
            fault = TOKEN_FOREIGN_ORIGIN;
    } else {
        return true;
    }
    if (fault == TOKEN_OK) {
        fault = token_cache_verify(cache, authority, role, token, SLICE(""), SLICE(""),
                                   clock_wall_ms(), ret_grant, ret_refusal);
        if (fault == TOKEN_TOO_MANY_SELECTORS)
            metrics_bound_met(METRIC_max_token_selectors, ex->id);
        if (fault == TOKEN_TOO_MANY_DETAILS)
            metrics_bound_met(METRIC_max_authorization_details, ex->id);
        return fault == TOKEN_OK;
    }
    *ret_refusal = credential_refusal(authority, role, fault, NULL);
    return false;
}
