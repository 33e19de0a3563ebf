#ifndef CLI_HISTORY_CMD_H
#define CLI_HISTORY_CMD_H

/* `alipes history stat|check|dump|restore`; argv[0] is "history". Returns the exit status:
 * 0 done; 1 damage was found, or not all could be done; 2 a wrong call, configuration or folder. */
int history_cmd(int argc, char **argv);

#endif
