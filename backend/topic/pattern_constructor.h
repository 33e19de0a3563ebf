#ifndef TOPIC_PATTERN_CONSTRUCTOR_H
#define TOPIC_PATTERN_CONSTRUCTOR_H

/* Constructor strings to one pattern string a component (URL Pattern, section 1.6). */

#include "topic/pattern_init.h"

/* *ret gets slices of `input` and static ones, no base URL. False: the standard throws a
 * TypeError (its protocol is no pattern), or the arena is full. */
MUST_CHECK bool pattern_constructor_parse(struct arena *, struct slice input,
                                          struct pattern_init *ret, struct error *err);

#endif
