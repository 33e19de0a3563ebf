#ifndef CLI_DOCTOR_OWN_TOKEN_H
#define CLI_DOCTOR_OWN_TOKEN_H

/* A token for one topic and a few minutes, signed with the configuration's own secret. */

#include "base/buf.h"
#include "config/config.h"

/* It is added to `out`. `hub_url`: its audience, in 1.0. False: err says why there can be none. */
MUST_CHECK bool own_token_make(const struct config *, enum role, const char *topic,
                               const char *hub_url, struct buf *out, struct error *);

#endif
