/* config_cmd - looks at a configuration without running it. */

#include "cli/config_cmd.h"

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

int
config_print(const struct call *call)
{
    const char *name = call->command->name;
    if (strcmp(name, "config --help") == 0)
        reference_each(print_directive, stdout);
    else if (strcmp(name, "config --man") == 0)
        man_print_directives(stdout);
    else
        man_print_metrics(stdout);
    return 0;
}

int
config_check(const struct call *call)
{
    const char *path = config_path(call->word_count ? call->words[0] : call_value(call, "-c"));
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
