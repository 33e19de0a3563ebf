#ifndef PROCESS_H
#define PROCESS_H

/* The hub as a process. One a process; main's thread alone. */

#include <stdbool.h>

/* Reads the configuration (NULL: the environment) and opens the log. False: it was said why. */
bool process_load(const char *file);
/* Opens history and sockets and starts the workers. False: it was said why. */
bool process_start(void);
/* Reads the configuration again. Whatever is wrong with it, the old one stays in force. */
void process_reload(void);
/* The log's file was renamed, and the name shall be a new file. */
void process_reopen_log(void);
/* Ends, in order, what was started. */
void process_stop(int signal);

#endif
