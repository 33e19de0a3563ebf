/* man - what manual pages have from tables: the directives of alipes.conf(5), the series of
 * alipes-metrics(7). The rest of the pages stands beside this file; `make install` joins them. */

#include "cli/man.h"

#include "base/alloc.h"
#include "cli/roff.h"
#include "config/reference.h"

#include <stdbool.h>
#include <string.h>

enum kind {
    KIND_COUNTER,
    KIND_GAUGE,
    KIND_HISTOGRAM,
    KIND_BOUND,
};

static const struct {
    enum kind kind;
    const char *name, *help;
} metrics[] = {
#define COUNTER(name, help)   {KIND_COUNTER, #name, help},
#define GAUGE(name, help)     {KIND_GAUGE, #name, help},
#define BOUND(name, help)     {KIND_BOUND, #name, help},
#define HISTOGRAM(name, help) {KIND_HISTOGRAM, #name, help},
#include "metrics/metrics.def"
#undef COUNTER
#undef GAUGE
#undef BOUND
#undef HISTOGRAM
};

static const struct {
    const char *heading, *before, *after;
} kinds[] = {
    [KIND_COUNTER] = {"Counters", "alipes_", "_total"},
    [KIND_GAUGE] = {"Gauges", "alipes_", ""},
    [KIND_HISTOGRAM] = {"Histograms", "alipes_", "_seconds"},
    [KIND_BOUND] = {"Bounds met", "alipes_bounds_met_total{bound=\"", "\"}"},
};

static void
print_in(FILE *out, const char *before, const char *text, const char *after)
{
    fputs(before, out);
    roff_text(out, text);
    fputs(after, out);
}

static bool
is_counted(const char *name)
{
    for (size_t i = 0; name && i < COUNT_OF(metrics); i++)
        if (metrics[i].kind == KIND_BOUND && strcmp(metrics[i].name, name) == 0)
            return true;
    return false;
}

struct page {
    FILE *out;
    const char *group; /* the heading that was printed last */
};

static void
print_directive(void *context, const struct directive_help *d)
{
    struct page *page = context;
    if (d->group != page->group)
        print_in(page->out, ".SS ", d->group, "\n");
    page->group = d->group;
    print_in(page->out, ".TP\n\\fB", d->signature, "\\fR\n");
    roff_text(page->out, d->help);
    if (d->standard[0])
        print_in(page->out, " (default: ", d->standard, ")");
    fputs(".\n", page->out);
    if (d->past)
        print_in(page->out, "Past it: ", d->past, ".\n");
    if (is_counted(d->name))
        fputs("Counted.\n", page->out);
    if (d->dialect)
        print_in(page->out, "Of protocol ", d->dialect, " alone.\n");
    if (d->takes_restart)
        fputs("Takes a restart.\n", page->out);
}

void
man_print_directives(FILE *out)
{
    struct page page = {.out = out};
    reference_each(print_directive, &page);
}

void
man_print_metrics(FILE *out)
{
    for (size_t kind = 0; kind < COUNT_OF(kinds); kind++) {
        fprintf(out, ".SS %s\n", kinds[kind].heading);
        for (size_t i = 0; i < COUNT_OF(metrics); i++) {
            if (metrics[i].kind != kind)
                continue;
            fprintf(out, ".TP\n\\fB%s%s%s\\fR\n", kinds[kind].before, metrics[i].name,
                    kinds[kind].after);
            print_in(out, "", metrics[i].help, ".\n");
        }
    }
}
