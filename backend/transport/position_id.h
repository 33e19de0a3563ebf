#ifndef TRANSPORT_POSITION_ID_H
#define TRANSPORT_POSITION_ID_H

/* An id for a place in the order of a history where no update need stand, so that a client may come
 * back to it (PROTOCOL.md, "History"). A UUID of version 8 (RFC 9562), as long as those of updates
 * that the hub names. */

#include "base/compiler.h"
#include "base/hash.h"
#include "transport/position.h"

enum {
    POSITION_ID_LEN = 45,
    POSITION_ID_BYTES = 16,
};

/* `key`: the history's. False: no id can say it, and `out` is untouched. */
MUST_CHECK bool position_id_write(const struct hash_key *key, struct position,
                                  char out[POSITION_ID_LEN + 1]);
/* False: no id of a position in the history of that key; *ret is untouched. */
MUST_CHECK bool position_id_read(const struct hash_key *key, struct slice id, struct position *ret);
/* The same as the 16 bytes of the UUID. */
MUST_CHECK bool position_id_seal(const struct hash_key *key, struct position,
                                 unsigned char out[POSITION_ID_BYTES]);
MUST_CHECK bool position_id_open(const struct hash_key *key,
                                 const unsigned char in[POSITION_ID_BYTES], struct position *ret);

#endif
