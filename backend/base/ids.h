#ifndef BASE_IDS_H
#define BASE_IDS_H

/* UUIDs (RFC 9562) as "urn:uuid:…". A source belongs to one thread. */

#include <stddef.h>
#include <stdint.h>

enum {
    IDS_URN_LEN = 45
};

struct id_source {
    uint64_t last_ms; /* version 7: never goes back within a source */
    uint32_t counter;
    unsigned char pool[4096]; /* random bytes fetched ahead */
    size_t left;
};

void id_source_init(struct id_source *);
void id_uuid7(struct id_source *, char out[IDS_URN_LEN + 1]); /* monotonic per source */
void id_uuid4(struct id_source *, char out[IDS_URN_LEN + 1]);
uint64_t id_random(struct id_source *); /* for jitter and the like */

#endif
