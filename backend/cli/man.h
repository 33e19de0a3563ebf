#ifndef CLI_MAN_H
#define CLI_MAN_H

#include <stdio.h>

/* alipes.conf(5), as roff, from the table of options. */
void man_print(FILE *);

#endif
