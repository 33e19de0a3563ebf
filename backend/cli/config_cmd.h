#ifndef CLI_CONFIG_CMD_H
#define CLI_CONFIG_CMD_H

/* `alipes config check FILE` and `alipes config --help`; returns the exit status. */
int config_cmd(int argc, char **argv);

#endif
