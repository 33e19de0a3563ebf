#ifndef CLI_OWN_FILES_H
#define CLI_OWN_FILES_H

/* The files of a hub in the background. */

#include "cli/call.h"
#include "config/config.h"

struct own_files {
    char *conf;            /* owns: the whole path, without links */
    char *pid_file, *log;  /* own */
    struct config *config; /* owns: as it stands there, right or wrong */
};

/* Of the configuration that is called for. The process goes to its folder, so that what it says
 * without a / at the beginning is meant from there, whoever calls. False: it was said why. */
MUST_CHECK bool own_files_open(struct own_files *, const struct call *);
void own_files_close(struct own_files *);

#endif
