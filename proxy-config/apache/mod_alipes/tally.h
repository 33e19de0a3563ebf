#ifndef MOD_ALIPES_TALLY_H
#define MOD_ALIPES_TALLY_H

/* What all children count, where every child can read it: mod_status answers from one of them. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* name, as in `?auto`, is it a sum (of children that are gone, too), what it is */
#define TALLIES(X)                                                                                 \
    X(STREAMS, "AlipesStreams", false, "open streams")                                             \
    X(PAUSED, "AlipesPaused", false, "of them wait for a slow client")                             \
    X(LINKS, "AlipesLinks", false, "connections to hubs")                                          \
    X(OPENED, "AlipesOpened", true, "streams since the start")                                     \
    X(DELIVERED, "AlipesDelivered", true, "pieces written to a stream")                            \
    X(REATTACHED, "AlipesReattached", true, "streams that outlived a hub")                         \
    X(REFUSED, "AlipesRefused", true, "streams refused at AlipesMaxStreams")                       \
    X(UNLOGGED, "AlipesUnlogged", true, "lines that AlipesLog's program did not take")

enum tally {
#define X(name, label, is_sum, help) TALLY_##name,
    TALLIES(X)
#undef X
    TALLY_COUNT,
};

/* In the parent, at each start of a generation: *kept, which outlives this module's own memory, is
 * NULL at the first. False: no memory. */
bool tally_open(void **kept);
size_t tally_size(void); /* what was kept for another is not ours: a new version may count more */
void tally_enter(void);  /* in a child, before it counts */
void tally_leave(void);
void tally_add(enum tally, int64_t);
int64_t tally_mine(enum tally); /* this child's */
int64_t tally_sum(enum tally);  /* of all */
/* A child was told to stop at once; the others may not hear of it. */
void tally_stop(void);
bool tally_is_stopped(void);
const char *tally_label(enum tally);
const char *tally_help(enum tally);

#endif
