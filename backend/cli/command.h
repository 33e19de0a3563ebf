#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

/* What a command is: a row of the table in cli/command_line.c. Who runs, what --help says, what a
 * mistyped name is near to, the manual page's list and the shell's completion come from there. */

#include <stddef.h>

struct call;

enum command_option_kind {
    COMMAND_OPTION,        /* a value follows, or none where `value` is NULL */
    COMMAND_OPTION_ALL,    /* all words that follow, up to the next option */
    COMMAND_OPTION_REFUSED /* `help` says what to do instead */
};

struct command_option {
    const char *name;  /* as it is typed: "-c", "--type" */
    const char *value; /* what follows, for people; FILE and FOLDER are completed by shells */
    const char *help;  /* in a line or two */
    enum command_option_kind kind;
};

struct command {
    const char *name;    /* one word or two: "history dump" */
    const char *words;   /* what stands beside the options, for people: "TOPIC… [DATA|-]" */
    size_t least, most;  /* how many of them */
    const char *summary; /* in the list of commands */
    const char *help;    /* some three lines */
    const char *example;
    const struct command_option *options; /* up to a name that is NULL */
    int (*run)(const struct call *);      /* returns the exit status */
};

#endif
