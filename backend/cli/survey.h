#ifndef CLI_SURVEY_H
#define CLI_SURVEY_H

/* Every file of a history, walked and judged: for `alipes history check` and `dump`. Beside a hub
 * that runs, what is committed when it begins. One file is in memory at a time. */

#include "transport/log/store.h"

#define SURVEY_VERDICTS(X)                                                                         \
    X(OK)         /* all that was committed is there */                                            \
    X(TORN)       /* the same; behind it lies what a crash left of a commit never confirmed */     \
    X(DAMAGED)    /* bytes that were on the disk do not check */                                   \
    X(CUT)        /* shorter than its successor says */                                            \
    X(HEADERLESS) /* its header does not check: nothing of it can be read */                       \
    X(UNNAMED)    /* it holds updates, but its successor names another file */                     \
    X(UNREADABLE) /* an error of the disk, or of permission */                                     \
    X(REMOVED)    /* by retention, meanwhile */

enum survey_verdict {
#define X(name) SURVEY_##name,
    SURVEY_VERDICTS(X)
#undef X
};

struct survey_file {
    struct segment *segment; /* of survey.store */
    enum survey_verdict verdict;
    uint64_t accepted;    /* its committed length; 0: only its records tell */
    uint64_t length;      /* to the end of its last good record */
    uint32_t count, good; /* positions, and records that check */
    struct block valid;   /* the first record behind the youngest damage */
    bool follows_a_gap;   /* the file before it is missing */
    bool has_index, index_is_bad;
    bool is_last;
    int error; /* UNREADABLE */
};

struct survey {
    struct store *store;       /* owns; opened for reading alone */
    struct survey_file *files; /* owns; oldest first */
    size_t count;
    bool is_live; /* a hub has the folder */
    /* Replay begins at files[first_file], at its `valid` where it is damaged; count: nowhere. */
    size_t first_file;
};

/* NULL: err says why the folder cannot be looked at. Caller owns. */
MUST_CHECK struct survey *survey_open(const char *path, struct error *err);
void survey_free(struct survey **);

/* Walks through the records of a file: those that check. False: it cannot be read any more. */
MUST_CHECK bool survey_walk(struct survey *, const struct survey_file *,
                            void (*each)(void *, const struct log_record *, struct block),
                            void *context);

#endif
