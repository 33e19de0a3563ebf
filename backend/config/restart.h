#ifndef CONFIG_RESTART_H
#define CONFIG_RESTART_H

/* What a running hub cannot change. */

#include "config/settings.h"

/* Puts the running values of such directives into `fresh`, and the names of those that said
 * something else into *ret_names. */
void restart_keep(struct config *fresh, const struct config *running,
                  struct string_list *ret_names);

#endif
