/* lines_in - so that whoever restores can undo what it has begun, a signal is an end of the input
 * like any other. */

#include "cli/lines_in.h"

#include "cli/progress.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static volatile sig_atomic_t interrupted;

static void
on_signal(int number)
{
    interrupted = number;
}

/* Reading ends with EINTR. */
static void
catch_signals(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    const struct sigaction action = {.sa_handler = on_signal};
    for (size_t i = 0; i < COUNT_OF(numbers); i++)
        sigaction(numbers[i], &action, NULL);
}

static uint64_t
size_of(FILE *in)
{
    struct stat s;
    return fstat(fileno(in), &s) == 0 && S_ISREG(s.st_mode) ? (uint64_t)s.st_size : 0;
}

bool
lines_in(FILE *in, bool (*take)(void *context, struct slice line, struct error *), void *context,
         uint64_t *ret_lines, struct error *err)
{
    struct error why;
    char *text = NULL;
    size_t size = 0;
    ssize_t n;
    uint64_t lines = 0, bytes = 0;
    bool ok = true;
    if (isatty(fileno(in)))
        fputs("Reading updates from the terminal; Ctrl-D ends them.\n", stderr);
    catch_signals();
    progress_begin("restored", "updates", size_of(in));
    while (ok && !interrupted && (n = getline(&text, &size, in)) >= 0) {
        struct slice line = slice_trim(SLICE_OF(text, (size_t)n - (text[n - 1] == '\n')));
        progress_at(bytes += (uint64_t)n, ++lines);
        if (line.len && !take(context, line, &why))
            ok = error_set(err, "line %llu: %.400s", (unsigned long long)lines, why.text);
    }
    progress_end();
    free(text);
    *ret_lines = lines;
    if (ok && interrupted)
        ok = error_set(err, "interrupted (signal %d)", (int)interrupted);
    else if (ok && ferror(in))
        ok = error_set(err, "what is to be restored cannot be read: %s", strerror(errno));
    return ok;
}
