#ifndef CLI_COMMAND_LINE_H
#define CLI_COMMAND_LINE_H

/* What the program was called with, and who does that. `serve` runs the hub with a configuration
 * (NULL: the environment's). Returns the exit status: 0; 1 where it did not go well; 2 for a wrong
 * call. */
int command_line(int argc, char **argv, int (*serve)(const char *file));

#endif
