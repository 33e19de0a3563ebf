/* trace_cmd - follows what the hub says of a topic (hub/tracing.c), until one of them leaves.
 *
 * The hub has written the lines; what is done here is to take the events of SSE apart again, and to
 * keep a terminal from what it should not see. */

#include "cli/trace_cmd.h"

#include "base/buf.h"
#include "cli/ask.h"
#include "cli/insight.h"
#include "cli/plain.h"
#include "cli/sse.h"
#include "topic/percent.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

enum {
    MOST_UNREAD = 65536, /* of a head, or of the sentence of a refusal */
    PART = 16384,
};

static bool
ask(int fd, const char *topic)
{
    struct buf request;
    struct slice text = slice_of(topic);
    char *encoded = malloc(3 * text.len + 1);
    buf_init(&request, SIZE_MAX);
    if (encoded) {
        *percent_encode(encoded, text, &PERCENT_SEGMENT) = 0;
        buf_addf(&request, "GET /trace?topic=%s HTTP/1.0\r\nHost: localhost\r\n\r\n", encoded);
    }
    bool ok =
        encoded && !request.failed && write(fd, request.ptr, request.len) == (ssize_t)request.len;
    free(encoded);
    buf_fini(&request);
    return ok;
}

/* False: nothing more comes. */
static bool
read_more(int fd, struct buf *in)
{
    char part[PART];
    ssize_t n = read(fd, part, sizeof part);
    if (n > 0)
        buf_add(in, SLICE_OF(part, (size_t)n));
    return n > 0 && !in->failed;
}

/* Returns the status; 0: it is no answer of a hub. */
static unsigned
read_head(int fd, struct buf *in)
{
    static const struct slice end = SLICE_INIT("\r\n\r\n");
    uint64_t status;
    size_t at;
    while ((at = slice_find(buf_slice(in), end)) == in->len)
        if (!read_more(fd, in))
            return 0;
    if (!slice_starts(buf_slice(in), SLICE("HTTP/1.")) ||
        !slice_u64(slice_head(slice_from(buf_slice(in), 9), 3), 999, &status))
        return 0;
    buf_drop(in, at + end.len);
    return (unsigned)status;
}

static void
on_event(void *context, const struct sse_event *e)
{
    struct slice lines = e->data, line;
    (void)context;
    while (slice_cut(&lines, '\n', &line)) {
        plain_write(stdout, line);
        putchar('\n');
    }
}

static int
follow(const struct call *call, int fd, struct buf *in)
{
    const struct timeval never = {0};
    struct sse sse;
    bool ok;
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &never, sizeof never);
    sse_init(&sse, on_event, NULL);
    do {
        ok = sse_feed(&sse, buf_slice(in)) && fflush(stdout) == 0;
        buf_clear(in);
    } while (ok && read_more(fd, in));
    sse_fini(&sse);
    return call_failed(call, ok ? "the hub has ended it" : "cannot write what it says");
}

static int
refused(const struct call *call, int fd, unsigned status, struct buf *in)
{
    if (status == 0)
        return call_failed(call, "what answers there is no hub");
    while (read_more(fd, in))
        ;
    struct slice sentence = slice_trim(slice_head(buf_slice(in), 400));
    return call_failed(call, "the hub answered %u: " SLICE_FMT, status, SLICE_ARG(sentence));
}

static int
trace(const struct call *call, const struct config *c)
{
    struct error err;
    struct buf in;
    const char *address;
    int fd = ask_connect(&c->metrics_listen, &address, &err);
    if (fd < 0)
        return call_failed(call, "%s", err.text);
    buf_init(&in, MOST_UNREAD);
    unsigned answer = ask(fd, call->word_count ? call->words[0] : "*") ? read_head(fd, &in) : 0;
    int status = answer == 200 ? follow(call, fd, &in) : refused(call, fd, answer, &in);
    close(fd);
    buf_fini(&in);
    return status;
}

int
trace_cmd(const struct call *call)
{
    struct config *c = insight_open(call);
    if (c == NULL)
        return 2;
    int status = trace(call, c);
    config_free(&c);
    return status;
}
