/* reference - the table of options as text: for `alipes config --help` and alipes.conf(5).
 *
 * The rows of options.def are read a second time here, with those that the parser does not know:
 * headings, directives that code of their own reads, and what happens past a bound. */

#include "config/reference.h"

#include "base/alloc.h"
#include "config/restart.h"

#include <stdio.h>
#include <string.h>

struct row {
    enum {
        ROW_GROUP,
        ROW_OPTION,
        ROW_OTHER,
        ROW_PAST
    } kind;
    const char *block, *name, *arguments, *standard, *help;
};

static const struct row rows[] = {
#define GROUP(title)                     {ROW_GROUP, NULL, title, NULL, NULL, NULL},
#define OTHER(signature, standard, help) {ROW_OTHER, NULL, signature, NULL, standard, help},
#define PAST(name, text)                 {ROW_PAST, NULL, #name, NULL, NULL, text},
#define OPTION(name, type, field, least, most, standard, arguments, help)                          \
    {ROW_OPTION, NULL, #name, arguments, standard, help},
#define INNER(block, name, type, field, least, most, standard, arguments, help)                    \
    {ROW_OPTION, block, #name, arguments, standard, help},
#include "config/options.def"
#undef INNER
#undef OPTION
#undef PAST
#undef OTHER
#undef GROUP
};

static const char *
past_of(const char *name)
{
    for (size_t i = 0; i < COUNT_OF(rows); i++)
        if (rows[i].kind == ROW_PAST && strcmp(rows[i].name, name) == 0)
            return rows[i].help;
    return NULL;
}

static void
write_signature(char *out, size_t size, const struct row *row)
{
    const char *blank = row->arguments[0] ? " " : "";
    if (row->block)
        snprintf(out, size, "%s { %s%s%s }", row->block, row->name, blank, row->arguments);
    else
        snprintf(out, size, "%s%s%s", row->name, blank, row->arguments);
}

void
reference_each(void (*each)(void *context, const struct directive_help *), void *context)
{
    char signature[200];
    struct directive_help d = {NULL};
    for (size_t i = 0; i < COUNT_OF(rows); i++) {
        const struct row *row = &rows[i];
        bool option = row->kind == ROW_OPTION;
        if (row->kind == ROW_GROUP)
            d.group = row->name;
        if (!option && row->kind != ROW_OTHER)
            continue;
        if (option)
            write_signature(signature, sizeof signature, row);
        d.name = option ? row->name : NULL;
        d.signature = option ? signature : row->name;
        d.standard = row->standard;
        d.help = row->help;
        d.past = option ? past_of(row->name) : NULL;
        d.takes_restart = option && restart_takes(row->block, row->name);
        each(context, &d);
    }
}
