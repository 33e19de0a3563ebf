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
bool store_can_have(const struct store *, uint64_t bytes); /* so much at once, ever */
void store_give_room(struct store *, uint64_t bytes);
void store_make_room_for_events(struct store *, uint32_t count);
void store_begin_ages(struct store *); /* at the start */
void store_remove_old(struct store *); /* by age, and what max_events has no room for */

/* --- roll.c, without the lock --- */

/* Of the file that the next segment will be, and of that while it is made. */
extern const char store_prepared_name[], store_prepared_tmp[];
void store_leave_open(struct store *);
/* Of a segment that is begun for a record of this size; 0: for any. */
uint64_t store_space_for(const struct store *, uint64_t record_bytes);

/* --- keeper.c, without the lock --- */

void store_prepare(struct store *); /* the next file, where it is not there; or there is none */

/* --- folder.c, without the lock --- */

struct found {
    struct position first;
    uint64_t size, index_size;
    struct segment *segment; /* NULL: its header does not check */
    bool vanished;           /* removed since it was listed */
};

struct files {
    struct found *items; /* owns; sorted by position */
    size_t count, cap;
};

/* Made where it is missing, ours, and locked; only_reads: opened. */
MUST_CHECK bool store_open_folder(struct store *, struct error *);
/* What was left behind half made goes. */
MUST_CHECK bool store_list_files(struct store *, struct files *, struct error *);

/* --- recover.c, without the lock --- */

MUST_CHECK bool store_recover(struct store *, struct error *);

/* --- judge.c, without the lock --- */

/* None of these segments counts any more, from this node of store.segments back to the oldest.
 * Under the lock. */
void store_lose(struct store *, struct list *node);

enum judgement {
    JUDGED_WELL,    /* nothing is wrong with it: look again */
    JUDGED_NOT_NOW, /* it cannot be read: look again later */
    JUDGED_LOST,    /* replay begins behind its damage, or behind it; or it has gone */
};

/* After bytes that did not come, or did not check (`what`, for the log): looks through the file. */
MUST_CHECK enum judgement store_judge(struct store *, struct segment *, const char *what);
/* Blocks and table or filter of a segment, from its index or its records. False: it is lost, or
 * cannot be read now. */
MUST_CHECK bool store_make_ready(struct store *, struct segment *);
/* Its index on the disk cannot be relied on: it is read, or made, again. */
void store_forget_index(struct store *, struct segment *);

/* --- replay.c, without the lock --- */

bool store_knows(struct store *, uint64_t hash); /* may the id be in a held segment? */

#endif
