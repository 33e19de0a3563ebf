#ifndef CLI_ROFF_H
#define CLI_ROFF_H

/* Text that roff shall take as it stands. */

#include <stdio.h>

void roff_text(FILE *, const char *text); /* one line, or a part of one */

#endif
