#ifndef CLI_FIGURE_H
#define CLI_FIGURE_H

/* What stands on a page of metrics, and figures as people read them. */

#include "base/slice.h"

/* A line that is no comment. */
struct figure_sample {
    struct slice name, labels; /* what stands between the braces */
    double value;
};
struct figure_sample figure_read(struct slice line);
/* Of the sample of that name and those labels ("" is none); -1: it is not there. */
double figure_find(struct slice page, const char *name, const char *labels);
/* What stands in quotes behind the first `=` of labels. */
struct slice figure_label(struct slice labels);

/* Buckets come before count and sum, in order, so their bounds are kept until the count is known;
 * at most 64 of them. */
struct figure_buckets {
    struct slice bound[64];
    double upto[64];
    size_t count;
};
void figure_add_bucket(struct figure_buckets *, const struct figure_sample *);
/* Of that histogram. */
void figure_buckets(struct figure_buckets *, struct slice page, const char *histogram);

/* All return `out`. */
const char *figure_write_bytes(char *out, size_t cap, double);
const char *figure_write_seconds(char *out, size_t cap, double);
const char *figure_write_count(char *out, size_t cap, double); /* 12,345 */
/* Within so much time lies that share of what was observed; "more" where it is past all bounds. */
const char *figure_quantile(char *out, size_t cap, const struct figure_buckets *, double share);

#endif
