#ifndef CLI_SUMMARY_H
#define CLI_SUMMARY_H

/* How a hub is, in five lines. */

#include "config/config.h"

#include <stdio.h>

/* Of two pages of metrics, so many seconds apart. */
void summary_print(FILE *, const struct config *, struct slice before, struct slice now,
                   double seconds);

#endif
