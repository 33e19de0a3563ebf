#ifndef GATEWAY_REFUSAL_H
#define GATEWAY_REFUSAL_H

/* A wire's own refusal: before there is a handler, or instead of it. */

#include "request/exchange.h"

struct refusal {
    struct reply reply;
    char text[80];
};

/* Fills it and logs it (request/answered.h). `sentence` empty: what the status is called. Returns
 * the reply, which lives as long as both. */
const struct reply *refusal_make(struct refusal *, const struct exchange *, unsigned status,
                                 struct slice sentence);

#endif
