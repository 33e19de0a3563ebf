/* stat - OpenMetrics read line by line and written for people.
 *
 * It follows the page, and knows no figure by its name: what a figure is stands in its HELP line,
 * how to write it in its UNIT. A histogram becomes one line, with the bucket in which half of what
 * was observed lies, and 99 of 100. */

#include "cli/stat.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

struct family {
    struct slice name, type, unit, help;
};

static double
number(struct slice s)
{
    char text[64] = "";
    if (s.len < sizeof text)
        memcpy(text, s.ptr, s.len);
    return strtod(text, NULL);
}

static const char *
write_bytes(char *out, size_t cap, double value)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t i = 0;
    for (; value >= 10240 && i + 1 < COUNT_OF(units); i++)
        value /= 1024;
    snprintf(out, cap, "%.0f %s", value, units[i]);
    return out;
}

static const char *
write_seconds(char *out, size_t cap, double value)
{
    if (value >= 7200)
        snprintf(out, cap, "%.1f h", value / 3600);
    else if (value >= 120)
        snprintf(out, cap, "%.0f min", value / 60);
    else if (value >= 1 || value == 0)
        snprintf(out, cap, "%.0f s", value);
    else
        snprintf(out, cap, "%.3g ms", value * 1000);
    return out;
}

static const char *
write_value(char *out, size_t cap, const struct family *f, double value)
{
    if (slice_eq(f->unit, SLICE("bytes")))
        return write_bytes(out, cap, value);
    if (slice_eq(f->unit, SLICE("seconds")))
        return write_seconds(out, cap, value);
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

/* What stands in quotes behind `le=` (or is the first label's value). */
static struct slice
quoted(struct slice labels)
{
    size_t at = slice_index(labels, '"');
    struct slice rest = slice_from(labels, at + 1);
    return slice_head(rest, slice_index(rest, '"'));
}

/* Buckets come before count and sum, in order, so their bounds are kept until the count is known;
 * at most 64 of them. */
struct buckets {
    struct slice bound[64];
    double upto[64];
    size_t count;
};

static const char *
quantile(char *out, size_t cap, const struct buckets *b, double share)
{
    double all = b->count ? b->upto[b->count - 1] : 0;
    for (size_t i = 0; i < b->count; i++) {
        if (b->upto[i] < all * share)
            continue;
        if (slice_eq(b->bound[i], SLICE("+Inf")))
            break;
        return write_seconds(out, cap, number(b->bound[i]));
    }
    snprintf(out, cap, "more");
    return out;
}

static void
print_histogram(FILE *out, const struct family *f, const struct buckets *b, double sum)
{
    char value[32], half[32], most[32], mean[32];
    double all = b->count ? b->upto[b->count - 1] : 0;
    snprintf(value, sizeof value, "%.0f", all);
    print_row(out, value, f->help, SLICE(""));
    if (all > 0)
        fprintf(out, "%12s    mean %s, half within %s, 99%% within %s\n", "",
                write_seconds(mean, sizeof mean, sum / all), quantile(half, sizeof half, b, 0.5),
                quantile(most, sizeof most, b, 0.99));
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
read_sample(FILE *out, struct slice line, const struct family *f, struct buckets *b)
{
    char text[32];
    size_t open = slice_index(line, '{'), close = slice_index(line, '}');
    bool has_labels = open < close && close < line.len;
    struct slice labels = has_labels ? SLICE_OF(line.ptr + open + 1, close - open - 1) : SLICE("");
    size_t blank = has_labels ? close + 1 : slice_index(line, ' ');
    struct slice name = slice_head(line, has_labels ? open : blank);
    double value = number(slice_trim(slice_from(line, blank)));
    if (slice_eq(f->type, SLICE("info"))) {
        fprintf(out, "alipes " SLICE_FMT "\n", SLICE_ARG(labels));
    } else if (!slice_eq(f->type, SLICE("histogram"))) {
        if (!labels.len || value != 0)
            print_row(out, write_value(text, sizeof text, f, value), f->help, labels);
    } else if (slice_ends(name, SLICE("_bucket"))) {
        if (b->count < COUNT_OF(b->bound)) {
            b->bound[b->count] = quoted(labels);
            b->upto[b->count++] = value;
        }
    } else if (slice_ends(name, SLICE("_sum"))) {
        print_histogram(out, f, b, value);
        b->count = 0;
    }
}

void
stat_print(struct slice page, FILE *out)
{
    struct slice line;
    struct family family = {0};
    struct buckets buckets = {.count = 0};
    while (slice_cut(&page, '\n', &line)) {
        if (slice_starts(line, SLICE("# ")))
            read_meta(line, &family);
        else if (line.len && !slice_starts(line, SLICE("mercure_")))
            read_sample(out, line, &family, &buckets);
    }
}
