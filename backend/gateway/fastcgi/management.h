#ifndef GATEWAY_FASTCGI_MANAGEMENT_H
#define GATEWAY_FASTCGI_MANAGEMENT_H

/* Management records (FastCGI 1.0, section 4). Pure: a question in, a record out. */

#include "base/buf.h"

/* Does a GET_VALUES ask for FCGI_MULTICAST? It is answered 1: from then on it is spoken. */
bool management_asks_multicast(struct slice content);
/* Answers a record of that type for no request. `max_conns` and `max_reqs` are what it may hear of
 * them; `multiplexes`: may a connection carry several requests at a time? */
void management_answer(struct buf *out, uint8_t type, struct slice content, size_t max_conns,
                       size_t max_reqs, bool multiplexes);

#endif
