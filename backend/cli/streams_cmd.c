/* streams_cmd - who is connected, page after page, a line a stream.
 *
 * What the hub says of a stream is JSON; all in it that comes from clients is written as a terminal
 * can take it. */

#include "cli/streams_cmd.h"

#include "cli/figure.h"
#include "cli/insight.h"
#include "cli/plain.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
text(const json_t *stream, const char *name)
{
    const char *value = json_string_value(json_object_get(stream, name));
    return value ? value : "";
}

static void
write_lag(char out[32], const json_t *stream)
{
    const json_t *lag = json_object_get(stream, "lag");
    if (json_is_integer(lag))
        snprintf(out, 32, "%lld%s", (long long)json_integer_value(lag),
                 json_is_true(json_object_get(stream, "lag_is_more")) ? "+" : "");
    else
        snprintf(out, 32, "history");
}

static void
print_topics(const json_t *stream)
{
    size_t i;
    const json_t *topic, *topics = json_object_get(stream, "topics");
    json_int_t all = json_integer_value(json_object_get(stream, "topic_count"));
    json_array_foreach(topics, i, topic)
    {
        const char *pattern = json_string_value(json_object_get(topic, "urlpattern"));
        fputs(pattern ? " urlpattern:" : " ", stdout);
        plain_write(stdout, slice_of(pattern ? pattern : json_string_value(topic)));
    }
    if (all > (json_int_t)json_array_size(topics))
        printf(" and %lld more", (long long)(all - (json_int_t)json_array_size(topics)));
    putchar('\n');
}

static void
print_stream(const json_t *stream)
{
    char seconds[32], lag[32];
    const char *address = text(stream, "address");
    bool is_anonymous = json_is_true(json_object_get(stream, "anonymous"));
    const char *sub = text(stream, "sub");
    figure_write_seconds(seconds, sizeof seconds,
                         (double)json_integer_value(json_object_get(stream, "seconds")));
    write_lag(lag, stream);
    printf("%-15s %7s  %-11s %7s %8lld  ", address[0] ? address : "-", seconds,
           json_is_true(json_object_get(stream, "waits")) ? "SLOW READER" : text(stream, "state"),
           lag, (long long)json_integer_value(json_object_get(stream, "sent")));
    plain_write(stdout, is_anonymous ? SLICE("anonymous") : slice_of(sub[0] ? sub : "-"));
    print_topics(stream);
}

static void
print_json(const json_t *stream)
{
    char *line = json_dumps(stream, JSON_COMPACT);
    if (line)
        puts(line);
    free(line);
}

/* Where the next page begins; empty: there is none. */
static bool
print_page(const json_t *page, bool is_json, char next[64])
{
    size_t i;
    const json_t *stream, *streams = json_object_get(page, "streams");
    json_array_foreach(streams, i, stream)
    {
        if (is_json)
            print_json(stream);
        else
            print_stream(stream);
    }
    snprintf(next, 64, "%s", text(page, "next"));
    return json_is_array(streams) && fflush(stdout) == 0;
}

static bool
ask_page(const struct call *call, const struct config *c, char next[64])
{
    char path[128];
    struct buf body;
    json_error_t why;
    snprintf(path, sizeof path, "/streams?limit=1000%s%s", next[0] ? "&after=" : "", next);
    bool ok = insight_ask(call, c, path, &body);
    json_t *page = ok ? json_loadb(body.ptr ? body.ptr : "", body.len, 0, &why) : NULL;
    if (ok && page == NULL)
        call_failed(call, "what answers there is no hub of this version");
    ok = page && print_page(page, call_has(call, "--json"), next);
    json_decref(page);
    buf_fini(&body);
    return ok;
}

int
streams_cmd(const struct call *call)
{
    char next[64] = "";
    struct config *c = insight_open(call);
    if (c == NULL)
        return 2;
    if (!call_has(call, "--json"))
        printf("%-15s %7s  %-11s %7s %8s  %s\n", "ADDRESS", "TIME", "STATE", "LAG", "SENT",
               "SUB TOPICS");
    bool ok;
    do
        ok = ask_page(call, c, next);
    while (ok && next[0]);
    config_free(&c);
    return ok ? 0 : 1;
}
