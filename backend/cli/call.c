/* call - the words of a command line against the options of one command.
 *
 * It keeps nothing but where they stand, and walks over them again for each question. `--` ends the
 * options; `--name=value` is `--name value`; `-` alone is a word. */

#include "cli/call.h"

#include "base/alloc.h"
#include "config/foreign.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_OPTIONS = 32
};

/* One step of a walk: an option with its values, or a word. */
struct step {
    const struct command_option *option; /* NULL: a word */
    const char *joined;                  /* what follows its `=`; NULL: nothing does */
    char **values;
    int count;
};

static bool
is_option(const char *argument)
{
    return argument[0] == '-' && argument[1] != 0;
}

/* `joined` is set where it is `--name=value`. */
static const struct command_option *
find(const struct command *command, const char *argument, const char **joined)
{
    size_t len = strncmp(argument, "--", 2) == 0 ? strcspn(argument, "=") : strlen(argument);
    *joined = argument[len] == '=' ? argument + len + 1 : NULL;
    for (const struct command_option *o = command->options; o && o->name; o++)
        if (strlen(o->name) == len && strncmp(o->name, argument, len) == 0)
            return o;
    return NULL;
}

static int
count_values(const struct call *c, int at, const struct step *s)
{
    int count = 0;
    if (s->option->value == NULL || s->joined)
        return 0;
    if (s->option->kind == COMMAND_OPTION)
        return at < c->count;
    while (at + count < c->count && !is_option(c->arguments[at + count]))
        count++;
    return count;
}

static bool
unknown(const struct call *c, const char *argument, struct error *err)
{
    const char *names[MAX_OPTIONS];
    size_t count = 0;
    for (const struct command_option *o = c->command->options; o && o->name; o++)
        if (count < MAX_OPTIONS && o->kind != COMMAND_OPTION_REFUSED)
            names[count++] = o->name;
    struct slice name = slice_of(argument);
    const char *nearest = foreign_nearest(slice_head(name, slice_index(name, '=')), names,
                                          argument[1] == '-' ? count : 0);
    return error_set(err, "unknown option %.100s%s%s%s", argument, nearest ? "; did you mean " : "",
                     nearest ? nearest : "", nearest ? "?" : "");
}

/* Moves *at behind it. False: err says why there is none; with an empty err: all were seen. */
static bool
next(const struct call *c, int *at, bool *only_words, struct step *s, struct error *err)
{
    err->text[0] = 0;
    if (*at < c->count && !*only_words && strcmp(c->arguments[*at], "--") == 0) {
        *only_words = true;
        ++*at;
    }
    if (*at == c->count)
        return false;
    const char *argument = c->arguments[*at];
    *s = (struct step){.values = &c->arguments[(*at)++], .count = 1};
    if (*only_words || !is_option(argument))
        return true;
    s->option = find(c->command, argument, &s->joined);
    if (s->option == NULL)
        return unknown(c, argument, err);
    if (s->option->kind == COMMAND_OPTION_REFUSED)
        return error_set(err, "%s", s->option->help);
    if (s->joined && s->option->value == NULL)
        return error_set(err, "%s takes no value", s->option->name);
    s->values = &c->arguments[*at];
    s->count = count_values(c, *at, s);
    *at += s->count;
    if (s->option->value && s->option->kind == COMMAND_OPTION && s->count == 0 && s->joined == NULL)
        return error_set(err, "%s is followed by %s", s->option->name, s->option->value);
    return true;
}

static bool
count_words(const struct call *c, struct error *err)
{
    if (c->word_count < c->command->least)
        return error_set(err, "%.*s is missing", (int)strcspn(c->command->words, " "),
                         c->command->words);
    if (c->word_count > c->command->most)
        return error_set(err, "%.100s is one word too many", c->words[c->command->most]);
    return true;
}

bool
call_read(struct call *c, const struct command *command, int count, char **arguments,
          struct error *err)
{
    struct step s;
    bool only_words = false;
    *c = (struct call){.command = command, .count = count, .arguments = arguments};
    c->words = xalloc(((size_t)count + 1) * sizeof *c->words);
    for (int at = 0; next(c, &at, &only_words, &s, err);)
        if (s.option == NULL)
            c->words[c->word_count++] = s.values[0];
    return err->text[0] == 0 && count_words(c, err);
}

void
call_fini(struct call *c)
{
    free(c->words);
    c->words = NULL;
}

/* Calls `take` for each value that the option was given; a NULL where it takes none. */
static void
each_value(const struct call *c, const char *option, void (*take)(void *context, const char *value),
           void *context)
{
    struct step s;
    struct error err;
    bool only_words = false;
    for (int at = 0; next(c, &at, &only_words, &s, &err);) {
        if (s.option == NULL || strcmp(s.option->name, option) != 0)
            continue;
        if (s.joined || s.option->value == NULL)
            take(context, s.joined);
        for (int i = 0; i < s.count; i++)
            take(context, s.values[i]);
    }
}

static void
note_it(void *context, const char *value)
{
    (void)value;
    *(bool *)context = true;
}

bool
call_has(const struct call *c, const char *option)
{
    bool has = false;
    each_value(c, option, note_it, &has);
    return has;
}

static void
keep_it(void *context, const char *value)
{
    *(const char **)context = value;
}

const char *
call_value(const struct call *c, const char *option)
{
    const char *value = NULL;
    each_value(c, option, keep_it, &value);
    return value;
}

static void
add_it(void *context, const char *value)
{
    string_list_add(context, slice_of(value));
}

void
call_values(const struct call *c, const char *option, struct string_list *list)
{
    each_value(c, option, add_it, list);
}

int
call_failed(const struct call *c, const char *fmt, ...)
{
    va_list args;
    va_start(args, fmt);
    fprintf(stderr, "alipes %s: ", c->command->name);
    vfprintf(stderr, fmt, args);
    fputc('\n', stderr);
    va_end(args);
    return 1;
}
