#ifndef HUB_LEDGER_H
#define HUB_LEDGER_H

/* What several workers found about the same updates, put together: a group of lines an update, once
 * all of them are done with it, in the order of positions. Knows no thread: who shares it has a
 * lock. */

#include "hub/finding.h"
#include "transport/update.h"

enum {
    LEDGER_OPEN = 256,     /* updates that not all workers are done with */
    LEDGER_BYTES = 262144, /* of lines that are not taken yet; the same of what is open */
};

struct ledger_entry {
    struct position position;
    unsigned left; /* workers that are not done with it */
    unsigned met[TRACE_MEETINGS];
    const char *hint;
    struct buf head, lines;
};

struct ledger {
    unsigned workers, unarmed;
    struct position from, newest; /* what is told stands behind `from`; the latest that was seen */
    struct ledger_entry *ring;    /* owns LEDGER_OPEN; `count` of them are open, from `first` on */
    uint32_t first, count;
    size_t open_bytes; /* of their lines */
    struct buf text;   /* events of SSE, each a group of lines */
    uint64_t lost;     /* groups for which there was no room */
};

void ledger_init(struct ledger *, unsigned workers);
void ledger_fini(struct ledger *);
/* A worker tells from now on what it finds, behind that position; each of them once. True: it was
 * the last of them, so all that is committed from here on is told. */
bool ledger_arm(struct ledger *, struct position);
/* A worker is done with an update: each of them, in the order of positions. `connected`: streams of
 * the hub. */
void ledger_enter(struct ledger *, const struct update *, const struct finding *, size_t connected);
/* Something else that happened, as one line. */
void ledger_say(struct ledger *, const char *event, struct slice line);
/* Is there something to be taken? */
bool ledger_has_news(const struct ledger *);
/* All the text there is; the caller owns it. What was lost is said at its end. */
void ledger_take(struct ledger *, struct buf *ret);

#endif
