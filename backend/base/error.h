#ifndef BASE_ERROR_H
#define BASE_ERROR_H

/* A sentence for a person, filled by the leaf that knows, printed by whoever logs. */

#include "base/compiler.h"

#include <stdbool.h>

struct error {
    char text[512];
};

/* Always returns false, so that `return error_set(err, …)` reads well. `err` may be NULL. */
bool error_set(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
