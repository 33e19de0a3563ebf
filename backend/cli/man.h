#ifndef CLI_MAN_H
#define CLI_MAN_H

/* Parts of manual pages, as roff. */

#include <stdio.h>

/* For alipes.conf(5): every directive under its heading. */
void man_print_directives(FILE *);
/* For alipes-metrics(7): what metrics.def has. */
void man_print_metrics(FILE *);

#endif
