#ifndef CLI_TOKEN_CMD_H
#define CLI_TOKEN_CMD_H

/* `alipes token …` makes a token, `alipes token inspect …` judges one; returns the exit status. */
int token_cmd(int argc, char **argv);

#endif
