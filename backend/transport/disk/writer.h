#ifndef TRANSPORT_DISK_WRITER_H
#define TRANSPORT_DISK_WRITER_H

/* Commits. One thread alone; without the lock. */

#include "transport/disk/disk_record.h"
#include "transport/disk/id_table.h"
#include "transport/disk/open_segment.h"
#include "transport/update.h"

/* What is written at once. */
struct writing {
    struct update *const *updates;
    uint32_t count;
    const struct writer_past *past;
    bool is_hidden;
    enum disk_record_kind hidden; /* where it is: instead of the updates' own kinds */
    uint64_t *hashes;             /* owns */
    size_t len;
};

struct writer {
    struct segments *segments;
    struct open_segment at;
    struct segments *beside; /* ids are known where they are held there, too; NULL: alone */
    bool trouble;            /* the last commit failed */
    bool must_cut;           /* it may come back, until the next header says that it was none */
    uint64_t retry_at_ms;
    char *buffer; /* owns */
    size_t buffer_size;
    struct id_table batch_ids;
    struct writing written; /* of writer_write(), until it is known what becomes of it */
};

void writer_fini(struct writer *);

/* Positions are given by the caller, who may count for two stores in one order: in each they grow,
 * with gaps. */
enum writer_readiness {
    WRITER_READY,
    WRITER_TOO_LARGE, /* the first of them, for ever and whatever is removed; nothing has changed */
    WRITER_NO_ROOM,   /* the first of them, now: it wants a file of its own, which cannot be had */
    WRITER_FAILED,    /* none of them can be taken now */
};

/* Makes the open segment take at least the first of these updates; else err says why not.
 * *sequence: where the first of them is to stand, moved on where the store needs it. *ret_count:
 * how many one commit may hold. */
MUST_CHECK enum writer_readiness writer_begin(struct writer *, struct update *const *,
                                              uint32_t count, uint64_t *sequence,
                                              uint32_t *ret_count, struct error *err);
/* For who counts for one store alone: positions one behind the other. */
void writer_number(const struct writer *, struct update *const *, uint32_t count,
                   uint64_t sequence);
/* What was known of an update in another history (`alipes history restore`). */
struct writer_past {
    uint64_t time_ms;
    bool id_was_known;
};
/* Commits: written, and synced where every commit is. The updates are as many as writer_begin()
 * allowed, with their positions, of this run (segments.run) and from its sequence on. False:
 * nothing of it is confirmed, its positions are burnt.
 *
 * past[i] is what was known of updates[i]; NULL: they are of now. Times do not go back either way.
 */
MUST_CHECK bool writer_commit(struct writer *, struct update *const *, uint32_t count,
                              const struct writer_past *past, struct error *err);
/* The same in two steps, for who writes into two stores and has one outcome. Written, and synced:
 * nobody finds or reads it before writer_enter(), until which the updates must live.
 * writer_withdraw(): it never was, as after a failure. */
MUST_CHECK bool writer_write(struct writer *, struct update *const *, uint32_t count,
                             struct error *err);
void writer_enter(struct writer *);
void writer_withdraw(struct writer *);
/* Is what failed, or was withdrawn, known on the disk to be none? Else it might come back after a
 * crash, behind what was shown since. False: it cannot be done now. */
MUST_CHECK bool writer_settle(struct writer *);
/* The same for begins of what is still active, once more, before retention takes them from where
 * they stood (retention_wants()): hidden, and always synced. */
MUST_CHECK bool writer_carry(struct writer *, struct update *const *, uint32_t count,
                             struct error *err);
/* Says at the end of the store that the hub stopped in good order: hidden, and synced. */
MUST_CHECK bool writer_stop(struct writer *, uint64_t sequence, struct error *err);
/* Begins the next segment, so that the open one is sealed. */
MUST_CHECK bool writer_seal(struct writer *, struct error *);
/* Seals by age. Returns in how many milliseconds it wants to be called again. */
uint64_t writer_tick(struct writer *);
/* Would a commit go through? After a failure it tries, at most every RETRY_MS. */
bool writer_is_well(struct writer *);
struct position writer_last(const struct writer *); /* committed */

#endif
