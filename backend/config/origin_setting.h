#ifndef CONFIG_ORIGIN_SETTING_H
#define CONFIG_ORIGIN_SETTING_H

/* An origin as people write it, and as browsers send it. */

#include "base/buf.h"
#include "base/error.h"

/* `*`, `null`, scheme://host[:port], or that with one `*` inside. Adds to `out` what is compared
 * with what browsers send (lower case). False: it could never match; err says how it is written. */
MUST_CHECK bool origin_setting_read(struct slice text, struct buf *out, struct error *err);

#endif
