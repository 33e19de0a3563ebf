#ifndef GATEWAY_FASTCGI_MULTICAST_H
#define GATEWAY_FASTCGI_MULTICAST_H

/* What a connection that speaks multicast sends to its streams. The worker's thread. */

#include "gateway/fastcgi/collector.h"
#include "gateway/link.h"
#include "loop/timer.h"

enum {
    MULTICAST_TEXT = 64
};

struct multicast {
    struct link *link;
    struct collector collector;
    struct collected_ids text_ids; /* who gets the text, behind what is collected */
    char text[MULTICAST_TEXT];
    size_t text_len;
    struct closing later; /* what was gathered goes out at the end of the turn */
    struct timer timer;   /* of marks */
    struct position marked;
    uint64_t marked_ms;
    bool full;      /* a stream was refused: it is told when all is written */
    bool parting;   /* the hub stops, and the front is to ask the next one */
    bool told;      /* then: the last mark is out */
    bool uncovered; /* a stream is, perhaps */
    bool resumes;   /* a stream that was resumed before it had a head has it now */
};

/* `mark` fires for its timer. Caller owns. */
struct multicast *multicast_new(struct link *, void (*mark)(struct timer *));
void multicast_free(struct multicast **); /* NULL is fine */
/* Updates for one stream. Returns how many were taken: none any more past the bound. */
size_t multicast_send(struct multicast *, uint16_t id, struct update *const *, size_t count);
/* A few bytes that are no event. False: not taken. */
bool multicast_send_text(struct multicast *, uint16_t id, struct slice text);
/* Before anything else is written to a stream of the connection. */
void multicast_flush(struct multicast *);
/* That, and then these records; frees them. */
void multicast_push(struct multicast *, struct buf *);
/* Where a stream stands that is about to begin: the front knows it before it shows that there is
 * one. */
void multicast_add_place(const struct multicast *, uint16_t id, struct position at, bool is_live,
                         struct buf *);
/* The rest of an event of which the front has so much. */
void multicast_finish(struct multicast *, uint16_t id, const struct update *, size_t offset);
bool multicast_has_room(const struct multicast *); /* for what a peer asks for */
/* For an update; where there is none, all are told when it is written. */
bool multicast_has_place(struct multicast *);
/* The 16 bytes of a position. */
void multicast_place(const struct multicast *, struct position, unsigned char *ret);

#endif
