#ifndef BASE_PID_FILE_H
#define BASE_PID_FILE_H

/* Who runs in the background, in a file that is locked for as long as it does. */

#include "base/error.h"

#include <sys/types.h>
#include <time.h>

enum pid_file_state {
    PID_FILE_FREE,
    PID_FILE_STOPPED, /* free, and pid_file_say_stopped() was said last */
    PID_FILE_BUSY,    /* its holder begins, or ends */
    PID_FILE_READY,
    PID_FILE_UNKNOWN, /* err says why */
};

enum {
    PID_FILE_CONF = 4096 /* of a path, with its zero */
};

struct pid_file_holder {
    /* Of one that is ready. */
    pid_t pid;
    char host[65];
    bool is_here; /* on this machine: a folder may be shared by several */
    time_t since;

    /* Of the last one too. */
    bool is_anothers; /* of a configuration that is there, and is another file */
    char conf[PID_FILE_CONF];
};

/* Taken without waiting, for as long as one process has the descriptor open. -1: it cannot be had,
 * and err says why; -2: another has it. */
MUST_CHECK int pid_file_take(const char *path, struct error *);
/* By the process that lives on with it. `conf`: the whole path of its configuration. */
MUST_CHECK bool pid_file_write(int fd, const char *path, const char *conf, struct error *);
void pid_file_set_ready(int fd, bool ready);
/* A mark in a file that nobody holds. */
void pid_file_say_stopped(const char *path, const char *conf);
/* Asked for the configuration `conf`. */
enum pid_file_state pid_file_look(const char *path, const char *conf, struct pid_file_holder *,
                                  struct error *);

#endif
