#ifndef TRANSPORT_DISK_RETENTION_H
#define TRANSPORT_DISK_RETENTION_H

/* What is removed, oldest first, and the room that it makes. Takes the lock itself unless said. */

#include "transport/disk/segments.h"

/* Reserves that much, removing what is oldest. False: even so there is no room. */
bool retention_make_room(struct segments *, uint64_t bytes);
void retention_give_room(struct segments *, uint64_t bytes);
bool retention_can_have(const struct segments *, uint64_t bytes); /* so much at once, ever */
void retention_make_room_for_events(struct segments *, uint32_t count);
void retention_begin_ages(struct segments *); /* at the start */
void retention_remove_old(struct segments *); /* by age, and what max_events has no room for */
/* Whatever the bounds say, a segment that holds a record at or behind this stays. */
void retention_set_floor(struct segments *, struct position);
/* Does the floor stand in the way of what is to be removed soon, or was by a start or damage: up to
 * *ret_upto? By age, or so that there is always room for two more segments, one prepared and one
 * that is written meanwhile: so much is there to write again what stands below (writer_carry()). */
bool retention_wants(struct segments *, struct position *ret_upto);
/* The id of its last record that is shown (before it, where it holds none), from the next header or
 * from the file; NULL: it cannot be read, or came before, so that as a cursor it may mean an
 * earlier one. Under the lock; caller frees. */
char *retention_last_id(const struct segments *, const struct segment *, size_t *ret_len);

#endif
