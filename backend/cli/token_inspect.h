#ifndef CLI_TOKEN_INSPECT_H
#define CLI_TOKEN_INSPECT_H

/* `alipes token inspect [-c FILE] [--audience URL] [FILE]`; returns the exit status: 0 where the
 * hub takes the token for at least one role, 1 where for none, 2 where nothing could be judged. */
int token_inspect(int argc, char **argv);

#endif
