#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

/* Words into values. */

#include "config/option.h"
#include "config/reading.h"

/* Of a VALUE. False: err says what was expected, by the directive's name. */
MUST_CHECK bool value_set(struct config_reading *, const struct option *, const struct slice *args,
                          size_t count, struct error *);
/* What stands inside a block: names, each with its value, on one line or on several. */
MUST_CHECK bool value_set_block(struct config_reading *, const char *block,
                                const struct slice *words, size_t count, struct error *);
MUST_CHECK bool value_duration(struct slice text, uint64_t *ret_ms);

#endif
