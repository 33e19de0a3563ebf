/* journal - who was there for how long.
 *
 * Apache's own access log has the request as it begins, with the bytes of the head. This has it as
 * it ends: the combined format, the seconds, and why. What the client said is escaped. A program
 * that does not read loses lines, which are counted; a stream waits for nobody. */

#include "mod_alipes/journal.h"

#include "base/clock.h"
#include "gateway/fastcgi/record.h"
#include "mod_alipes/report.h"
#include "mod_alipes/tally.h"

#include <fcntl.h>
#include <inttypes.h>
#include <time.h>
#include <unistd.h>

enum {
    LINE_MAX_BYTES = 4000, /* below PIPE_BUF: a pipe takes all of it, or says that it is full */
    VALUE_MAX = 1000,
};

static int journal = -1;

void
journal_open(int fd)
{
    journal = fd; /* of nobody else: Apache has pipes of its own */
    (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

static struct slice
param(const struct stream *s, struct slice wanted)
{
    struct slice rest = buf_slice(&s->params), name, value;
    while (record_pair(&rest, &name, &value) == PARSE_OK)
        if (slice_eq(name, wanted))
            return slice_head(value, VALUE_MAX);
    return SLICE("-");
}

static void
add_escaped(struct buf *line, struct slice text)
{
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.ptr[i];
        if (c < ' ' || c >= 0x7f)
            buf_addf(line, "\\x%02x", c);
        else if (c == '"' || c == '\\')
            buf_addf(line, "\\%c", c);
        else
            buf_add_byte(line, (char)c);
    }
}

static void
add_quoted(struct buf *line, const struct stream *s, struct slice name)
{
    buf_add(line, SLICE(" \""));
    add_escaped(line, param(s, name));
    buf_add_byte(line, '"');
}

static void
add_line(struct buf *line, const struct stream *s)
{
    char when[64];
    struct tm at;
    time_t begun = (time_t)(s->begun_ms / 1000);
    uint64_t ms = clock_wall_ms() - s->begun_ms;
    strftime(when, sizeof when, "%d/%b/%Y:%H:%M:%S %z", localtime_r(&begun, &at));
    add_escaped(line, param(s, SLICE("REMOTE_ADDR")));
    buf_addf(line, " - - [%s] \"", when);
    add_escaped(line, param(s, SLICE("REQUEST_METHOD")));
    buf_add_byte(line, ' ');
    add_escaped(line, param(s, SLICE("REQUEST_URI")));
    buf_add_byte(line, ' ');
    add_escaped(line, param(s, SLICE("SERVER_PROTOCOL")));
    buf_addf(line, "\" 200 %" PRIu64, s->bytes);
    add_quoted(line, s, SLICE("HTTP_REFERER"));
    add_quoted(line, s, SLICE("HTTP_USER_AGENT"));
    buf_addf(line, " %" PRIu64 ".%03u %s\n", ms / 1000, (unsigned)(ms % 1000),
             stream_end_word(s->end));
}

static void
put(struct slice line)
{
    if (write(journal, line.ptr, line.len) != (ssize_t)line.len)
        tally_add(TALLY_UNLOGGED, 1);
}

void
journal_write(const struct stream *s)
{
    struct buf line;
    buf_init(&line, LINE_MAX_BYTES * 4);
    add_line(&line, s);
    struct slice text = slice_head(buf_slice(&line), LINE_MAX_BYTES);
    if (text.len)
        line.ptr[text.len - 1] = '\n'; /* also where it was cut */
    if (journal >= 0)
        put(text);
    else
        report(REPORT_INFO, SLICE_FMT, (int)text.len - 1, text.ptr);
    buf_fini(&line);
}
