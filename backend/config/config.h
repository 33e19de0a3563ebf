#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

/* A configuration from a file, or from the environment. */

#include "config/settings.h"

struct config *config_new(void); /* the defaults, to be read into; caller owns */
void config_free(struct config **);

/* What the hub would run with: this file, or NULL: the one that ALIPES_CONFIG names where it is
 * there, else the MERCURE_… variables (alipes.conf(5)). Before both, the file that ALIPES_DEFAULTS
 * names: what a package says where its user says nothing. Judged; unusable where config->errors
 * says something. Caller owns. */
struct config *config_read(const char *path);
/* For commands beside the hub: where nothing says which configuration is meant (no path, no
 * ALIPES_CONFIG, no MERCURE_… variable) the user's own (not root's), or the packaged file,
 * whichever is there first; else `path`. */
const char *config_path(const char *path);
/* The same where it must be a file; NULL: there is none. */
const char *config_file(const char *path);
/* The folder of a user's own: .alipes in the home; static. NULL: there is no home. */
const char *config_home(void);
/* The configuration that config_path() says. */
MUST_CHECK bool config_load(const char *path, struct config **ret, struct error *);
/* What config_path() took by itself; else NULL. */
const char *config_found(void);

#endif
