#ifndef TRANSPORT_REDIS_RESOLVE_H
#define TRANSPORT_REDIS_RESOLVE_H

/* The addresses of a name, while somebody else waits for the name server. */

#include <netdb.h>

struct resolve;

/* Copies both. Caller owns; NULL: there is no thread or descriptor for it. */
struct resolve *resolve_begin(const char *host, const char *port);
int resolve_fd(const struct resolve *); /* can be read once it is done */
/* Once it is done. NULL: *ret_why says why. The caller owns them (freeaddrinfo). */
struct addrinfo *resolve_take(struct resolve *, const char **ret_why);
/* At any time. */
void resolve_end(struct resolve **);

#endif
