/* progress - a command does one long work at a time, so there is one line, and it is the program's.
 */

#include "cli/progress.h"

#include "base/clock.h"
#include "cli/figure.h"

#include <stdbool.h>
#include <stdio.h>
#include <unistd.h>

enum {
    SILENT_MS = 1000, /* most work is done by then */
    EVERY_MS = 200,
};

static struct {
    const char *verb, *noun;
    uint64_t total, next_ms;
    bool is_on, is_shown;
} line;

void
progress_begin(const char *verb, const char *noun, uint64_t total)
{
    progress_end();
    line.verb = verb;
    line.noun = noun;
    line.total = total;
    line.next_ms = clock_mono_ms() + SILENT_MS;
    line.is_on = isatty(STDERR_FILENO);
}

void
progress_at(uint64_t done, uint64_t count)
{
    char shown[40];
    if (!line.is_on || clock_mono_ms() < line.next_ms)
        return;
    line.next_ms = clock_mono_ms() + EVERY_MS;
    line.is_shown = true;
    fprintf(stderr, "\r%s %s %s", line.verb, figure_write_count(shown, sizeof shown, (double)count),
            line.noun);
    if (line.total)
        fprintf(stderr, " (%.0f%%)",
                (double)(done < line.total ? done : line.total) / (double)line.total * 100);
    fputs("\033[K", stderr);
}

void
progress_end(void)
{
    if (line.is_shown)
        fputs("\r\033[K", stderr);
    line.is_shown = line.is_on = false;
}
