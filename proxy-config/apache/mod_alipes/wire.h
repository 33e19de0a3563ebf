#ifndef MOD_ALIPES_WIRE_H
#define MOD_ALIPES_WIRE_H

/* What the hub says and is told on a connection that many streams share: FastCGI 1.0 and its five
 * further types (PROTOCOL.md, "The multicast wire"). Pure: bytes in, values out. */

#include "base/buf.h"

enum {
    WIRE_MULTICAST = 32,
    WIRE_PAUSE = 33,
    WIRE_PAUSED = 34,
    WIRE_RESUME = 35,
    WIRE_MARK = 36,
    WIRE_PLACE = 16,
    WIRE_CURSOR = sizeof "urn:uuid:00000000-0000-0000-0000-000000000000",
};

/* As an offset: all of the event is taken. */
#define WIRE_ALL UINT32_MAX

/* Where a stream stands in the history; opaque, never compared but for being the same. */
struct place {
    unsigned char bytes[WIRE_PLACE];
};

struct multicast {
    struct place place;
    bool more;         /* of this event follows, for the same streams */
    bool is_text;      /* no event: `place` says nothing */
    unsigned count;    /* of ids */
    struct slice ids;  /* big-endian, two bytes each */
    struct slice text; /* what the streams get; may be empty */
};

struct values {
    bool multiplexes, multicast;
    unsigned max_requests; /* 0: not told */
};

/* Content of a record; false: it is none. *ret borrows. */
MUST_CHECK bool wire_multicast(struct slice content, struct multicast *ret);
MUST_CHECK bool wire_place(struct slice content, struct place *ret); /* of a MARK */
MUST_CHECK bool wire_values(struct slice content, struct values *ret);
uint16_t wire_id(const struct multicast *, unsigned at);

/* The id by which the hub finds a place (`Last-Event-ID`), with its NUL. */
void wire_cursor(const struct place *, char ret[WIRE_CURSOR]);

void wire_add_values(struct buf *); /* asks for them */
/* A request, whole. `params` are pairs, and so is `cursor`, which goes with them. */
void wire_add_request(struct buf *, uint16_t id, struct slice params, struct slice cursor,
                      struct slice body);
void wire_add_resume(struct buf *, uint16_t id, const struct place *, uint32_t offset);
void wire_add_pair(struct buf *, struct slice name, struct slice value); /* of any length */

#endif
