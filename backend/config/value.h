#ifndef CONFIG_VALUE_H
#define CONFIG_VALUE_H

/* Words into values. */

#include "config/option.h"
#include "config/reading.h"

/* Of a VALUE. False: err says what was expected, by the directive's name. */
MUST_CHECK bool value_set(struct config_reading *, const struct option *, const struct slice *args,
                          size_t count, struct error *);
MUST_CHECK bool value_duration(struct slice text, uint64_t *ret_ms);

#endif
