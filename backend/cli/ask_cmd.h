#ifndef CLI_ASK_CMD_H
#define CLI_ASK_CMD_H

/* `alipes health` and `alipes stat`; argv[0] is the subcommand. Returns the exit status: 0, 1
 * where the hub is not ready or does not answer, 2 for a wrong call or configuration. */
int ask_cmd(int argc, char **argv);

#endif
