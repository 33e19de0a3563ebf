#ifndef MOD_ALIPES_JOURNAL_H
#define MOD_ALIPES_JOURNAL_H

/* A line for each stream that is over: AlipesLog. */

#include "mod_alipes/stream.h"

/* `fd`, which a program reads or which is a file; -1: Apache's error log, at level info. */
void journal_open(int fd);
void journal_write(const struct stream *);

#endif
