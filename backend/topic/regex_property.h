#ifndef TOPIC_REGEX_PROPERTY_H
#define TOPIC_REGEX_PROPERTY_H

/* Unicode properties as \p{…} names them, cut down to what can decide about ASCII. */

#include "topic/regex_set.h"

/* \p{NAME} or \p{NAME=VALUE}. False: ECMAScript knows no such property. *ret_of_strings: it may
 * also match several characters at once; none of those strings is ASCII. */
bool regex_property_find(struct slice name, struct slice value, bool has_value,
                         struct regex_chars *ret_chars, bool *ret_of_strings);

#endif
