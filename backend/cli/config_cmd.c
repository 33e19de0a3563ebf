/* config_cmd - looks at a configuration without running it. */

#include "cli/config_cmd.h"

#include "auth/fetcher.h"
#include "auth/trust.h"
#include "base/hash.h"
#include "base/log.h"
#include "cli/man.h"
#include "config/config.h"
#include "config/reference.h"

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

/* As at start, but that nothing is fetched. */
static bool
keys_are_right(struct config *c, struct error *err)
{
    struct fetcher *fetcher = fetcher_new(NULL, NULL);
    struct key_source **sources = fetcher_sources(fetcher, c, err);
    struct authority *authority = sources ? trust_build(c, sources, &c->notes, err) : NULL;
    bool ok = authority != NULL;
    authority_unref(&authority);
    fetcher_drop(&sources, c->sources.count);
    fetcher_free(&fetcher);
    return ok;
}

int
config_cmd(int argc, char **argv)
{
    struct config *c = NULL;
    struct error err;
    if (argc == 2 && print_tables(argv[1]))
        return 0;
    if (argc != 3 || strcmp(argv[1], "check") != 0) {
        fputs("usage: alipes config check FILE | alipes config --help\n", stderr);
        return 2;
    }
    hash_seed();
    if (!config_from_file(argv[2], &c, &err) || !keys_are_right(c, &err)) {
        fprintf(stderr, "%s%s\n", log_priority(LOG_ERROR), err.text);
        config_free(&c);
        return 1;
    }
    for (size_t i = 0; i < c->notes.count; i++)
        printf("note: %s\n", c->notes.items[i]);
    printf("%s: ok\n", argv[2]);
    config_free(&c);
    return 0;
}
