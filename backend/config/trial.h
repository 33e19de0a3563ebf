#ifndef CONFIG_TRIAL_H
#define CONFIG_TRIAL_H

/* Does this machine have what a configuration asks of it? */

#include "config/settings.h"

/* Looks, and changes nothing: no socket is bound, no file made. What the hub could not begin with
 * as the user who asks is added to the configuration's errors. */
void trial_run(struct config *);

#endif
