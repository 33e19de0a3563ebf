#ifndef LOG_FILE_H
#define LOG_FILE_H

/* Where the log goes, as a configuration says. Main's thread alone. */

#include "base/error.h"
#include "base/log.h"
#include "config/config.h"

enum log_level log_file_level(const struct config *);
/* `path` NULL: standard error. */
bool log_file_open(const struct config *, const char *path, struct error *);
/* Its size is looked after from here on: SIGUSR2 comes, which is blocked, where log_max_size is
 * met. */
void log_file_watch(const struct config *);
/* Standard output and error go there too. */
void log_file_take_streams(void);
/* The file was renamed, and the name shall be a new file. */
void log_file_reopen(const struct config *);
/* The same, renamed here. */
void log_file_rotate(const struct config *);

#endif
