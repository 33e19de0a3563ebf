#ifndef MOD_ALIPES_LINE_H
#define MOD_ALIPES_LINE_H

/* What a link and the care for each of its streams share: records to the hub, and who is there. */

#include "mod_alipes/stream.h"

enum {
    LINE_IDS = 65536,
};

struct line {
    int epoll;             /* borrows */
    unsigned seed;         /* of what is drawn by lot */
    bool is_up;            /* the hub answered: records may be added to `out` */
    bool is_multicast;     /* the hub knows places, PAUSE and re-attachment */
    unsigned max;          /* streams at a time, as the hub says */
    struct buf out;        /* records to the hub */
    struct buf frame;      /* of the piece at hand */
    struct list streams;   /* all */
    struct list closing;   /* to be freed when the turn is over */
    struct place mark;     /* the last MARK for all who are covered, */
    uint32_t marks;        /* and how many came */
    unsigned returning;    /* re-attachments whose head has not come */
    unsigned delivered;    /* pieces, in this turn */
    unsigned count;        /* of ids in use */
    uint16_t last;         /* that was given out */
    struct stream **by_id; /* owns; LINE_IDS, mostly never touched */
};

bool line_init(struct line *, int epoll, unsigned seed);
void line_fini(struct line *);

struct stream *line_find(const struct line *, uint16_t id);
void line_fetch(const struct line *, uint16_t id); /* it is wanted soon */
/* Gives it a number; false: there is none left. */
MUST_CHECK bool line_number(struct line *, struct stream *);
void line_unnumber(struct line *, struct stream *);
/* A record without content. */
void line_say(struct line *, uint8_t type, uint16_t id);
unsigned line_retry_ms(struct line *);

#endif
