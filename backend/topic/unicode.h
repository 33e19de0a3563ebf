#ifndef TOPIC_UNICODE_H
#define TOPIC_UNICODE_H

/* ICU, opened at the first text that is not ASCII. Any thread. */

#include "base/library.h"

#include <unicode/uchar.h>
#include <unicode/uidna.h>

#define UNICODE_CALLS(X)                                                                           \
    X(u_charType)                                                                                  \
    X(u_getUnicodeVersion)                                                                         \
    X(u_hasBinaryProperty)                                                                         \
    X(uidna_nameToASCII_UTF8)                                                                      \
    X(uidna_openUTS46)

struct unicode {
    UNICODE_CALLS(LIBRARY_POINTER)
};

/* NULL: it cannot be opened, which is logged once; what would have needed it is to be refused. */
const struct unicode *unicode(void);

#endif
