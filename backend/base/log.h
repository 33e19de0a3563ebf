#ifndef BASE_LOG_H
#define BASE_LOG_H

/* Lines for operators: key=value (or JSON), one write(2) a line, any thread. What came from a
 * peer goes through log_slice(): escaped and cut. Never a token, a key or a cookie.
 *
 *     log_line(LOG_WARN, "refused", "conn=%lu reason=expired", conn);
 *
 * gives  time=2026-11-23T10:00:00.123Z level=warn event=refused conn=7 reason=expired
 * Values with blanks stand in double quotes in `fmt`. */

#include "base/slice.h"

enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR,
};

enum log_format {
    LOG_LOGFMT,
    LOG_JSON,
};

/* Before threads start. `fd` is borrowed. Where it is systemd's journal, lines begin with their
 * priority (sd-daemon(3)), which it takes off: `journalctl -p err` finds errors; and logfmt has no
 * time=, for the journal has its own. */
void log_open(enum log_format, enum log_level least, int fd);
const char *log_priority(enum log_level); /* that beginning, or ""; static */
void log_line(enum log_level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);
int log_descriptor(void); /* where lines go */
/* Of what was written `size` bytes are there; past `max` (0: never) `past` is called once, by any
 * thread, and after the next log_watch() again. */
void log_watch(uint64_t size, uint64_t max, void (*past)(void));
void log_set_level(enum log_level least); /* any thread */
bool log_wants(enum log_level);

/* `s` as a quoted, escaped value of at most `cap` - 1 bytes in `out`; returns `out`. */
const char *log_slice(char *out, size_t cap, struct slice s);
#define LOG_SLICE(s) log_slice((char[200]){0}, 200, (s))

/* A time as lines have it, milliseconds since 1970; returns `out`. */
enum {
    LOG_TIME = 40
};
const char *log_time(char out[LOG_TIME], uint64_t wall_ms);

/* At most one line a second for one place: true if this one may be written, and then how many
 * were not since the last. One static struct a place; any thread. */
struct log_limit {
    _Atomic uint64_t second;
    _Atomic uint64_t suppressed;
};
bool log_allowed(struct log_limit *, uint64_t *ret_suppressed);

#endif
