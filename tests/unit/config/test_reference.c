/* What the manual says of directives is what their rows say. */

#include "config/reference.h"

#include "unit/guard.h"

static const char *const rows[][6] = {
    /* signature, group, default, past, dialect, restart */
    {"listen ADDRESS...", "Listening", ":80", NULL, NULL, "yes"},
    {"subscriber_jwt KEY [ALG]", "Keys and tokens", "", NULL, "0.x", NULL},
    {"max_matcher_length N", "Limits", "4096", NULL, "1.0", NULL},
    {"max_streams_per_token N", "Limits", "10000", "as max_streams", NULL, NULL},
    {"idle_timeout DURATION", "Timeouts", "30s", "a close", NULL, NULL},
    {"transport log|memory|redis", "History", "", NULL, NULL, "yes"},
    {"transport redis { hold SIZE }", "History", "16MiB", NULL, NULL, "yes"},
    {"transport redis tls { ca FILE }", "History", "", NULL, NULL, "yes"},
    {"transport log { unsafe_filesystem }", "History", "", NULL, NULL, "yes"},
    {"log logfmt|json [debug|info|warn|error] [FILE]", "Log", "logfmt info stderr", NULL, NULL,
     "yes"},
};

struct search {
    const char *signature;
    unsigned found;
    const char *row[6];
};

static void
look_for(void *context, const struct directive_help *d)
{
    struct search *s = context;
    ck_assert_msg(strncmp(d->signature, "transport_url", 13) != 0, "no row says what it is");
    if (strcmp(d->signature, s->signature) != 0)
        return;
    s->found++;
    ck_assert(d->help[0] != 0);
    const char *const row[] = {NULL,    d->group,   d->standard,
                               d->past, d->dialect, d->takes_restart ? "yes" : NULL};
    memcpy(s->row, row, sizeof row);
}

START_TEST(each_directive_is_told_with_what_its_row_says)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        struct search s = {.signature = rows[i][0]};
        reference_each(look_for, &s);
        ck_assert_msg(s.found == 1, "%s", s.signature);
        for (size_t k = 1; k < 6; k++)
            ck_assert_msg(slice_eq(slice_of(s.row[k]), slice_of(rows[i][k])),
                          "%s: %s instead of %s", s.signature, s.row[k] ? s.row[k] : "nothing",
                          rows[i][k] ? rows[i][k] : "nothing");
    }
}
END_TEST

UNIT_MAIN("config/reference", each_directive_is_told_with_what_its_row_says)
