/* cors - the headers, and what is said of those who do not get them.
 *
 * With a bare `*` configured everybody may read and nobody sends credentials (the protocol forbids
 * the pair); with named origins the asking one is echoed and `Vary: Origin` stands on every reply,
 * asked with an Origin or not, because a cache must know.
 *
 * An own page is never refused: browsers send its Origin with a POST, but need no permission. A
 * POST is not looked at where no origin is configured, for a page that posts to another site asked
 * before, with OPTIONS, or came with a cookie (request/credential.h). */

#include "request/cors.h"

#include "base/log.h"
#include "config/config.h"
#include "request/origin.h"

#include <string.h>

#define ALLOWED_HEADERS "authorization, cache-control, last-event-id, content-type, if-none-match"

static bool
has_bare_star(const struct string_list *origins)
{
    for (size_t i = 0; i < origins->count; i++)
        if (strcmp(origins->items[i], "*") == 0)
            return true;
    return false;
}

static bool
is_allowed(const struct string_list *origins, struct slice origin)
{
    for (size_t i = 0; i < origins->count; i++)
        if (origin_matches(slice_of(origins->items[i]), origin, true))
            return true;
    return false;
}

/* Where the front names another host than the browser did, the browser's word alone tells. */
static bool
is_own_page(const struct exchange *ex, struct slice origin)
{
    struct slice site;
    return origin_is_own(ex, origin) ||
           (request_header(ex->request, SLICE("Sec-Fetch-Site"), &site) &&
            slice_eq(site, SLICE("same-origin")));
}

static void
say_refused(const struct exchange *ex, struct slice origin)
{
    static struct log_limit limit;
    uint64_t more;
    char advice[300];
    if (is_own_page(ex, origin) || !log_allowed(&limit, &more))
        return;
    log_line(LOG_WARN, "origin_not_allowed", "conn=%llu origin=%s method=%s msg=%s suppressed=%llu",
             (unsigned long long)ex->id, LOG_SLICE(origin), LOG_SLICE(ex->request->method),
             log_slice((char[400]){0}, 400,
                       origin_advice(&ex->config->cors_origins, "cors_origins", origin, advice,
                                     sizeof advice)),
             (unsigned long long)more);
}

/* True if the origin of this request is one of those that are named. */
static bool
find_origin(const struct exchange *ex, struct slice *ret_origin)
{
    if (!request_header(ex->request, SLICE("Origin"), ret_origin) || ret_origin->len == 0)
        return false;
    if (is_allowed(&ex->config->cors_origins, *ret_origin))
        return true;
    say_refused(ex, *ret_origin);
    return false;
}

bool
cors_add(const struct exchange *ex, struct reply *r)
{
    const struct string_list *origins = &ex->config->cors_origins;
    struct slice origin;
    if (origins->count == 0)
        return !slice_eq(ex->request->method, SLICE("POST")) && find_origin(ex, &origin);
    if (has_bare_star(origins)) {
        reply_add(r, SLICE("Access-Control-Allow-Origin"), SLICE("*"));
    } else {
        reply_add(r, SLICE("Vary"), SLICE("Origin"));
        if (!find_origin(ex, &origin))
            return false;
        reply_add(r, SLICE("Access-Control-Allow-Origin"), origin);
        reply_add(r, SLICE("Access-Control-Allow-Credentials"), SLICE("true"));
    }
    reply_add(r, SLICE("Access-Control-Expose-Headers"),
              SLICE("Last-Event-ID, Mercure-Last-Event-ID, Link, WWW-Authenticate, ETag, "
                    "X-Total-Count, X-Alipes-Reason"));
    return true;
}

static bool
may_send(struct slice header)
{
    struct slice allowed = SLICE(ALLOWED_HEADERS), one;
    while (slice_cut(&allowed, ',', &one))
        if (slice_eq_nocase(slice_trim(one), header))
            return true;
    return false;
}

/* The browser refuses; its console names one header, and here is what there is to choose from. */
static void
say_headers(const struct exchange *ex)
{
    static struct log_limit limit;
    struct slice asked, one;
    uint64_t more;
    if (!request_header(ex->request, SLICE("Access-Control-Request-Headers"), &asked))
        return;
    while (slice_cut(&asked, ',', &one)) {
        if (may_send(slice_trim(one)) || !log_allowed(&limit, &more))
            continue;
        log_line(LOG_WARN, "header_not_allowed",
                 "conn=%llu header=%s msg=\"a page of another site may send " ALLOWED_HEADERS
                 "\" suppressed=%llu",
                 (unsigned long long)ex->id, LOG_SLICE(slice_trim(one)), (unsigned long long)more);
    }
}

void
cors_add_preflight(const struct exchange *ex, struct reply *r)
{
    if (!cors_add(ex, r))
        return;
    say_headers(ex);
    reply_add(r, SLICE("Access-Control-Allow-Methods"), SLICE("GET, HEAD, POST, QUERY"));
    reply_add(r, SLICE("Access-Control-Allow-Headers"), SLICE(ALLOWED_HEADERS));
    reply_add(r, SLICE("Access-Control-Max-Age"), SLICE("7200"));
    reply_add(r, SLICE("Vary"),
              SLICE("Access-Control-Request-Method, Access-Control-Request-Headers"));
}
