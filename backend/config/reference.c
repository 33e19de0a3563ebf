/* reference - the table of directives as text: for `alipes config --help` and alipes.conf(5). */

#include "config/reference.h"

#include "config/option.h"

#include <stdio.h>

static void
write_signature(const struct option *o, char *out, size_t size)
{
    const char *blank = o->arguments[0] ? " " : "";
    if (o->block)
        snprintf(out, size, "%s { %s%s%s }", o->block, o->name, blank, o->arguments);
    else
        snprintf(out, size, "%s%s%s", o->name, blank, o->arguments);
}

/* It stands behind its row. */
static const char *
past_of(const struct option *o)
{
    const struct option *next = o + 1;
    bool there = next < option_table + option_count && next->kind == OPTION_PAST;
    return there ? next->help : NULL;
}

static const char *
only_dialect_of(const struct option *o)
{
    for (unsigned i = 0; i < DIALECTS; i++)
        if (o->dialects == 1u << i)
            return dialect_name((enum dialect)i);
    return NULL;
}

void
reference_each(void (*each)(void *context, const struct directive_help *), void *context)
{
    char signature[200];
    struct directive_help d = {.group = "", .signature = signature};
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        if (o->kind == OPTION_GROUP)
            d.group = o->name;
        if ((o->kind != OPTION_VALUE && o->kind != OPTION_SPECIAL) || o->help == NULL)
            continue;
        write_signature(o, signature, sizeof signature);
        d.name = o->name;
        d.standard = o->standard;
        d.help = o->help;
        d.past = past_of(o);
        d.dialect = only_dialect_of(o);
        d.takes_restart = o->takes_restart;
        each(context, &d);
    }
}
