#ifndef GATEWAY_FASTCGI_MULTICAST_RECORD_H
#define GATEWAY_FASTCGI_MULTICAST_RECORD_H

/* The records that a front speaks which asked for FCGI_MULTICAST (PROTOCOL.md, "The multicast
 * wire"). Pure: bytes in, values out. */

#include "base/buf.h"

#define MULTICAST_VALUE "FCGI_MULTICAST" /* of GET_VALUES */

enum {
    MULTICAST_EVENT = 32, /* hub: bytes for many streams */
    MULTICAST_PAUSE = 33, /* front: nothing for this stream now */
    MULTICAST_PAUSED = 34,
    MULTICAST_RESUME = 35, /* front: on from here */
    MULTICAST_MARK = 36,   /* hub: all up to here was sent */

    MULTICAST_MORE = 1,     /* flag: of this event more follows, for the same streams */
    MULTICAST_NO_EVENT = 2, /* flag: what has no place */

    MULTICAST_PLACE = 16,
};

#define MULTICAST_ALL UINT32_MAX /* RESUME: the whole event was taken */

struct multicast_resume {
    unsigned char place[MULTICAST_PLACE];
    uint32_t offset;
};

/* As many records as it takes; without any bytes one, too. `ids` are as they stand on the wire. */
void multicast_record_add(struct buf *, const unsigned char place[MULTICAST_PLACE], unsigned flags,
                          const uint16_t *ids, size_t count, struct slice bytes);
/* `id` 0: of all streams of the connection. */
void multicast_record_add_mark(struct buf *, uint16_t id,
                               const unsigned char place[MULTICAST_PLACE]);
/* False: that is none; *ret is untouched. */
MUST_CHECK bool multicast_record_read_resume(struct slice content, struct multicast_resume *ret);

#endif
