#ifndef CONFIG_EXPOSURE_H
#define CONFIG_EXPOSURE_H

/* Secrets that everybody on the machine may read. */

#include "config/settings.h"

/* `text` is what was read of the file `path`, and `c` what it says: a note for each secret that
 * stands in it as it is, where others than its owner and group may read the file. */
void exposure_note(struct config *c, const char *path, struct slice text);

#endif
