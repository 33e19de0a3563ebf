#ifndef CLI_COMMAND_LINE_H
#define CLI_COMMAND_LINE_H

struct launch;

/* What the program was called with, and who does that. `serve` runs the hub. Returns the exit
 * status: 0; 1 where it did not go well; 2 for a wrong call. */
int command_line(int argc, char **argv, int (*serve)(const struct launch *));

#endif
