#ifndef CONFIG_RESTART_H
#define CONFIG_RESTART_H

/* What a running hub cannot change. */

#include "config/config.h"

/* Puts the running values of such directives into `fresh`, and the names of those that said
 * something else into *ret_names. */
void restart_keep(struct config *fresh, const struct config *running,
                  struct string_list *ret_names);

/* Is this directive among those? `block` NULL: one of its own. */
bool restart_takes(const char *block, const char *name);

#endif
