#ifndef TRANSPORT_MERGE_H
#define TRANSPORT_MERGE_H

/* Updates that are kept in two places, in their one order again. Pure but for the references. */

#include "transport/batch.h"

/* Of two pieces, each of which is what one place has behind its own `after` (NULL: nothing), what
 * both together say of (after, *ret_upto]: as far as both reach, and never behind `committed`.
 * Takes both; the caller owns what is returned, which is one of them where the other has nothing
 * there. NULL: neither has. *ret_upto is not behind `after` only where nothing is committed there.
 */
struct batch *merge_pieces(struct batch *a, struct batch *b, struct position after,
                           struct position committed, struct position *ret_upto);

#endif
