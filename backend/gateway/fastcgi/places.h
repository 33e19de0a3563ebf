#ifndef GATEWAY_FASTCGI_PLACES_H
#define GATEWAY_FASTCGI_PLACES_H

/* Where the streams of a connection stand that speaks multicast: what its front says of it, and
 * what it hears. */

#include "gateway/fastcgi/fastcgi_request.h"

/* PAUSE; also before it streams. */
void places_pause(struct fastcgi_request *);
/* RESUME. False: its content is none. */
MUST_CHECK bool places_resume(struct fastcgi_request *, struct slice content);
/* Those that were resumed before they streamed, and do now. */
void places_resume_late(struct fastcgi_requests *);
/* Marks, as far as there is something new to say. Returns when to ask again, in ms. */
uint64_t places_mark(struct fastcgi_requests *);
/* The hub stops. True: all is said and written, and nothing else is under way: close. */
MUST_CHECK bool places_part(struct fastcgi_requests *);

#endif
