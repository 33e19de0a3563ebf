#ifndef CLI_HELP_H
#define CLI_HELP_H

/* What people and shells are told of commands: all of it is written from their rows. */

#include "cli/command.h"

#include <stdio.h>

void help_print(FILE *, const struct command *);
void help_usage(FILE *, const struct command *); /* its first lines alone */
/* Those commands whose name begins with `group` ("" is all of them). */
void help_list(FILE *, const struct command *, size_t count, const char *group);
/* For alipes(8), as roff. */
void help_man(FILE *, const struct command *, size_t count);
/* The script that bash sources to complete. */
void help_bash(FILE *, const struct command *, size_t count);

#endif
