#ifndef PROCESS_H
#define PROCESS_H

/* The hub as a process. One a process; main's thread alone. */

#include <stdbool.h>

/* How the hub was begun. */
struct launch {
    const char *file; /* the configuration; NULL: the environment */
    const char *log;  /* in the background: where its lines go; NULL: in the foreground */
    int pid_file;     /* in the background: as taken (base/pid_file.h) */
};

/* Reads the configuration and opens the log. Borrows `launch`. False: it was said why. */
bool process_load(const struct launch *launch);
/* Opens history and sockets and starts the workers. False: it was said why. */
bool process_start(void);
/* Reads the configuration again. Whatever is wrong with it, the old one stays in force. */
void process_reload(void);
/* The log's file was renamed, and the name shall be a new file. */
void process_reopen_log(void);
/* The same, and renaming it is left to us. */
void process_rotate_log(void);
/* Ends, in order, what was started. */
void process_stop(int signal);

#endif
