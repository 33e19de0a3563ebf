#ifndef CLI_STAT_H
#define CLI_STAT_H

#include "base/slice.h"

#include <stdio.h>

/* A page of /metrics, for people: a line a figure, with what it is. What is 0 among figures with
 * labels is left out, as are the established hub's names, which say the same again. */
void stat_print(struct slice page, FILE *out);

#endif
