/* error - a sentence for a person. */

#include "base/error.h"

#include "base/slice.h"

#include <stdarg.h>
#include <stdio.h>

bool
error_set(struct error *err, const char *fmt, ...)
{
    if (err == NULL)
        return false;
    va_list args;
    va_start(args, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, args);
    va_end(args);
    err->text[slice_head_utf8(slice_of(err->text), sizeof err->text).len] = 0;
    return false;
}
