#ifndef GATEWAY_FASTCGI_FASTCGI_REQUESTS_H
#define GATEWAY_FASTCGI_FASTCGI_REQUESTS_H

/* The requests of a connection, which owns them: at most one for each id (FastCGI 1.0, section
 * 3.3). The worker's thread. */

#include "gateway/fastcgi/fastcgi_request.h"

/* What is zeroed; the link is borrowed. */
void fastcgi_requests_init(struct fastcgi_requests *, struct link *);
void fastcgi_requests_release(struct fastcgi_requests *);
struct fastcgi_request *fastcgi_requests_find(struct fastcgi_requests *, uint16_t id); /* or NULL */
void fastcgi_requests_begin(struct fastcgi_requests *, uint16_t id,
                            bool keep); /* none has the id */
/* The earliest deadline, monotonic; UINT64_MAX: there is none. */
uint64_t fastcgi_requests_due_ms(const struct fastcgi_requests *);
void fastcgi_requests_refuse_late(struct fastcgi_requests *);
/* At the end of a turn: bodies that are whole, and what is answered and written. The last one that
 * ends may close the connection. */
void fastcgi_requests_resume(struct fastcgi_requests *);
void fastcgi_requests_writable(struct fastcgi_requests *);
void fastcgi_requests_drain(struct fastcgi_requests *); /* no body is waited for */
size_t
fastcgi_requests_held(const struct fastcgi_requests *); /* bytes, of those that do not stream */

#endif
