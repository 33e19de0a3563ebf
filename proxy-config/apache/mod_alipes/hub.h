#ifndef MOD_ALIPES_HUB_H
#define MOD_ALIPES_HUB_H

/* A hub as the configuration names it. The struct may be a request's, for Apache merges what holds
 * there for each anew, so whoever keeps it copies it; the texts are the configuration's. */

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

struct hub {
    const char *name;           /* as it was written; NULL: none */
    const char *path;           /* under which it is asked for streams */
    struct sockaddr_storage to; /* zeroed behind `length` */
    socklen_t length;
    uint64_t reattach_ms; /* how long a stream outlives it */
};

#endif
