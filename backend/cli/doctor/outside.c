/* outside - one request after another through the public URL.
 *
 * An answer is the hub's own where it is a problem document; a front's own pages are none. */

#include "cli/doctor/outside.h"

#include "base/clock.h"
#include "base/ids.h"
#include "cli/doctor/blame.h"
#include "cli/hearsay.h"
#include "cli/mint.h"
#include "cli/token_text.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

enum {
    SKEW_SECONDS = 30,
    TOKEN_MS = 300000,
};

static const char standard_path[] = "/.well-known/mercure";

/* --- before ----------------------------------------------------------------------------------- */

/* A URL of the site gets the hub's path. */
static char *
make_url(const char *given, const char *path)
{
    struct buf url;
    struct slice all = slice_of(given);
    bool has_scheme = slice_find(all, SLICE("://")) < all.len;
    buf_init(&url, 8192);
    buf_addf(&url, "%s%s", has_scheme ? "" : "https://", given);
    struct slice rest = slice_from(buf_slice(&url), slice_find(buf_slice(&url), SLICE("://")) + 3);
    struct slice there = slice_from(rest, slice_index(rest, '/'));
    if (there.len <= 1) {
        url.len -= there.len;
        buf_add(&url, slice_of(path));
    }
    buf_add_byte(&url, 0);
    if (url.failed)
        buf_fini(&url);
    return url.ptr;
}

static const char *
find_url(const struct patient *p)
{
    const struct config *c = p->config;
    if (p->url)
        return p->url;
    if (c && c->public_urls.count)
        return c->public_urls.items[0];
    return c && c->resource_identifier && strstr(c->resource_identifier, "://")
               ? c->resource_identifier
               : NULL;
}

/* For one topic and a few minutes, signed with the configuration's own key. */
static bool
make_token(struct patient *p, enum role role, struct error *err)
{
    struct mint wish = {.exp_ms = TOKEN_MS};
    const struct config *c = p->config;
    if (c == NULL)
        return error_set(err, "there is no configuration to sign a token with: --token FILE");
    if (c->resource_identifier == NULL && c->public_urls.count != 1)
        wish.audience = p->hub_url;
    string_list_add(role == ROLE_PUBLISH ? &wish.publish : &wish.subscribe, slice_of(p->topic));
    struct error why;
    bool ok = mint_token(&wish, c, SLICE(""), &p->token[role], &why);
    p->is_1_0 = wish.speaks == DIALECT_1_0;
    mint_fini(&wish);
    return ok || error_set(err, "%.400s (or say --token FILE)", why.text);
}

static bool
read_token(struct patient *p, enum role role, struct error *err)
{
    struct buf text;
    struct slice token;
    struct hearsay said;
    if (!token_text_read(p->token_file, &text, &token, err))
        return false;
    hearsay_read(&said, token);
    p->is_1_0 = said.is_access_token;
    hearsay_fini(&said);
    bool ok = token.len && slice_index_control(token) == token.len;
    if (ok)
        buf_add(&p->token[role], token);
    buf_fini(&text);
    return ok || error_set(err, "%.300s: there is no token in it", p->token_file);
}

static void
take_tokens(struct patient *p)
{
    for (unsigned role = 0; role < ROLES; role++) {
        struct error *err = &p->no_token[role];
        bool ok = p->token_file ? read_token(p, (enum role)role, err)
                                : make_token(p, (enum role)role, err);
        if (!ok)
            buf_clear(&p->token[role]);
    }
}

bool
outside_prepare(struct patient *p, struct error *err)
{
    struct id_source ids;
    char id[IDS_URN_LEN + 1];
    const char *url = find_url(p);
    if (url == NULL)
        return error_set(err, "no URL was given, and the configuration names none");
    if ((p->hub_url = make_url(url, p->config ? p->config->path : standard_path)) == NULL)
        return error_set(err, "the URL is too long");
    id_source_init(&ids);
    id_uuid4(&ids, id);
    snprintf(p->topic, sizeof p->topic, "alipes-doctor-%s", id + sizeof "urn:uuid:" - 1);
    take_tokens(p);
    return true;
}

/* --- is it there ------------------------------------------------------------------------------ */

static bool
is_hubs(const struct transfer *reply)
{
    return slice_starts(transfer_header(reply, "content-type", 0),
                        SLICE("application/problem+json"));
}

static void
judge_date(const struct patient *p, struct report *r, const struct transfer *reply)
{
    struct tm tm = {.tm_isdst = 0};
    char text[64];
    struct slice date = transfer_header(reply, "date", 0);
    snprintf(text, sizeof text, SLICE_FMT, SLICE_ARG(date));
    if (strptime(text, "%a, %d %b %Y %H:%M:%S GMT", &tm) == NULL)
        return;
    double skew = difftime(timegm(&tm), (time_t)(clock_wall_ms() / 1000));
    if (skew > SKEW_SECONDS || skew < -SKEW_SECONDS)
        report_bad(r, "timedatectl set-ntp true, on both machines",
                   "the clock of %s and this machine's are %.0f s apart: tokens of the one are "
                   "too old, or too new, for the other",
                   blame_name(p), skew < 0 ? -skew : skew);
}

static void
judge_address(struct patient *p, struct report *r, const struct transfer *reply)
{
    struct error detail;
    error_set(&detail, " (%u)", reply->status);
    if (is_hubs(reply) && reply->status == 421) {
        report_bad(r, "resource_identifier with the hub's public URL, or this host in public_urls",
                   "the hub answers 421: this host is none of public_urls");
    } else if (is_hubs(reply)) {
        p->is_reached = true;
        report_ok(r, "%s: the hub answers, by %s", p->hub_url, blame_name(p));
        judge_date(p, r, reply);
    } else if (reply->status >= 300 && reply->status < 400) {
        struct slice to = transfer_header(reply, "location", 0);
        report_bad(r, "give publishers and pages that URL",
                   "%s is a redirect (%u) to " SLICE_FMT ": a publisher may take it for success",
                   p->hub_url, reply->status, SLICE_ARG(to));
    } else if (reply->status >= 500) {
        blame_bad(p, r, SYMPTOM_REFUSED, detail.text);
    } else {
        blame_bad(p, r, SYMPTOM_UNREACHED, detail.text);
    }
}

void
outside_check_address(struct patient *p, struct report *r)
{
    struct transfer reply;
    struct error err;
    const struct transfer_ask ask = {.method = "GET",
                                     .url = p->hub_url,
                                     .headers = {"Accept: application/problem+json"},
                                     .ca_file = p->ca_file};
    report_waits(r, "asking %s", p->hub_url);
    if (transfer_run(&reply, &ask, &err)) {
        p->version = reply.version;
        blame_find(p, &reply);
        judge_address(p, r, &reply);
    } else {
        report_bad(r, NULL, "%s: %s", p->hub_url, err.text);
    }
    transfer_end(&reply);
}

void
outside_check_http(struct patient *p, struct report *r)
{
    bool is_tls = strncmp(p->hub_url, "https://", 8) == 0;
    if (!p->is_reached)
        report_skip(r, "the hub was not reached");
    else if (!is_tls)
        report_note(r, "https://, where HTTP/2 is",
                    "without TLS everybody on the way reads tokens, and a browser speaks HTTP/1.1: "
                    "it has six connections to a host, and the seventh tab hangs");
    else if (p->version < 20)
        blame_note(p, r, SYMPTOM_ONE_BY_ONE, "");
    else
        report_ok(r, "HTTP/%u", p->version / 10);
}

/* --- what passes ------------------------------------------------------------------------------ */

void
outside_check_slashes(struct patient *p, struct report *r)
{
    struct transfer reply;
    struct error err;
    char url[9000];
    if (!p->is_reached) {
        report_skip(r, "the hub was not reached");
        return;
    }
    snprintf(url, sizeof url, "%s/subscriptions/a%%2Fb/c", p->hub_url);
    const struct transfer_ask ask = {.method = "GET",
                                     .url = url,
                                     .headers = {"Accept: application/problem+json"},
                                     .ca_file = p->ca_file};
    bool came = transfer_run(&reply, &ask, &err);
    bool is_on = p->config && p->config->subscriptions;
    if (!came)
        report_bad(r, NULL, "%s: %s", url, err.text);
    else if (!is_hubs(&reply) || (is_on && reply.status == 404))
        blame_bad(p, r, SYMPTOM_SLASHES, "");
    else
        report_ok(r, "%%2F passes");
    transfer_end(&reply);
}

/* Of one answer. True: browsers take it. */
static bool
judge_origin(struct report *r, const char *setting, const struct transfer *reply)
{
    bool all = strcmp(setting, "*") == 0;
    struct slice allowed = transfer_header(reply, "access-control-allow-origin", 0);
    bool with_cookies =
        slice_eq(transfer_header(reply, "access-control-allow-credentials", 0), SLICE("true"));
    if (transfer_header(reply, "access-control-allow-origin", 1).len)
        report_bad(r, "the front's own Access-Control-Allow-Origin goes: the hub has it",
                   "%s: Access-Control-Allow-Origin comes twice, and browsers take none", setting);
    else if (allowed.len == 0)
        report_bad(r, "systemctl reload alipes; or the front takes headers away",
                   "%s: the answer allows no origin, though cors_origins has it", setting);
    else if (!all && !with_cookies)
        report_bad(r, "the front's own Access-Control-… headers go: the hub has them",
                   "%s: without Access-Control-Allow-Credentials no cookie goes along", setting);
    else
        return true;
    return false;
}

/* The page that a browser would ask for: of a pattern one that fits. */
static void
write_origin(char *out, size_t cap, const char *setting)
{
    const char *star = strchr(setting, '*');
    if (strcmp(setting, "*") == 0)
        snprintf(out, cap, "Origin: https://alipes-doctor.example");
    else if (star)
        snprintf(out, cap, "Origin: %.*sdoctor%s", (int)(star - setting), setting, star + 1);
    else
        snprintf(out, cap, "Origin: %s", setting);
}

/* A preflight, or what it goes before. *ret_came: there was an answer. */
static bool
ask_of_origin(const struct patient *p, struct report *r, const char *setting, const char *method,
              bool *ret_came)
{
    char origin[600];
    struct transfer reply;
    struct error err;
    write_origin(origin, sizeof origin, setting);
    const struct transfer_ask ask = {.method = method,
                                     .url = p->hub_url,
                                     .headers = {origin, "Access-Control-Request-Method: POST",
                                                 "Access-Control-Request-Headers: authorization",
                                                 "Accept: application/problem+json"},
                                     .ca_file = p->ca_file};
    bool ok = transfer_run(&reply, &ask, &err), is_preflight = strcmp(method, "OPTIONS") == 0;
    *ret_came = ok;
    if (!ok) {
        report_bad(r, NULL, "%s: %s", setting, err.text);
    } else if (is_preflight && reply.status != 204 && reply.status != 200) {
        report_bad(r, "OPTIONS belongs to the hub, too", "%s: %s answers a preflight itself (%u)",
                   setting, blame_name(p), reply.status);
        ok = false;
    } else {
        ok = judge_origin(r, setting, &reply);
    }
    transfer_end(&reply);
    return ok;
}

/* False: nothing answers any more. */
static bool
try_origin(const struct patient *p, struct report *r, const char *setting)
{
    bool came;
    if (!ask_of_origin(p, r, setting, "OPTIONS", &came) ||
        !ask_of_origin(p, r, setting, "GET", &came))
        return came;
    if (strcmp(setting, "*") == 0)
        report_note(r, "cors_origins with the origins by name, where cookies are to go along",
                    "*: pages everywhere may use the hub, without cookies");
    else
        report_ok(r, "%s may use it, with cookies and without", setting);
    return true;
}

void
outside_check_cors(struct patient *p, struct report *r)
{
    if (!p->is_reached || p->config == NULL) {
        report_skip(r, p->config ? "the hub was not reached" : "the origins are not known");
        return;
    }
    const struct string_list *origins = &p->config->cors_origins;
    if (origins->count == 0)
        report_skip(r, "cors_origins names none: pages of the hub's own host alone");
    for (size_t i = 0; i < origins->count && try_origin(p, r, origins->items[i]); i++)
        report_waits(r, "asking as %s", origins->items[i]);
}

/* --- the cookie ------------------------------------------------------------------------------- */

static const char *
cookie_name(const struct patient *p)
{
    const struct config *c = p->config;
    if (c && c->cookie_name)
        return c->cookie_name;
    return p->is_1_0 ? "__Secure-mercure_access_token" : "mercureAuthorization";
}

/* What the hub answers to a cookie that came, and what to one that did not, is told apart by one
 * that is good where nobody is let in without, and by one that is not where everybody is. */
static void
write_cookie(const struct patient *p, bool anonymous, struct buf *out)
{
    buf_addf(out, "Cookie: %s=", cookie_name(p));
    if (anonymous)
        buf_add(out, SLICE("none"));
    else
        buf_add(out, buf_slice(&p->token[ROLE_SUBSCRIBE]));
    buf_add_byte(out, 0);
}

static const char *
path_of(const char *url)
{
    const char *host = strstr(url, "://");
    const char *path = host ? strchr(host + 3, '/') : NULL;
    return path ? path : "/";
}

static void
judge_cookie(const struct patient *p, struct report *r, bool came)
{
    bool is_tls = strncmp(p->hub_url, "https://", 8) == 0;
    const char *path = path_of(p->hub_url);
    if (!came)
        report_bad(r, "the Cookie header passes to the hub, too",
                   "%s keeps the cookie %s to itself", blame_name(p), cookie_name(p));
    else if (p->config && strcmp(p->config->path, path) != 0)
        report_note(r, "path in the configuration, as the URL has it",
                    "the hub is at %s for pages, and at %s for itself: the cookie's Path is the "
                    "pages'",
                    path, p->config->path);
    else
        report_ok(r, "%s passes; it is set with Path=%s; HttpOnly; SameSite=Lax%s", cookie_name(p),
                  path, is_tls ? "; Secure" : "");
}

void
outside_check_cookie(struct patient *p, struct report *r)
{
    bool anonymous = p->config && p->config->anonymous;
    struct transfer reply;
    struct error err;
    struct buf cookie;
    char url[9000];
    if (!p->is_reached || p->config == NULL || (!anonymous && p->token[ROLE_SUBSCRIBE].len == 0)) {
        report_skip(r, p->is_reached ? "there is no token" : "the hub was not reached");
        return;
    }
    buf_init(&cookie, 40000);
    write_cookie(p, anonymous, &cookie);
    snprintf(url, sizeof url, "%s?%s=%s", p->hub_url, p->is_1_0 ? "match" : "topic", p->topic);
    const struct transfer_ask ask = {.method = "GET",
                                     .url = url,
                                     .headers = {cookie.ptr, "Accept: text/event-stream"},
                                     .ca_file = p->ca_file};
    bool begun = transfer_begin(&reply, &ask, &err);
    uint64_t until = clock_mono_ms() + 10000;
    while (begun && !reply.ended && reply.status == 0 && clock_mono_ms() < until)
        transfer_wait(&reply, 1000);
    if (!begun || reply.status == 0)
        report_skip(r, "no answer came");
    else
        judge_cookie(p, r, anonymous ? reply.status == 401 : reply.status == 200);
    if (begun)
        transfer_end(&reply);
    buf_fini(&cookie);
}

/* --- a hub that is away ----------------------------------------------------------------------- */

void
outside_check_away(struct patient *p, struct report *r)
{
    struct transfer reply;
    struct error err;
    char url[9000];
    if (p->hub_answers || p->hub_is_hidden || p->config == NULL) {
        report_skip(r, p->hub_is_hidden ? "whether the hub is there is not known"
                                        : "the hub is there; the front's files tell (see "
                                          "`front`)");
        return;
    }
    snprintf(url, sizeof url, "%s?topic=%s", p->hub_url, p->topic);
    const struct transfer_ask ask = {.method = "GET",
                                     .url = url,
                                     .headers = {"Accept: text/event-stream"},
                                     .ca_file = p->ca_file};
    if (!transfer_run(&reply, &ask, &err)) {
        report_bad(r, NULL, "%s: %s", url, err.text);
    } else if (reply.status == 200 &&
               slice_find(buf_slice(&reply.body), SLICE("retry:")) < reply.body.len) {
        report_ok(r, "%s answers for the hub: pages come back by themselves", blame_name(p));
    } else {
        struct error detail;
        error_set(&detail, " (%u)", reply.status);
        blame_bad(p, r, SYMPTOM_AWAY, detail.text);
    }
    transfer_end(&reply);
}
