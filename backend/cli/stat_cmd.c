/* stat_cmd - two looks a second apart, for rates; or all that is counted; or again and again. */

#include "cli/stat_cmd.h"

#include "base/clock.h"
#include "cli/insight.h"
#include "cli/stat.h"
#include "cli/summary.h"
#include "config/value.h"

#include <stdio.h>
#include <time.h>
#include <unistd.h>

enum {
    APART_MS = 1000,
};

struct look {
    struct buf page;
    uint64_t at_ms;
};

static bool
look(const struct call *call, const struct config *c, struct look *l)
{
    bool ok = insight_ask(call, c, "/metrics", &l->page);
    l->at_ms = clock_mono_ms();
    return ok;
}

static void
nap(uint64_t ms)
{
    nanosleep(&(struct timespec){(time_t)(ms / 1000), (long)(ms % 1000) * 1000000}, NULL);
}

static int
show_all(const struct call *call, const struct config *c)
{
    struct look l;
    bool ok = look(call, c, &l);
    if (ok)
        stat_print(buf_slice(&l.page), stdout);
    buf_fini(&l.page);
    return ok ? 0 : 1;
}

/* On a terminal each goes over the one before it; elsewhere a blank line is between them. */
static bool
print(const struct config *c, const struct look *before, const struct look *now, bool is_first)
{
    double seconds = (double)(now->at_ms - before->at_ms) / 1000;
    bool is_terminal = isatty(STDOUT_FILENO);
    if (!is_first)
        fputs(is_terminal ? "\033[H\033[J" : "\n", stdout);
    summary_print(stdout, c, buf_slice(&before->page), buf_slice(&now->page), seconds);
    return fflush(stdout) == 0;
}

/* A hub that restarts meanwhile is said, and waited for. */
static int
watch(const struct call *call, const struct config *c, uint64_t every_ms, bool is_once)
{
    struct look before, now;
    bool ok = look(call, c, &before), is_first = true;
    while (ok) {
        nap(every_ms);
        bool is_there = look(call, c, &now);
        if (is_there || is_once)
            ok = is_there && print(c, &before, &now, is_first);
        is_first = is_once;
        buf_fini(&before.page);
        before = now;
        if (is_once)
            break;
    }
    buf_fini(&before.page);
    return ok ? 0 : 1;
}

int
stat_cmd(const struct call *call)
{
    uint64_t every_ms = APART_MS;
    const char *every = call_value(call, "--watch");
    if (every && (!value_duration(slice_of(every), &every_ms) || every_ms < 100)) {
        call_failed(call, "--watch: expected a duration of 100ms or more, as in --watch 2s");
        return 2;
    }
    struct config *c = insight_open(call);
    if (c == NULL)
        return 2;
    int status = call_has(call, "--all") ? show_all(call, c) : watch(call, c, every_ms, !every);
    config_free(&c);
    return status;
}
