#ifndef REQUEST_ANSWERED_H
#define REQUEST_ANSWERED_H

#include "request/exchange.h"

/* With `debug`, for every status from 400 on, however often: the request and the answer in one
 * line. What could not be read of the request is empty. */
void answered_log(const struct exchange *, unsigned status, const char *cause,
                  struct slice sentence);

#endif
