#ifndef RULES_LOAD_H
#define RULES_LOAD_H

/* From a configuration to rules. */

#include "auth/fetcher.h"
#include "base/log.h"
#include "request/rules.h"

/* `file` NULL: the environment. `running`: what holds now, and what of it cannot be changed stays,
 * named in *ret_fixed; NULL: at start. Caller owns the rules, and *ret_sources, which are to be
 * watched. NULL: everything that is wrong was said. */
struct rules *rules_load(const char *file, struct fetcher *, const struct config *running,
                         struct string_list *ret_fixed, struct key_source ***ret_sources,
                         void (*say)(enum log_level, const char *));
void rules_load_say_notes(const struct string_list *notes);

#endif
