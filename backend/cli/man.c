/* man - the manual page of the configuration, made from the table that the parser reads. */

#include "cli/man.h"

#include "base/alloc.h"
#include "base/version.h"
#include "config/config.h"

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
print_directive(void *context, const char *signature, const char *standard, const char *help)
{
    FILE *out = context;
    fputs(".TP\n\\fB", out);
    print_text(out, signature);
    fputs("\\fR\n", out);
    print_text(out, help);
    if (standard[0]) {
        fputs(" (default: ", out);
        print_text(out, standard);
        fputs(")", out);
    }
    fputs(".\n", out);
}

void
man_print(FILE *out)
{
    for (size_t i = 0; i < COUNT_OF(before); i++)
        fprintf(out, "%s\n", before[i]);
    config_describe(print_directive, out);
    for (size_t i = 0; i < COUNT_OF(after); i++)
        fprintf(out, "%s\n", after[i]);
}
