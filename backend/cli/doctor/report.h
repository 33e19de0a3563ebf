#ifndef CLI_DOCTOR_REPORT_H
#define CLI_DOCTOR_REPORT_H

/* What the checks found, one line each, as it is found; as JSON, all of it at the end. */

#include "base/error.h"

#include <stdio.h>

enum verdict {
    VERDICT_OK,
    VERDICT_NOTE, /* it works, and is seldom what was meant */
    VERDICT_BAD,  /* it does not: the exit status */
    VERDICT_SKIPPED,
    VERDICTS
};

struct report;

/* Lines go to `out`; `as_json`: one object at the end instead. Caller owns; borrows `out`. */
struct report *report_new(FILE *out, bool as_json);
void report_free(struct report **);

/* From now on findings are this check's; on a terminal (stderr) its name stands there meanwhile.
 * `check` outlives the report. */
void report_begin(struct report *, const char *check);
/* What the check that runs waits for; on a terminal alone. */
void report_waits(struct report *, const char *fmt, ...) PRINTF_LIKE(2, 3);

void report_ok(struct report *, const char *fmt, ...) PRINTF_LIKE(2, 3);
void report_skip(struct report *, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* `add`: the line to add, or what to do; NULL: the sentence says it. */
void report_note(struct report *, const char *add, const char *fmt, ...) PRINTF_LIKE(3, 4);
void report_bad(struct report *, const char *add, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The last line, or the JSON. Returns how many were bad. */
size_t report_end(struct report *);

#endif
