#ifndef LOG_FILE_H
#define LOG_FILE_H

/* Where the log goes, as a configuration says. */

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"

enum log_level log_file_level(const struct config *);
bool log_file_open(const struct config *, struct error *);
/* The file was renamed, and the name shall be a new file. */
void log_file_reopen(const struct config *);

#endif
