#ifndef TRANSPORT_LOG_STORE_PARTS_H
#define TRANSPORT_LOG_STORE_PARTS_H

/* What the files of the store share. Under store.lock unless said. */

#include "transport/log/store.h"

/* --- store.c --- */

struct segment *store_segment_new(const struct segment_header *);
void store_segment_free(struct segment *);
struct position store_segment_last(const struct segment *); /* before, where it holds nothing */
void store_use(struct segment *);
void store_leave(struct segment *);
void store_add_block(struct segment *, struct block);

/* --- room.c --- */

/* `id` is copied; NULL ptr: not known. */
void store_set_removed(struct store *, struct position, struct slice id);
void store_move_removed(struct store *, struct position, struct slice id); /* never back */
/* The id of its last record, from the next header or from the file; NULL: it cannot be read, or
 * came before, so that as a cursor it may mean an earlier one. Caller frees. */
char *store_last_id(struct store *, const struct segment *, size_t *ret_len);
struct segment *store_oldest(struct store *); /* but the one being written; NULL: there is none */
/* Its files go, and it with its last reader; what is removed does not move. */
void store_drop(struct store *, struct segment *);
bool store_remove_oldest(struct store *); /* false: there is none */
/* Without the lock: reserves that much, removing what is oldest. False: even so there is no room.
 */
bool store_make_room(struct store *, uint64_t bytes);
void store_give_room(struct store *, uint64_t bytes);
void store_make_room_for_events(struct store *, uint32_t count);

/* --- roll.c, without the lock --- */

extern const char store_prepared_name[]; /* of the file that the next segment will be */
void store_leave_open(struct store *);

/* --- keeper.c, without the lock --- */

void store_prepare(struct store *); /* the next file, where it is not there; or there is none */

/* --- recover.c and replay.c, without the lock --- */

MUST_CHECK bool store_recover(struct store *, struct error *);
/* None of these segments counts any more, from this node of store.segments back to the oldest. */
void store_lose(struct store *, struct list *node);
/* Blocks and table or filter of a segment, from its index or its records. */
MUST_CHECK bool store_make_ready(struct store *, struct segment *);
/* Bytes that were on the disk do not check; replay begins behind them. */
void store_note_damage(struct store *, struct segment *, const char *what);
bool store_knows(struct store *, uint64_t hash); /* is the id in a held segment? */

#endif
