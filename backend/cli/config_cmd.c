/* config_cmd - looks at a configuration without running it. */

#include "cli/config_cmd.h"

#include "base/hash.h"
#include "base/log.h"
#include "cli/key_trial.h"
#include "cli/man.h"
#include "config/config.h"
#include "config/reference.h"
#include "config/trial.h"

#include <stdio.h>
#include <string.h>

static void
print_directive(void *context, const struct directive_help *d)
{
    FILE *out = context;
    fprintf(out, "%s\n    %s", d->signature, d->help);
    if (d->standard[0])
        fprintf(out, " (default: %s)", d->standard);
    fputs("\n", out);
}

/* What the tables say, without a configuration. False: there is no such word. */
static bool
print_tables(const char *word)
{
    if (strcmp(word, "--help") == 0)
        reference_each(print_directive, stdout);
    else if (strcmp(word, "--man") == 0)
        man_print_directives(stdout);
    else if (strcmp(word, "--man-metrics") == 0)
        man_print_metrics(stdout);
    else
        return false;
    return true;
}

static int
check(const char *path)
{
    struct config *c = config_read(path);
    trial_run(c);
    key_trial_run(c, &c->notes);
    size_t wrong = c->errors.count;
    for (size_t i = 0; i < wrong; i++)
        fprintf(stderr, "%s%s\n", log_priority(LOG_ERROR), c->errors.items[i]);
    for (size_t i = 0; i < c->notes.count; i++)
        printf("note: %s\n", c->notes.items[i]);
    if (wrong == 0)
        printf("%s: ok\n", path ? path : "the environment");
    config_free(&c);
    return wrong ? 1 : 0;
}

int
config_cmd(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "";
    if (argc == 2 && print_tables(word))
        return 0;
    bool is_file = argc == 3 && argv[2][0] != '-';
    if (strcmp(word, "check") != 0 || (argc != 2 && !is_file)) {
        fputs("usage: alipes config check [FILE] | alipes config --help\n"
              "\n"
              "Without FILE: what the hub would run with here, of the environment.\n",
              stderr);
        return 2;
    }
    hash_seed();
    return check(is_file ? argv[2] : NULL);
}
