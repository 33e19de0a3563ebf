/* help - rows of the table as a page for a person, a list, roff and a script for bash. */

#include "cli/help.h"

#include "base/ascii.h"
#include "base/slice.h"
#include "cli/roff.h"

#include <stdbool.h>
#include <string.h>

enum {
    WIDTH = 79,
    OPTION_COLUMN = 22, /* where an option's meaning begins */
};

static bool
is_file(const char *value)
{
    return value && (strstr(value, "FILE") || strstr(value, "FOLDER"));
}

/* How wide it is on a terminal: characters, as far as our own texts are concerned. */
static size_t
width_of(const char *text)
{
    size_t width = 0;
    for (; *text; text++)
        width += ((unsigned char)*text & 0xc0) != 0x80;
    return width;
}

/* What an option looks like in a usage line, or with its value alone in the list. */
static const char *
write_option(char out[80], const struct command_option *o, bool in_brackets)
{
    snprintf(out, 80, "%s%s%s%s%s%s", in_brackets ? "[" : "", o->name, o->value ? " " : "",
             o->value ? o->value : "", o->kind == COMMAND_OPTION_ALL ? "…" : "",
             in_brackets ? "]" : "");
    return out;
}

/* Goes on in the line, or in a new one where it would be too long. */
static void
add_part(FILE *out, const char *part, size_t indent, size_t *column)
{
    size_t width = width_of(part);
    if (*column + 1 + width > WIDTH) {
        fprintf(out, "\n%*s", (int)indent, "");
        *column = indent;
    }
    fprintf(out, " %s", part);
    *column += 1 + width;
}

void
help_usage(FILE *out, const struct command *c)
{
    char text[80];
    size_t indent = strlen("usage: alipes ") + strlen(c->name), column = indent;
    fprintf(out, "usage: alipes %s", c->name);
    for (const struct command_option *o = c->options; o && o->name; o++)
        if (o->kind != COMMAND_OPTION_REFUSED)
            add_part(out, write_option(text, o, true), indent, &column);
    if (c->words[0])
        add_part(out, c->words, indent, &column);
    fputc('\n', out);
}

static void
print_option(FILE *out, const struct command_option *o)
{
    char text[80];
    struct slice rest = slice_of(o->help), line;
    size_t width = width_of(write_option(text, o, false)) + 4;
    fprintf(out, "    %s", text);
    if (width > OPTION_COLUMN)
        fputc('\n', out);
    for (bool is_first = width <= OPTION_COLUMN; slice_cut(&rest, '\n', &line); is_first = false)
        fprintf(out, "%*s" SLICE_FMT "\n", (int)(OPTION_COLUMN + 2 - (is_first ? width : 0)), "",
                SLICE_ARG(line));
}

static void
print_indented(FILE *out, const char *text)
{
    struct slice rest = slice_of(text), line;
    while (slice_cut(&rest, '\n', &line))
        fprintf(out, "    " SLICE_FMT "\n", SLICE_ARG(line));
}

void
help_print(FILE *out, const struct command *c)
{
    help_usage(out, c);
    fprintf(out, "\n%s\n\n", c->help);
    for (const struct command_option *o = c->options; o && o->name; o++)
        if (o->kind != COMMAND_OPTION_REFUSED)
            print_option(out, o);
    fputs(c->options && c->options->name ? "\nFor example:\n" : "For example:\n", out);
    print_indented(out, c->example);
}

void
help_list(FILE *out, const struct command *all, size_t count, const char *group)
{
    for (size_t i = 0; i < count; i++)
        if (all[i].summary && slice_starts(slice_of(all[i].name), slice_of(group)))
            fprintf(out, "    alipes %-18s %s\n", all[i].name, all[i].summary);
}

/* --- the manual page -------------------------------------------------------------------------- */

static void
man_part(FILE *out, const char *before, const char *text, const char *after)
{
    fputs(before, out);
    roff_text(out, text);
    fputs(after, out);
}

/* Line by line, for a dot begins a request only there. */
static void
man_lines(FILE *out, const char *text)
{
    char line[400];
    while (*text) {
        size_t len = strcspn(text, "\n");
        snprintf(line, sizeof line, "%.*s", (int)len, text);
        man_part(out, "", line, "\n");
        text += len + (text[len] == '\n');
    }
}

static void
man_command(FILE *out, const struct command *c)
{
    char text[80];
    man_part(out, ".SS alipes ", c->name, "\n");
    man_part(out, ".B alipes ", c->name, "\n");
    for (const struct command_option *o = c->options; o && o->name; o++)
        if (o->kind != COMMAND_OPTION_REFUSED)
            man_part(out, "", write_option(text, o, true), "\n");
    man_lines(out, c->words);
    fputs(".PP\n", out);
    man_lines(out, c->help);
    for (const struct command_option *o = c->options; o && o->name; o++) {
        if (o->kind == COMMAND_OPTION_REFUSED)
            continue;
        man_part(out, ".TP\n.B ", write_option(text, o, false), "\n");
        man_lines(out, o->help);
    }
    fputs(".PP\n.EX\n", out);
    man_lines(out, c->example);
    fputs(".EE\n", out);
}

void
help_man(FILE *out, const struct command *all, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (all[i].summary)
            man_command(out, &all[i]);
}

/* --- bash ------------------------------------------------------------------------------------- */

/* The words that may follow `name`: of longer names, the next one. */
static void
bash_names(FILE *out, const struct command *all, size_t count, const char *name)
{
    size_t len = strlen(name);
    struct slice before = SLICE("");
    for (size_t i = 0; i < count; i++) {
        struct slice at = slice_of(all[i].name);
        if (all[i].summary == NULL || !slice_starts(at, SLICE_OF(name, len)) || at.len == len ||
            (len && at.ptr[len] != ' '))
            continue;
        struct slice word = slice_from(at, len ? len + 1 : 0);
        word = slice_head(word, slice_index(word, ' '));
        if (!slice_eq(word, before))
            fprintf(out, SLICE_FMT " ", SLICE_ARG(word));
        before = word;
    }
}

static void
bash_command(FILE *out, const struct command *all, size_t count, const struct command *c)
{
    fprintf(out, "    \"alipes %s \"*)\n        words=\"", c->name);
    bash_names(out, all, count, c->name);
    for (const struct command_option *o = c->options; o && o->name; o++)
        if (o->kind != COMMAND_OPTION_REFUSED)
            fprintf(out, "%s ", o->name);
    fputs("--help\" files=\" ", out);
    for (const struct command_option *o = c->options; o && o->name; o++)
        if (is_file(o->value))
            fprintf(out, "%s ", o->name);
    fprintf(out, "\" any=%s ;;\n", is_file(c->words) ? "yes" : "");
}

/* Of `history `, which is no command of its own; once, at its first. */
static void
bash_group(FILE *out, const struct command *all, size_t count, size_t at)
{
    char name[40];
    struct slice group = slice_of(all[at].name);
    group = slice_head(group, slice_index(group, ' '));
    if (at && slice_starts(slice_of(all[at - 1].name), group))
        return;
    snprintf(name, sizeof name, SLICE_FMT, SLICE_ARG(group));
    fprintf(out, "    \"alipes %s \"*)\n        words=\"", name);
    bash_names(out, all, count, name);
    fputs("--help\" ;;\n", out);
}

static bool
has_two_words(const struct command *c)
{
    return strchr(c->name, ' ') != NULL;
}

void
help_bash(FILE *out, const struct command *all, size_t count)
{
    fputs("# bash completion for alipes(8), as `alipes --completion` writes it\n"
          "_alipes() {\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD - 1]}\n"
          "    local words=\"\" files=\" -c \" any=\"\"\n"
          "    case \"alipes ${COMP_WORDS[*]:1:COMP_CWORD-1} \" in\n"
          "    \"alipes  \"*)\n        words=\"",
          out);
    bash_names(out, all, count, "");
    fputs("-c --help\" ;;\n", out);
    for (size_t i = 0; i < count; i++)
        if (has_two_words(&all[i]) && all[i].options)
            bash_command(out, all, count, &all[i]);
    for (size_t i = 0; i < count; i++)
        if (!has_two_words(&all[i]) && all[i].options)
            bash_command(out, all, count, &all[i]);
    for (size_t i = 0; i < count; i++)
        if (has_two_words(&all[i]))
            bash_group(out, all, count, i);
    fputs("    esac\n"
          "    COMPREPLY=()\n"
          "    if [[ $files == *\" $before \"* || ($any && $word != -*) ]]; then\n"
          "        compopt -o filenames 2>/dev/null\n"
          "        mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
          "    fi\n"
          "    [[ $files == *\" $before \"* ]] && return\n"
          "    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W \"$words\" -- \"$word\")\n"
          "}\n"
          "complete -F _alipes alipes\n",
          out);
}
