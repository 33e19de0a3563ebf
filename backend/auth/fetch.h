#ifndef AUTH_FETCH_H
#define AUTH_FETCH_H

/* One JWK set, read from where its URL says. */

#include "auth/key_set.h"

#include <stdatomic.h>

/* Before anything is read from this URL; opens libcurl where that is needed. False: err says why.
 */
MUST_CHECK bool fetch_prepare(const char *url, struct error *);
/* The file of a file:// URL; NULL: it is none. Points into the URL. */
const char *fetch_path(const char *url);
/* The URL as it may stand in logs: without user, password, query and fragment, cut to `size` - 1
 * bytes. Points into `into`. */
struct slice fetch_shown(const char *url, char *into, size_t size);

/* Waits: for a server up to 5 s, for a file as long as its file system does. `ca_file` NULL: the
 * system's authorities. `stop`: becomes true when nobody wants it any more; a transfer then ends
 * within a second. NULL: err says why. Caller owns a reference. */
struct key_set *fetch_set(const char *url, const char *ca_file, const atomic_bool *stop,
                          struct error *);

#endif
