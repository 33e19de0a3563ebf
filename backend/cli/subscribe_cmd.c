/* subscribe_cmd - a stream on a terminal, one event a line.
 *
 * It comes back as an EventSource does: where a stream ends, or breaks, after the time that the hub
 * says, with the last id that it heard. What an EventSource gives up at (a status that is not 200)
 * is said; but where a front says that the hub is away (502, 503, 504) it comes back too, once it
 * has been there. */

#include "cli/subscribe_cmd.h"

#include "base/clock.h"
#include "cli/plain.h"
#include "cli/sse.h"
#include "cli/visitor.h"
#include "topic/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    RETRY_MS = 3000,    /* where the hub says nothing */
    MIN_RETRY_MS = 100, /* whatever it says */
    MAX_RETRY_MS = 300000,
};

struct listener {
    const struct call *call;
    struct visitor visitor;
    struct string_list topics;
    struct buf query;
    struct sse sse;
    struct error err;
    uint64_t left; /* events that are still wanted */
    bool is_json, was_there, failed;
};

/* --- what is heard ---------------------------------------------------------------------------- */

static void
write_json(struct buf *out, const char *name, struct slice text)
{
    buf_addf(out, ",\"%s\":", name);
    text_write_json(out, text);
}

static void
print_json(const struct sse_event *e)
{
    struct buf line;
    buf_init(&line, SIZE_MAX);
    buf_addf(&line, "{\"time\":%llu", (unsigned long long)clock_wall_ms());
    write_json(&line, "id", e->id);
    if (e->type.len)
        write_json(&line, "type", e->type);
    write_json(&line, "data", e->data);
    buf_add(&line, SLICE("}\n"));
    fwrite(line.ptr, 1, line.len, stdout);
    buf_fini(&line);
}

/* The time, the id, the type in brackets where it has one, the data. */
static void
print_line(const struct sse_event *e)
{
    char clock[16] = "";
    time_t now = time(NULL);
    struct tm tm;
    if (localtime_r(&now, &tm))
        strftime(clock, sizeof clock, "%H:%M:%S", &tm);
    printf("%s ", clock);
    plain_write(stdout, e->id);
    if (e->type.len) {
        fputs(" [", stdout);
        plain_write(stdout, e->type);
        fputs("]", stdout);
    }
    fputs(" ", stdout);
    plain_write(stdout, e->data);
    fputs("\n", stdout);
}

static void
on_event(void *context, const struct sse_event *e)
{
    struct listener *l = context;
    if (l->left == 0)
        return;
    l->left--;
    if (l->is_json)
        print_json(e);
    else
        print_line(e);
    l->failed |= fflush(stdout) != 0;
}

static bool
take(void *context, struct slice bytes)
{
    struct listener *l = context;
    if (!sse_feed(&l->sse, bytes)) {
        call_failed(l->call, "a line of the stream has more than %d bytes", SSE_MAX_LINE);
        l->failed = true;
    }
    return l->left > 0 && !l->failed;
}

/* People want to know that it hears, and whether what they asked for is there. */
static void
begun(void *context, const struct web_reply *reply)
{
    struct listener *l = context;
    struct slice asked = buf_slice(&l->sse.id), answered = buf_slice(&reply->cursor);
    if (isatty(STDERR_FILENO))
        fprintf(stderr, "%s %s; Ctrl-C ends\n", l->was_there ? "back at" : "listening to",
                l->visitor.web.shown.ptr);
    if (asked.len && answered.len && !slice_eq(asked, answered))
        call_failed(l->call, "the hub does not know that id (any more): nothing is replayed, and "
                             "something may be missing");
    l->was_there = true;
}

/* --- asking ----------------------------------------------------------------------------------- */

static void
add_topic(struct buf *query, enum dialect speaks, struct slice topic)
{
    const char *name = speaks == DIALECT_1_0 ? "match" : "topic";
    struct slice exact = SLICE("exact:"), pattern = SLICE("urlpattern:");
    if (speaks == DIALECT_1_0 && slice_starts(topic, exact)) {
        name = "match_exact";
        topic = slice_from(topic, exact.len);
    } else if (speaks == DIALECT_1_0 && slice_starts(topic, pattern)) {
        name = "match_urlpattern";
        topic = slice_from(topic, pattern.len);
    }
    visitor_add_field(query, name, topic);
}

static bool
write_query(struct listener *l)
{
    buf_clear(&l->query);
    for (size_t i = 0; i < l->topics.count; i++)
        add_topic(&l->query, l->visitor.speaks, slice_of(l->topics.items[i]));
    buf_add_byte(&l->query, 0);
    return !l->query.failed || error_set(&l->err, "too many topics");
}

static bool
is_away(unsigned status)
{
    return status == 502 || status == 503 || status == 504;
}

/* The time that the hub says; interrupted by nothing but a signal that ends us. */
static void
pause_before_return(const struct listener *l)
{
    uint64_t ms = l->sse.retry_ms == UINT64_MAX ? RETRY_MS : l->sse.retry_ms;
    ms = ms > MAX_RETRY_MS ? MAX_RETRY_MS : ms < MIN_RETRY_MS ? MIN_RETRY_MS : ms;
    nanosleep(&(struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000}, NULL);
}

/* Once. True: it may come back. */
static bool
listen_once(struct listener *l)
{
    const struct web_reader reader = {take, begun, l};
    struct web_reply reply;
    bool ok =
        web_listen(&l->visitor.web, l->query.ptr, buf_slice(&l->sse.id), &reader, &reply, &l->err);
    bool refused = ok && !web_reply_is_stream(&reply);
    bool comes_back = refused ? l->was_there && is_away(reply.status) : l->was_there;
    if (refused)
        web_complain(l->call, &l->visitor.web, &reply);
    else if (!ok)
        call_failed(l->call, "%s", l->err.text);
    web_reply_fini(&reply);
    return comes_back && l->left > 0 && !l->failed;
}

/* A token of its own for each time: a stream ends with its token. */
static bool
ask(struct listener *l)
{
    bool ok = visitor_sign(&l->visitor, ROLE_SUBSCRIBE, &l->topics, &l->err) && write_query(l);
    if (!ok)
        call_failed(l->call, "%s", l->err.text);
    return ok;
}

static int
listen_on(struct listener *l)
{
    if (!ask(l))
        return 2;
    while (listen_once(l)) {
        pause_before_return(l);
        sse_restart(&l->sse);
        if (!ask(l))
            return 1;
    }
    return l->left == 0 && !l->failed ? 0 : 1;
}

static bool
read_options(struct listener *l, struct error *err)
{
    const char *from = call_value(l->call, "--from"), *count = call_value(l->call, "--count");
    l->is_json = call_has(l->call, "--json");
    l->left = UINT64_MAX;
    if (count && (!slice_u64(slice_of(count), UINT64_MAX - 1, &l->left) || l->left == 0))
        return error_set(err, "--count: expected a number from 1 on");
    if (from && (from[0] == 0 || slice_index_control(slice_of(from)) < strlen(from)))
        return error_set(err, "--from: expected an id, or earliest");
    buf_add(&l->sse.id, slice_of(from));
    sse_restart(&l->sse);
    for (size_t i = 0; i < l->call->word_count; i++)
        string_list_add(&l->topics, slice_of(l->call->words[i]));
    if (l->topics.count == 0)
        string_list_add(&l->topics, SLICE("*"));
    return true;
}

int
subscribe_cmd(const struct call *call)
{
    struct listener l = {.call = call};
    int status = 2;
    buf_init(&l.query, 1 << 20);
    sse_init(&l.sse, on_event, &l);
    if (visitor_open(&l.visitor, call, &l.err) && read_options(&l, &l.err))
        status = listen_on(&l);
    else
        call_failed(call, "%s", l.err.text);
    string_list_clear(&l.topics);
    buf_fini(&l.query);
    sse_fini(&l.sse);
    visitor_close(&l.visitor);
    return status;
}
