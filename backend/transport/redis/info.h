#ifndef TRANSPORT_REDIS_INFO_H
#define TRANSPORT_REDIS_INFO_H

/* What a server says of itself (INFO). Pure. */

#include "base/error.h"
#include "base/slice.h"

/* The value of the line NAME:VALUE, borrowed. Empty: there is none. */
struct slice info_value(struct slice text, struct slice name);
/* True: this is a master of a version that will do. False: err says what it is. */
MUST_CHECK bool info_is_master(struct slice text, struct error *err);
MUST_CHECK bool info_is_recent(struct slice text, struct error *err);
/* True: with its policy it may forget what is kept; err says so. */
bool info_evicts(struct slice text, struct error *err);

#endif
