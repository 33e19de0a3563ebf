/* talk - one stream, kept open over several checks, and private updates of a topic that nobody else
 * knows.
 *
 * The token travels by the Authorization header. Where that is lost (a publish tells: nobody
 * publishes without one) it goes on by the query, in 0.x, so that the rest is seen too. */

#include "cli/doctor/talk.h"

#include "base/clock.h"
#include "cli/doctor/blame.h"

#include <stdlib.h>
#include <string.h>

enum {
    HEAD_MS = 10000,
    EVENT_MS = 8000,
    LATE_MS = 150,
    TRIES = 3,
    UNKNOWN_HEARTBEAT_MS = 30000,
    BEAT_SLACK_MS = 6000,
    LONGEST_WAIT_MS = 60000, /* for two heartbeats; else a look */
    LOOK_MS = 10000,
    MAX_URL = 40000,
};

static bool
is_skipped(const struct patient *p, struct report *r, enum role role)
{
    if (!p->is_reached)
        report_skip(r, "the hub was not reached");
    else if (p->token[role].len == 0)
        report_skip(r, "%s", p->no_token[role].text);
    else if (p->bearer_is_lost && p->is_1_0)
        report_skip(r, "the token is lost on its way");
    else
        return false;
    return true;
}

/* The URL with its query, and the header; the token is in one of the two. */
static void
write_ask(const struct patient *p, enum role role, const char *query, struct buf *url,
          struct buf *bearer)
{
    bool by_query = p->bearer_is_lost && !p->is_1_0;
    buf_init(url, MAX_URL);
    buf_init(bearer, MAX_URL);
    buf_addf(url, "%s?%s", p->hub_url, query);
    if (by_query)
        buf_addf(url, "&authorization=%.*s", (int)p->token[role].len, p->token[role].ptr);
    buf_add_byte(url, 0);
    if (by_query)
        buf_addf(bearer, "X-Alipes: doctor");
    else
        buf_addf(bearer, "Authorization: Bearer %.*s", (int)p->token[role].len, p->token[role].ptr);
    buf_add_byte(bearer, 0);
}

/* A hub that was given no token says no error (RFC 6750, section 3.1). */
static bool
saw_no_token(const struct transfer *reply)
{
    struct slice challenge = transfer_header(reply, "www-authenticate", 0);
    return reply->status == 401 && slice_find(challenge, SLICE("error=")) == challenge.len;
}

/* Returns the status; 0: err says why there is none. *ret_lost: no token came to the hub. */
static unsigned
publish(const struct patient *p, const char *text, bool *ret_lost, struct error *err)
{
    struct buf url, bearer;
    struct transfer reply;
    char body[300];
    write_ask(p, ROLE_PUBLISH, "", &url, &bearer);
    snprintf(body, sizeof body, "topic=%s&private=on&data=%s", p->topic, text);
    const struct transfer_ask ask = {.method = "POST",
                                     .url = url.ptr,
                                     .headers = {bearer.ptr, "Accept: application/problem+json"},
                                     .body = body,
                                     .ca_file = p->ca_file};
    unsigned status = transfer_run(&reply, &ask, err) ? reply.status : 0;
    *ret_lost = saw_no_token(&reply);
    if (status && status != 200)
        error_set(err, SLICE_FMT, SLICE_ARG(slice_head(buf_slice(&reply.body), 300)));
    transfer_end(&reply);
    buf_fini(&url);
    buf_fini(&bearer);
    return status;
}

void
talk_check_publish(struct patient *p, struct report *r)
{
    struct error err = {""};
    if (is_skipped(p, r, ROLE_PUBLISH))
        return;
    unsigned status = publish(p, "first", &p->bearer_is_lost, &err);
    if (p->bearer_is_lost)
        blame_bad(p, r, SYMPTOM_AUTHORIZATION, "");
    else if (status == 401)
        report_bad(r, "systemctl reload alipes, if the key is new",
                   "the hub refuses a token of this configuration's key: it runs with another one, "
                   "or another hub answers there");
    else if (status == 413)
        report_bad(r, "client_max_body_size (nginx), LimitRequestBody (Apache)", "%s takes no body",
                   blame_name(p));
    else if (status == 0)
        report_bad(r, NULL, "%s", err.text);
    else if (status != 200)
        report_bad(r, NULL, "the answer is %u: %s", status, err.text);
    else
        report_ok(r, "200, with a token in the Authorization header");
}

/* --- the stream ------------------------------------------------------------------------------- */

static void
open_stream(struct patient *p, struct error *err)
{
    struct buf url, bearer;
    char query[200];
    snprintf(query, sizeof query, "%s=%s", p->is_1_0 ? "match" : "topic", p->topic);
    write_ask(p, ROLE_SUBSCRIBE, query, &url, &bearer);
    const struct transfer_ask ask = {
        .method = "GET",
        .url = url.ptr,
        .headers = {bearer.ptr, "Accept: text/event-stream", "Accept-Encoding: gzip, br, zstd"},
        .ca_file = p->ca_file};
    p->has_stream = transfer_begin(&p->stream, &ask, err);
    p->began_ms = clock_mono_ms();
    while (p->has_stream && !p->stream.ended && p->stream.status == 0 &&
           clock_mono_ms() < p->began_ms + HEAD_MS)
        transfer_wait(&p->stream, 1000);
    buf_fini(&url);
    buf_fini(&bearer);
}

static void
close_stream(struct patient *p)
{
    if (p->has_stream)
        transfer_end(&p->stream);
    p->has_stream = false;
}

/* What the front, or a hub that has no place, says in place of a stream. */
static bool
is_stream(const struct transfer *s)
{
    return s->status == 200 &&
           slice_starts(transfer_header(s, "content-type", 0), SLICE("text/event-stream"));
}

/* A stream that was one, and says as it ends when to come back. */
static bool
comes_back(const struct transfer *s)
{
    size_t retry = slice_find(buf_slice(&s->body), SLICE("retry:"));
    return s->ended && retry > 0 && retry < s->body.len;
}

static const char relayed[] =
    "it ends and comes back, as behind a relay or past write_timeout: pages hear all, late";

static void
judge_stream(struct patient *p, struct report *r)
{
    const struct transfer *s = &p->stream;
    if (s->status == 0 && s->ended)
        report_bad(r, NULL, "no answer: %s", s->why.text);
    else if (s->status == 0)
        blame_bad(p, r, SYMPTOM_BUFFERED, " (no head came within 10 s)");
    else if (s->status == 401)
        report_bad(r, "the same key on both sides: alipes token inspect",
                   "the hub refuses the subscriber's token (401)");
    else if (!is_stream(s))
        report_bad(r, NULL, "the answer is %u and no event stream", s->status);
    else if (comes_back(s))
        report_note(r, NULL, "%s", relayed);
    else if (s->ended && slice_starts(buf_slice(&s->body), SLICE("retry:")))
        report_bad(r, "the directive that the comment names (alipes.conf(5))",
                   "there is no place for a stream: %.*s", (int)s->body.len, s->body.ptr);
    else
        report_ok(r, "200, %llu ms", (unsigned long long)(clock_mono_ms() - p->began_ms));
}

void
talk_check_subscription(struct patient *p, struct report *r)
{
    struct error err = {""};
    if (is_skipped(p, r, ROLE_SUBSCRIBE))
        return;
    report_waits(r, "waiting for a stream's head");
    open_stream(p, &err);
    if (!p->has_stream) {
        report_bad(r, NULL, "%s", err.text);
        return;
    }
    judge_stream(p, r);
    if (!is_stream(&p->stream) || p->stream.ended)
        close_stream(p);
}

void
talk_check_compression(struct patient *p, struct report *r)
{
    struct slice how =
        p->has_stream ? transfer_header(&p->stream, "content-encoding", 0) : SLICE("");
    if (!p->has_stream)
        report_skip(r, "there is no stream");
    else if (how.len && !slice_eq_nocase(how, SLICE("identity"))) {
        struct error detail;
        error_set(&detail, " (" SLICE_FMT ")", SLICE_ARG(how));
        blame_bad(p, r, SYMPTOM_COMPRESSED, detail.text);
        close_stream(p);
    } else {
        report_ok(r, "streams are not compressed");
    }
}

/* --- what comes ------------------------------------------------------------------------------- */

/* Milliseconds from the publish's answer until the event is there; EVENT_MS: it did not come. */
static unsigned
measure(struct patient *p, unsigned number, struct error *err)
{
    char text[40], wanted[60];
    snprintf(text, sizeof text, "number-%u", number);
    snprintf(wanted, sizeof wanted, "data: %s\n", text);
    bool lost;
    if (publish(p, text, &lost, err) != 200)
        return EVENT_MS;
    uint64_t begin = clock_mono_ms(), now = begin;
    transfer_wait(&p->stream, 0);
    while (slice_find(buf_slice(&p->stream.body), slice_of(wanted)) == p->stream.body.len) {
        now = clock_mono_ms();
        if (p->stream.ended || now - begin >= EVENT_MS)
            return EVENT_MS;
        transfer_wait(&p->stream, (unsigned)(EVENT_MS - (now - begin)));
    }
    return (unsigned)(clock_mono_ms() - begin);
}

void
talk_check_streaming(struct patient *p, struct report *r)
{
    unsigned best = EVENT_MS;
    struct error err = {""};
    struct error detail;
    if (!p->has_stream || p->token[ROLE_PUBLISH].len == 0) {
        report_skip(r, "there is no stream, or no token to publish with");
        return;
    }
    for (unsigned i = 0; i < TRIES && (i == 0 || best < EVENT_MS); i++) {
        report_waits(r, "waiting for an event");
        unsigned took = measure(p, i, &err);
        best = took < best ? took : best;
    }
    error_set(&detail, " (%u ms)", best);
    if (best < LATE_MS)
        report_ok(r, "an event is there %u ms after the publisher's 200", best);
    else if (best < EVENT_MS)
        blame_note(p, r, SYMPTOM_LATE, detail.text);
    else if (err.text[0])
        report_bad(r, NULL, "a second publish fails: %s", err.text);
    else if (p->stream.ended)
        blame_bad(p, r, SYMPTOM_IDLE_TIMEOUT, " (the stream ended before the event)");
    else
        blame_bad(p, r, SYMPTOM_BUFFERED, " (no event within 8 s)");
    if (best == EVENT_MS)
        close_stream(p);
}

static size_t
comments_of(const struct buf *body)
{
    struct slice rest = buf_slice(body), line;
    size_t count = 0;
    while (slice_cut(&rest, '\n', &line))
        count += slice_starts(line, SLICE(":"));
    return count;
}

void
talk_check_heartbeat(struct patient *p, struct report *r)
{
    uint64_t beat = p->config ? p->config->heartbeat_ms : UNKNOWN_HEARTBEAT_MS;
    bool is_long = 2 * beat > LONGEST_WAIT_MS;
    uint64_t begin = clock_mono_ms(),
             until = begin + (is_long ? LOOK_MS : 2 * beat + BEAT_SLACK_MS);
    if (p->config && beat == 0) {
        report_bad(r, "heartbeat 4s",
                   "heartbeat is off: fronts cut a silent stream, and nobody notices who has left");
        return;
    }
    if (!p->has_stream) {
        report_skip(r, "there is no stream");
        return;
    }
    size_t had = comments_of(&p->stream.body), came = 0;
    while (came < 2 && !p->stream.ended && clock_mono_ms() < until) {
        report_waits(r, "waiting for two heartbeats, %.3g s each", (double)beat / 1000);
        transfer_wait(&p->stream, 500);
        came = comments_of(&p->stream.body) - had;
    }
    double seconds = (double)(clock_mono_ms() - begin) / 1000;
    struct error detail;
    error_set(&detail, " (%zu came in %.1f s%s)", came, seconds,
              p->stream.ended ? ", then the stream ended" : "");
    if (came >= 2)
        report_ok(r, "two in %.1f s, and the stream stands", seconds);
    else if (comes_back(&p->stream))
        report_note(r, NULL, "%s", relayed);
    else if (p->stream.ended)
        blame_bad(p, r, SYMPTOM_IDLE_TIMEOUT, detail.text);
    else if (is_long)
        report_skip(r, "heartbeat is %.3g s, and two are not waited for; the stream stands",
                    (double)beat / 1000);
    else
        blame_bad(p, r, SYMPTOM_BUFFERED, detail.text);
    close_stream(p);
}
