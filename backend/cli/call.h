#ifndef CLI_CALL_H
#define CLI_CALL_H

/* What a command was called with, read by its row of the table. */

#include "base/compiler.h"
#include "base/error.h"
#include "cli/command.h"
#include "config/string_list.h"

struct launch;

struct call {
    const struct command *command;
    int count;
    char **arguments;   /* behind the command's name */
    const char **words; /* owns: those that belong to no option; ends with NULL */
    size_t word_count;
    int (*serve)(const struct launch *); /* runs the hub, in this process */
};

/* False: err says what is wrong with it. */
MUST_CHECK bool call_read(struct call *, const struct command *, int count, char **arguments,
                          struct error *);
void call_fini(struct call *);

/* Of an option that the row has. */
bool call_has(const struct call *, const char *option);
const char *call_value(const struct call *, const char *option); /* the last one; NULL: none */
/* Adds every value; of an COMMAND_OPTION_ALL too. */
void call_values(const struct call *, const char *option, struct string_list *);

/* To stderr, with the command's name before it. Returns 1. */
int call_failed(const struct call *, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
