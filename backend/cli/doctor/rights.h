#ifndef CLI_DOCTOR_RIGHTS_H
#define CLI_DOCTOR_RIGHTS_H

/* May another user connect to a socket? */

#include "base/error.h"

/* False: err says what is in the way, and *ret_add which line helps; err empty: there is no such
 * user. */
bool rights_may_connect(const char *user, const char *socket, struct error *err,
                        struct error *ret_add);

#endif
