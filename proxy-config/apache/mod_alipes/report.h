#ifndef MOD_ALIPES_REPORT_H
#define MOD_ALIPES_REPORT_H

/* A line in Apache's error log, from any thread. */

#include "base/compiler.h"

enum report {
    REPORT_ERROR,
    REPORT_NOTICE,
    REPORT_INFO,
};

void report(enum report, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
