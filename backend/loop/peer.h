#ifndef LOOP_PEER_H
#define LOOP_PEER_H

/* Who connected. */

#include <stdbool.h>

struct peer {
    unsigned char ip[16]; /* as base/cidr.h has them; zeros: a Unix socket */
    bool is_unix;
};

#endif
