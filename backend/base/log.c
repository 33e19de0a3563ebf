/* log - one line, one write(2). The format string is always logfmt; JSON is made from it, so a
 * call site is written once. What one gets wrong: values with blanks need quotes in the format. */

#include "base/log.h"

#include "base/buf.h"
#include "base/clock.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char *const level_names[] = {"debug", "info", "warn", "error"};
static const char *const priorities[] = {"<7>", "<6>", "<4>", "<3>"}; /* of syslog(3) */
static enum log_format format = LOG_LOGFMT;
static _Atomic int least = LOG_INFO;
static int log_fd = STDERR_FILENO;
static bool to_journal;
static _Atomic uint64_t written, written_max;
static void (*_Atomic on_past)(void);

/* systemd says by JOURNAL_STREAM which file is the journal's (systemd.exec(5)). */
static bool
is_journal(int fd)
{
    const char *stream = getenv("JOURNAL_STREAM");
    char own[64];
    struct stat st;
    if (stream == NULL || fstat(fd, &st) < 0)
        return false;
    snprintf(own, sizeof own, "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    return slice_eq(slice_of(stream), slice_of(own));
}

void
log_open(enum log_format fmt, enum log_level lowest, int fd)
{
    format = fmt;
    least = lowest;
    log_fd = fd;
    to_journal = is_journal(fd);
}

const char *
log_priority(enum log_level level)
{
    return to_journal ? priorities[level] : "";
}

int
log_descriptor(void)
{
    return log_fd;
}

void
log_watch(uint64_t size, uint64_t max, void (*past)(void))
{
    on_past = past;
    written_max = max;
    written = size;
}

/* Whoever crosses the bound tells; nobody else does until it is watched anew. */
static void
count_written(uint64_t bytes)
{
    uint64_t max = written_max, before = atomic_fetch_add(&written, bytes);
    if (max && before <= max && before + bytes > max)
        atomic_load (&on_past)();
}

void
log_set_level(enum log_level lowest)
{
    least = lowest;
}

bool
log_wants(enum log_level level)
{
    return (int)level >= atomic_load_explicit(&least, memory_order_relaxed);
}

/* Turns `key=value key="quoted value"` into JSON members. A value that is a plain number stays
 * one. Escapes inside quotes are those of log_slice(), which are JSON's as well. */
static void
add_json_members(struct buf *out, struct slice fields)
{
    while (fields.len) {
        size_t eq = slice_index(fields, '=');
        if (eq == fields.len)
            break;
        buf_addf(out, ",\"" SLICE_FMT "\":", SLICE_ARG(slice_head(fields, eq)));
        fields = slice_from(fields, eq + 1);
        size_t end = 0;
        if (fields.len && fields.ptr[0] == '"') {
            for (end = 1; end < fields.len && fields.ptr[end] != '"'; end++)
                if (fields.ptr[end] == '\\')
                    end++;
            end = end < fields.len ? end + 1 : fields.len;
            buf_add(out, slice_head(fields, end));
        } else {
            end = slice_index(fields, ' ');
            struct slice value = slice_head(fields, end);
            uint64_t number;
            bool plain =
                slice_u64(value, UINT64_MAX, &number) && (value.len == 1 || value.ptr[0] != '0');
            buf_addf(out, plain ? SLICE_FMT : "\"" SLICE_FMT "\"", SLICE_ARG(value));
        }
        fields = slice_from(fields, end);
        while (fields.len && fields.ptr[0] == ' ')
            fields = slice_from(fields, 1);
    }
}

const char *
log_time(char out[LOG_TIME], uint64_t wall_ms)
{
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t w = strftime(out, LOG_TIME, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + w, LOG_TIME - w, ".%03uZ", (unsigned)(wall_ms % 1000));
    return out;
}

void
log_line(enum log_level level, const char *event, const char *fmt, ...)
{
    if (!log_wants(level))
        return;
    char fields[3072];
    va_list args;
    va_start(args, fmt);
    int n = vsnprintf(fields, sizeof fields, fmt, args);
    va_end(args);
    if (n < 0)
        n = 0;
    if ((size_t)n >= sizeof fields)
        n = sizeof fields - 1;

    char when[LOG_TIME];
    log_time(when, clock_wall_ms());
    struct buf line;
    buf_init(&line, 8192);
    buf_add(&line, slice_of(log_priority(level)));
    if (format == LOG_JSON) {
        buf_addf(&line, "{\"time\":\"%s\",\"level\":\"%s\",\"event\":\"%s\"", when,
                 level_names[level], event);
        add_json_members(&line, SLICE_OF(fields, (size_t)n));
        buf_add(&line, SLICE("}\n"));
    } else {
        if (!to_journal)
            buf_addf(&line, "time=%s ", when);
        buf_addf(&line, "level=%s event=%s%s" SLICE_FMT "\n", level_names[level], event,
                 n ? " " : "", n, fields);
    }
    ssize_t n_written = write(log_fd, line.ptr, line.len);
    buf_fini(&line);
    if (n_written > 0)
        count_written((uint64_t)n_written);
}

const char *
log_slice(char *out, size_t cap, struct slice s)
{
    static const char hex[] = "0123456789abcdef";
    size_t n = 0;
    out[n++] = '"';
    for (size_t i = 0; i < s.len; i++) {
        unsigned char c = (unsigned char)s.ptr[i];
        if (n + 11 > cap) {
            out[n++] = '.';
            out[n++] = '.';
            out[n++] = '.';
            break;
        }
        if (c == '"' || c == '\\') {
            out[n++] = '\\';
            out[n++] = (char)c;
        } else if (c < 0x20 || c >= 0x7f) {
            out[n++] = '\\';
            out[n++] = 'u';
            out[n++] = '0';
            out[n++] = '0';
            out[n++] = hex[c >> 4];
            out[n++] = hex[c & 15];
        } else {
            out[n++] = (char)c;
        }
    }
    out[n++] = '"';
    out[n] = 0;
    return out;
}

bool
log_allowed(struct log_limit *limit, uint64_t *ret_suppressed)
{
    uint64_t now = clock_mono_ms() / 1000 + 1;
    uint64_t last = atomic_load_explicit(&limit->second, memory_order_relaxed);
    if (last == now || !atomic_compare_exchange_strong(&limit->second, &last, now)) {
        atomic_fetch_add_explicit(&limit->suppressed, 1, memory_order_relaxed);
        return false;
    }
    *ret_suppressed = atomic_exchange_explicit(&limit->suppressed, 0, memory_order_relaxed);
    return true;
}
