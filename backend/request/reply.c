/* reply - what every reply carries, whoever makes it. */

#include "request/reply.h"

#include "base/alloc.h"
#include "base/log.h"
#include "base/site.h"
#include "config/config.h"
#include "metrics/metrics.h"
#include "request/answered.h"
#include "request/cors.h"
#include "request/credential.h"
#include "request/hub_url.h"
#include "request/problem.h"

#include <stdio.h>

void
reply_begin(const struct exchange *ex, struct reply *r, unsigned status)
{
    r->status = status;
    r->header_count = 0;
    r->body = SLICE("");
    r->rest = 0;
    r->is_stream = false;
    cors_add(ex, r);
    if (status >= 400)
        reply_add(r, SLICE("Cache-Control"), SLICE("no-store"));
}

/* What the status says, for refusals that have no finer reason. */
static const char *
reason_of(unsigned status)
{
    static const struct {
        unsigned status;
        const char *reason;
    } reasons[] = {
        {400, "bad_request"}, {403, "reserved_topic"}, {404, "not_found"},
        {405, "method"},      {406, "not_acceptable"}, {413, "too_large"},
        {415, "media_type"},  {421, "misdirected"},    {503, "unavailable"},
    };
    for (size_t i = 0; i < COUNT_OF(reasons); i++)
        if (reasons[i].status == status)
            return reasons[i].reason;
    return "other";
}

/* The body of an error: problem details where they are accepted, else the sentence. */
static void
send_sentence(struct exchange *ex, struct reply *r, const char *reason, struct slice sentence)
{
    answered_log(ex, r->status, reason, sentence);
    if (r->status >= 400 && problem_is_accepted(ex->request))
        r->body = problem_document(&ex->arena, r->status, sentence);
    if (r->body.len) {
        reply_add(r, SLICE("Content-Type"), SLICE("application/problem+json"));
    } else {
        reply_add(r, SLICE("Content-Type"), SLICE("text/plain; charset=utf-8"));
        r->body = sentence;
    }
    exchange_reply(ex, r);
}

void
reply_text(struct exchange *ex, unsigned status, struct slice sentence)
{
    struct reply r;
    reply_begin(ex, &r, status);
    if (status >= 400)
        metrics_refused(status, reason_of(status));
    if (status == 503)
        reply_add(&r, SLICE("Retry-After"), SLICE("2"));
    send_sentence(ex, &r, reason_of(status), sentence);
}

/* An application that publishes by an internal URL meets this, and no further entry of public_urls
 * would help it with tokens of 1.0: their aud is the public URL. */
static void
say_other_host(const struct exchange *ex)
{
    static struct log_limit limit;
    const struct config *c = ex->config;
    struct slice path = SLICE(""), rest = SLICE("");
    struct slice id = slice_of(c->resource_identifier);
    struct site site;
    char advice[400], told[500];
    uint64_t more;
    if (!log_allowed(&limit, &more))
        return;
    if (id.len == 0) {
        id = slice_of(c->public_urls.items[0]);
        path = slice_of(c->path);
        if (site_read(id, &site, &rest))
            id = slice_head(id, id.len - rest.len);
    }
    snprintf(advice, sizeof advice,
             "public_urls names other hosts; where an application reaches the hub by an internal "
             "URL, say resource_identifier " SLICE_FMT SLICE_FMT " instead of public_urls",
             SLICE_ARG(slice_head(id, 150)), SLICE_ARG(slice_head(path, 100)));
    log_line(
        LOG_WARN, "misdirected", "conn=%llu status=421 host=%s method=%s msg=%s suppressed=%llu",
        (unsigned long long)ex->id, LOG_SLICE(ex->request->host), LOG_SLICE(ex->request->method),
        log_slice(told, sizeof told, slice_of(advice)), (unsigned long long)more);
}

void
reply_other_host(struct exchange *ex)
{
    say_other_host(ex);
    reply_text(ex, 421,
               SLICE("The hub is not known under this host: its public_urls name others. Where an "
                     "application reaches it by an internal URL, say resource_identifier with the "
                     "public one instead of public_urls.\n"));
}

void
reply_method_not_allowed(struct exchange *ex, struct slice allow)
{
    struct reply r;
    metrics_refused(405, reason_of(405));
    reply_begin(ex, &r, 405);
    reply_add(&r, SLICE("Allow"), allow);
    send_sentence(ex, &r, reason_of(405), SLICE("This method is not allowed here.\n"));
}

/* What a refusal is in 1.0 (RFC 6750, section 3.1; PROTOCOL.md, "1.0 errors"). */
struct challenge {
    unsigned status;
    const char *error; /* NULL: none, as for a request that simply has no token */
};

static struct challenge
challenge_of(enum token_fault fault)
{
    switch (fault) {
    case TOKEN_NONE:
        return (struct challenge){401, NULL};
    case TOKEN_GRANTS_NOTHING:
    case TOKEN_TOPIC_NOT_GRANTED:
        return (struct challenge){403, "insufficient_scope"};
    case TOKEN_BAD_AUTHORIZATION:
    case TOKEN_FOREIGN_ORIGIN:
        return (struct challenge){400, "invalid_request"};
    default:
        return (struct challenge){401, "invalid_token"};
    }
}

/* That there is no token is no secret; why a token is bad is one. */
static struct slice
sentence_of(const struct exchange *ex, const struct token_refusal *refusal, unsigned status,
            char *out, size_t cap)
{
    if (status == 403)
        return SLICE("The token does not grant this.\n");
    if (status == 400)
        return SLICE("The request does not carry its token as it should.\n");
    if (refusal->fault != TOKEN_NONE)
        return SLICE("The token is not accepted; the hub's log says why (event=refused).\n");
    struct slice name = credential_cookie_name(ex->config, refusal->reply_dialect);
    int n = snprintf(out, cap,
                     "There is no token: send Authorization: Bearer ..., or the cookie " SLICE_FMT
                     ".\n",
                     SLICE_ARG(slice_head(name, 200)));
    return SLICE_OF(out, (size_t)n);
}

static unsigned
status_of(const struct token_refusal *refusal)
{
    return refusal->reply_dialect == DIALECT_0X ? 401 : challenge_of(refusal->fault).status;
}

void
reply_refusal(struct exchange *ex, const struct token_refusal *refusal)
{
    struct reply r;
    struct buf value;
    char text[300];
    unsigned status = status_of(refusal);
    const char *reason = token_fault_name(refusal->fault);
    metrics_refused(status, reason);
    token_refusal_log(refusal, ex->id, status);
    reply_begin(ex, &r, status);
    buf_init(&value, 65536);
    buf_add(&value, SLICE("Bearer"));
    if (refusal->reply_dialect == DIALECT_1_0) {
        struct slice url = hub_url_metadata(ex);
        const char *error = challenge_of(refusal->fault).error;
        if (error)
            buf_addf(&value, " error=\"%s\"", error);
        if (url.len)
            buf_addf(&value, "%s resource_metadata=\"" SLICE_FMT "\"", error ? "," : "",
                     SLICE_ARG(url));
    }
    reply_add(&r, SLICE("WWW-Authenticate"), buf_slice(&value));
    if (ex->config->debug)
        reply_add(&r, SLICE("X-Alipes-Reason"), slice_of(reason));
    send_sentence(ex, &r, reason, sentence_of(ex, refusal, status, text, sizeof text));
    buf_fini(&value);
}

void
reply_options(struct exchange *ex, struct slice allow)
{
    struct reply r = {.status = 204};
    struct slice asked;
    if (!request_header(ex->request, SLICE("Access-Control-Request-Method"), &asked)) {
        reply_begin(ex, &r, 204);
        reply_add(&r, SLICE("Allow"), allow);
    } else {
        cors_add_preflight(ex, &r);
    }
    exchange_reply(ex, &r);
}

void
reply_stream_head(const struct exchange *ex, struct reply *r)
{
    static const struct header fixed[] = {
        {SLICE_INIT("Content-Type"), SLICE_INIT("text/event-stream; charset=utf-8")},
        {SLICE_INIT("Cache-Control"),
         SLICE_INIT("private, no-cache, no-store, must-revalidate, max-age=0, no-transform")},
        {SLICE_INIT("X-Accel-Buffering"), SLICE_INIT("no")},
        {SLICE_INIT("Pragma"), SLICE_INIT("no-cache")},
        {SLICE_INIT("Expires"), SLICE_INIT("0")},
    };
    reply_begin(ex, r, 200);
    r->is_stream = true;
    for (size_t i = 0; i < COUNT_OF(fixed); i++)
        reply_add(r, fixed[i].name, fixed[i].value);
}
