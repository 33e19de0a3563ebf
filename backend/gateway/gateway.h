#ifndef GATEWAY_GATEWAY_H
#define GATEWAY_GATEWAY_H

/* One socket, every wire: what a connection's first byte says decides (DESIGN.md, section 4). */

#include "gateway/link.h"

/* Takes fd. The worker's thread. */
void gateway_accept(struct worker *, int fd, const struct listener_peer *,
                    const struct link_settings *, struct link_registry *);

#endif
