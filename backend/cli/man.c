/* man - the manual page of the configuration, made from the table that the parser reads. */

#include "cli/man.h"

#include "base/alloc.h"
#include "base/version.h"
#include "config/reference.h"

#include <string.h>

static const char *const before[] = {
    ".TH ALIPES.CONF 5 \"\" \"alipes " VERSION "\" \"File formats\"",
    ".SH NAME",
    "alipes.conf \\- configuration of the alipes hub",
    ".SH DESCRIPTION",
    "The file is the body of a",
    ".B mercure { }",
    "block of a Caddyfile, with or without that wrapper: one directive a line, arguments separated",
    "by blanks, quotes around what holds blanks, blocks in",
    ".BR { \" and \" } ,",
    "comments behind",
    ".BR # ,",
    "and the environment by",
    ".BR {env.NAME} \" or \" {$NAME:default} .",
    "A word of several lines stands in quotes, or as a heredoc behind",
    ".BR <<NAME .",
    "All that is wrong is named at once, each with its line.",
    ".PP",
    "Durations are written 500ms, 40s, 5m, 24h; sizes 1MiB, 512KB. Directives that are said to be",
    "repeatable add up; of any other the last one counts.",
    ".PP",
    ".B alipes config check",
    ".I FILE",
    "says what is wrong with a file, as a start would. SIGHUP makes a running hub read it anew.",
    ".SH DIRECTIVES",
};

static const char *const after[] = {
    ".SH FILES",
    ".TP",
    ".I /etc/alipes/alipes.conf",
    "what",
    ".B alipes.service",
    "reads, and commands where nothing names another",
    ".SH SEE ALSO",
    ".BR alipes (8)",
};

/* Text as roff takes it literally. */
static void
print_text(FILE *out, const char *text)
{
    if (*text == '.' || *text == '\'')
        fputs("\\&", out);
    for (; *text; text++)
        if (*text == '\\')
            fputs("\\e", out);
        else if (*text == '-')
            fputs("\\-", out);
        else
            fputc(*text, out);
}

static void
print_in(FILE *out, const char *before, const char *text, const char *after)
{
    fputs(before, out);
    print_text(out, text);
    fputs(after, out);
}

struct page {
    FILE *out;
    const char *group; /* the heading that was printed last */
};

static void
print_directive(void *context, const struct directive_help *d)
{
    struct page *page = context;
    if (d->group != page->group)
        print_in(page->out, ".SS ", d->group, "\n");
    page->group = d->group;
    print_in(page->out, ".TP\n\\fB", d->signature, "\\fR\n");
    print_text(page->out, d->help);
    if (d->standard[0])
        print_in(page->out, " (default: ", d->standard, ")");
    fputs(".\n", page->out);
    if (d->past)
        print_in(page->out, "Past it: ", d->past, ".\n");
    if (d->dialect)
        print_in(page->out, "Of protocol ", d->dialect, " alone.\n");
    if (d->takes_restart)
        fputs("Takes a restart.\n", page->out);
}

void
man_print(FILE *out)
{
    struct page page = {.out = out};
    for (size_t i = 0; i < COUNT_OF(before); i++)
        fprintf(out, "%s\n", before[i]);
    reference_each(print_directive, &page);
    for (size_t i = 0; i < COUNT_OF(after); i++)
        fprintf(out, "%s\n", after[i]);
}
