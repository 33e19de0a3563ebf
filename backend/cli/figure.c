/* figure - OpenMetrics line by line, without a model of it. */

#include "cli/figure.h"

#include "base/alloc.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static double
number(struct slice s)
{
    char text[64] = "";
    if (s.len && s.len < sizeof text)
        memcpy(text, s.ptr, s.len);
    return strtod(text, NULL);
}

struct figure_sample
figure_read(struct slice line)
{
    size_t open = slice_index(line, '{'), close = slice_index(line, '}');
    bool has_labels = open < close && close < line.len;
    size_t blank = has_labels ? close + 1 : slice_index(line, ' ');
    return (struct figure_sample){
        .name = slice_head(line, has_labels ? open : blank),
        .labels = has_labels ? SLICE_OF(line.ptr + open + 1, close - open - 1) : SLICE(""),
        .value = number(slice_trim(slice_from(line, blank))),
    };
}

double
figure_find(struct slice page, const char *name, const char *labels)
{
    struct slice line;
    while (slice_cut(&page, '\n', &line)) {
        struct figure_sample s = figure_read(line);
        if (slice_eq(s.name, slice_of(name)) && slice_eq(s.labels, slice_of(labels)))
            return s.value;
    }
    return -1;
}

struct slice
figure_label(struct slice labels)
{
    size_t at = slice_index(labels, '"');
    struct slice rest = slice_from(labels, at + 1);
    return slice_head(rest, slice_index(rest, '"'));
}

void
figure_add_bucket(struct figure_buckets *b, const struct figure_sample *s)
{
    if (b->count == COUNT_OF(b->bound))
        return;
    b->bound[b->count] = figure_label(s->labels);
    b->upto[b->count++] = s->value;
}

void
figure_buckets(struct figure_buckets *b, struct slice page, const char *histogram)
{
    struct slice line, name = slice_of(histogram);
    b->count = 0;
    while (slice_cut(&page, '\n', &line)) {
        struct figure_sample s = figure_read(line);
        if (slice_starts(s.name, name) && slice_eq(slice_from(s.name, name.len), SLICE("_bucket")))
            figure_add_bucket(b, &s);
    }
}

const char *
figure_write_bytes(char *out, size_t cap, double value)
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    size_t i = 0;
    for (; value >= 10240 && i + 1 < COUNT_OF(units); i++)
        value /= 1024;
    snprintf(out, cap, "%.0f %s", value, units[i]);
    return out;
}

const char *
figure_write_seconds(char *out, size_t cap, double value)
{
    if (value >= 172800)
        snprintf(out, cap, "%.1f d", value / 86400);
    else if (value >= 7200)
        snprintf(out, cap, "%.1f h", value / 3600);
    else if (value >= 120)
        snprintf(out, cap, "%.0f min", value / 60);
    else if (value >= 1 || value == 0)
        snprintf(out, cap, "%.0f s", value);
    else
        snprintf(out, cap, "%.3g ms", value * 1000);
    return out;
}

const char *
figure_write_count(char *out, size_t cap, double value)
{
    char digits[64];
    int len = snprintf(digits, sizeof digits, "%.0f", value < 0 ? 0 : value < 1e18 ? value : 1e18);
    size_t at = 0;
    for (int i = 0; i < len && at + 2 < cap; i++) {
        if (i && (len - i) % 3 == 0)
            out[at++] = ',';
        out[at++] = digits[i];
    }
    out[at] = 0;
    return out;
}

const char *
figure_quantile(char *out, size_t cap, const struct figure_buckets *b, double share)
{
    double all = b->count ? b->upto[b->count - 1] : 0;
    for (size_t i = 0; i < b->count; i++) {
        if (b->upto[i] < all * share)
            continue;
        if (slice_eq(b->bound[i], SLICE("+Inf")))
            break;
        return figure_write_seconds(out, cap, number(b->bound[i]));
    }
    snprintf(out, cap, "more");
    return out;
}
