/* stat - OpenMetrics read line by line and written for people.
 *
 * It follows the page, and knows no figure by its name: what a figure is stands in its HELP line,
 * how to write it in its UNIT. A histogram becomes one line, with the bucket in which half of what
 * was observed lies, and 99 of 100. */

#include "cli/stat.h"

#include "cli/figure.h"

struct family {
    struct slice name, type, unit, help;
};

static const char *
write_value(char *out, size_t cap, const struct family *f, double value)
{
    if (slice_eq(f->unit, SLICE("bytes")))
        return figure_write_bytes(out, cap, value);
    if (slice_eq(f->unit, SLICE("seconds")))
        return figure_write_seconds(out, cap, value);
    snprintf(out, cap, "%.0f", value);
    return out;
}

static void
print_row(FILE *out, const char *value, struct slice help, struct slice labels)
{
    fprintf(out, "%12s  " SLICE_FMT, value, SLICE_ARG(help));
    if (labels.len)
        fprintf(out, ": " SLICE_FMT, SLICE_ARG(labels));
    fputs("\n", out);
}

static void
print_histogram(FILE *out, const struct family *f, const struct figure_buckets *b, double sum)
{
    char value[32], half[32], most[32], mean[32];
    double all = b->count ? b->upto[b->count - 1] : 0;
    snprintf(value, sizeof value, "%.0f", all);
    print_row(out, value, f->help, SLICE(""));
    if (all > 0)
        fprintf(out, "%12s    mean %s, half within %s, 99%% within %s\n", "",
                figure_write_seconds(mean, sizeof mean, sum / all),
                figure_quantile(half, sizeof half, b, 0.5),
                figure_quantile(most, sizeof most, b, 0.99));
}

static void
read_meta(struct slice line, struct family *f)
{
    struct slice kind = {0}, name = {0}, rest = slice_from(line, 2);
    slice_cut(&rest, ' ', &kind);
    slice_cut(&rest, ' ', &name);
    if (!slice_eq(name, f->name))
        *f = (struct family){.name = name};
    if (slice_eq(kind, SLICE("TYPE")))
        f->type = rest;
    else if (slice_eq(kind, SLICE("UNIT")))
        f->unit = rest;
    else if (slice_eq(kind, SLICE("HELP")))
        f->help = rest;
}

static void
read_sample(FILE *out, struct slice line, const struct family *f, struct figure_buckets *b)
{
    char text[32];
    struct figure_sample sample = figure_read(line);
    if (slice_eq(f->type, SLICE("info"))) {
        fprintf(out, "alipes " SLICE_FMT "\n", SLICE_ARG(sample.labels));
    } else if (!slice_eq(f->type, SLICE("histogram"))) {
        if (!sample.labels.len || sample.value != 0)
            print_row(out, write_value(text, sizeof text, f, sample.value), f->help, sample.labels);
    } else if (slice_ends(sample.name, SLICE("_bucket"))) {
        figure_add_bucket(b, &sample);
    } else if (slice_ends(sample.name, SLICE("_sum"))) {
        print_histogram(out, f, b, sample.value);
        b->count = 0;
    }
}

void
stat_print(struct slice page, FILE *out)
{
    struct slice line;
    struct family family = {0};
    struct figure_buckets buckets = {.count = 0};
    while (slice_cut(&page, '\n', &line)) {
        if (slice_starts(line, SLICE("# ")))
            read_meta(line, &family);
        else if (line.len && !slice_starts(line, SLICE("mercure_")) &&
                 !slice_starts(line, SLICE("process_start")))
            read_sample(out, line, &family, &buckets);
    }
}
