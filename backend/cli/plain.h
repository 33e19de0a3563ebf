#ifndef CLI_PLAIN_H
#define CLI_PLAIN_H

/* A stranger's text on a terminal: UTF-8 as it is, but whatever could move the cursor, change the
 * order of what is read, or not be seen (control and format characters, what is not UTF-8) as \xNN.
 */

#include "base/slice.h"

#include <stdio.h>

void plain_write(FILE *, struct slice);

#endif
