#ifndef MOD_ALIPES_PARAMS_H
#define MOD_ALIPES_PARAMS_H

/* A request as the hub's gateway reads it (CGI's variables). */

#include "base/buf.h"

#include "httpd.h"

/* Pairs into `params`, and that of Last-Event-ID, which changes, into `cursor`. */
void params_write(request_rec *, struct buf *params, struct buf *cursor);

#endif
