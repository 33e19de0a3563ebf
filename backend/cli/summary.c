/* summary - what an operator asks first, of two looks at the metrics: rates, and bounds in use.
 *
 * Bounds are the configuration's: those of the hub, as long as it was reloaded since. */

#include "cli/summary.h"

#include "base/clock.h"
#include "cli/figure.h"

#include <string.h>

enum {
    WORDS = 40
};

struct looks {
    FILE *out;
    const struct config *config;
    struct slice before, now;
    double seconds;
};

static double
now(const struct looks *l, const char *name)
{
    double value = figure_find(l->now, name, "");
    return value < 0 ? 0 : value;
}

static const char *
count(char out[WORDS], const struct looks *l, const char *name)
{
    return figure_write_count(out, WORDS, now(l, name));
}

/* A counter's, a second. */
static const char *
rate(char out[WORDS], const struct looks *l, const char *name)
{
    double before = figure_find(l->before, name, "");
    double more = now(l, name) - (before < 0 ? 0 : before);
    double rate = l->seconds > 0 && more > 0 ? more / l->seconds : 0;
    if (rate >= 10 || rate == 0)
        return figure_write_count(out, WORDS, rate);
    snprintf(out, WORDS, "%.1f", rate);
    return out;
}

/* "of 100,000 (3%)"; nothing where there is no bound. */
static const char *
use(char out[WORDS], double value, double bound, bool is_bytes)
{
    char text[WORDS];
    out[0] = 0;
    if (bound > 0 && bound < 1e18)
        snprintf(out, WORDS, " of %s (%.0f%%)",
                 is_bytes ? figure_write_bytes(text, WORDS, bound)
                          : figure_write_count(text, WORDS, bound),
                 value / bound * 100);
    return out;
}

static const char *
most(char out[WORDS], const struct looks *l, const char *histogram)
{
    struct figure_buckets b;
    figure_buckets(&b, l->now, histogram);
    if (b.count == 0 || b.upto[b.count - 1] == 0)
        return "-";
    return figure_quantile(out, WORDS, &b, 0.99);
}

/* The value of a label of alipes_info. */
static struct slice
label(struct slice page, struct slice name)
{
    size_t line = slice_find(page, SLICE("alipes_info{"));
    struct slice rest = slice_from(page, line);
    rest = slice_head(rest, slice_index(rest, '\n'));
    rest = slice_from(rest, slice_find(rest, name));
    return figure_label(rest);
}

static void
say_hub(const struct looks *l)
{
    char up[WORDS], memory[WORDS];
    double begun = now(l, "process_start_time_seconds");
    struct slice name = label(l->now, SLICE("name="));
    fprintf(l->out,
            "hub         alipes " SLICE_FMT "%s" SLICE_FMT ", transport " SLICE_FMT
            ", up %s, memory %s%s\n",
            SLICE_ARG(label(l->now, SLICE("version="))), name.len ? " " : "", SLICE_ARG(name),
            SLICE_ARG(label(l->now, SLICE("transport="))),
            figure_write_seconds(up, WORDS, begun ? (double)clock_wall_ms() / 1000 - begun : 0),
            figure_write_bytes(memory, WORDS, now(l, "process_resident_memory_bytes")),
            l->config->transport == TRANSPORT_REDIS
                ? now(l, "alipes_redis_up") > 0 ? ", Redis up" : ", REDIS IS AWAY"
                : "");
}

/* A stream has a connection of its own, unless its front puts several into one. */
static double
bound_of_streams(const struct looks *l, double streams)
{
    double said = (double)l->config->max_streams, most = now(l, "alipes_connections_most");
    return most > 0 && most < said && streams <= most ? most : said;
}

static void
say_streams(const struct looks *l)
{
    char open[WORDS], bound[WORDS], behind[WORDS], begun[WORDS], ended[WORDS];
    double streams = now(l, "alipes_streams");
    fprintf(l->out, "streams     %s%s, %s catching up; %s begin and %s end a second\n",
            figure_write_count(open, WORDS, streams),
            use(bound, streams, bound_of_streams(l, streams), false),
            count(behind, l, "alipes_streams_catching_up"),
            rate(begun, l, "alipes_streams_opened_total"),
            rate(ended, l, "alipes_streams_closed_total"));
}

static void
say_traffic(const struct looks *l)
{
    char in[WORDS], commit[WORDS], failed[WORDS], out[WORDS], write[WORDS];
    fprintf(l->out,
            "traffic     %s publishes a second (committed within %s), %s deliveries a second "
            "(within %s)",
            rate(in, l, "alipes_publishes_total"), most(commit, l, "alipes_commit_seconds"),
            rate(out, l, "alipes_deliveries_total"),
            most(write, l, "alipes_publish_to_write_seconds"));
    if (now(l, "alipes_publishes_failed_total") > 0)
        fprintf(l->out, ", %s FAILED", count(failed, l, "alipes_publishes_failed_total"));
    fputc('\n', l->out);
}

static void
say_history(const struct looks *l)
{
    const struct config *c = l->config;
    char held[WORDS], of[WORDS], bytes[WORDS], of_bytes[WORDS], age[WORDS];
    bool has_bounds = c->transport != TRANSPORT_MEMORY;
    double events = now(l, "alipes_history_events"), size = now(l, "alipes_history_bytes");
    fprintf(
        l->out, "history     %s updates%s, %s%s, the oldest %s old\n",
        figure_write_count(held, WORDS, events),
        use(of, events, has_bounds ? (double)c->max_events : 0, false),
        figure_write_bytes(bytes, WORDS, size),
        use(of_bytes, size, has_bounds ? (double)c->max_bytes : (double)c->tail, true),
        figure_write_seconds(age, WORDS, (double)(uint64_t)now(l, "alipes_history_age_seconds")));
}

/* Those of a family that are not 0, as `word N`, while there is room. */
static int
say_family(const struct looks *l, struct slice family, const char *before, int room)
{
    struct slice page = l->now, line;
    char n[WORDS];
    int said = 0;
    while (slice_cut(&page, '\n', &line)) {
        struct figure_sample s = figure_read(line);
        if (!slice_eq(s.name, family) || s.value == 0)
            continue;
        struct slice word =
            figure_label(slice_from(s.labels, slice_find(s.labels, SLICE("reason="))));
        if (word.len == 0)
            word = figure_label(s.labels);
        if (said < room)
            fprintf(l->out, "%s" SLICE_FMT " %s", said ? ", " : before, SLICE_ARG(word),
                    figure_write_count(n, WORDS, s.value));
        said++;
    }
    if (said > room)
        fprintf(l->out, " and %d more", said - room);
    return said;
}

static void
say_trouble(const struct looks *l)
{
    fputs("trouble   ", l->out);
    int said = say_family(l, SLICE("alipes_bounds_met_total"), "  bounds met: ", 4);
    said += say_family(l, SLICE("alipes_refused_total"), said ? "; refused: " : "  refused: ", 4);
    fputs(said ? "\n" : "  no bound met, nothing refused\n", l->out);
}

void
summary_print(FILE *out, const struct config *c, struct slice before, struct slice now_,
              double seconds)
{
    const struct looks l = {out, c, before, now_, seconds};
    say_hub(&l);
    say_streams(&l);
    say_traffic(&l);
    say_history(&l);
    say_trouble(&l);
}
