#ifndef CLI_SURVEY_H
#define CLI_SURVEY_H

/* Every file of a history, walked and judged: for `alipes history check` and `dump`. Beside a hub
 * that runs, what is committed when it begins. One file is in memory at a time. */

#include "transport/disk/segment_scan.h"
#include "transport/disk/store.h"

enum survey_verdict {
    SURVEY_OK,         /* all that was committed is there */
    SURVEY_TORN,       /* the same; behind it lies what a crash left of a commit never confirmed */
    SURVEY_DAMAGED,    /* bytes that were on the disk do not check */
    SURVEY_CUT,        /* shorter than its successor says */
    SURVEY_HEADERLESS, /* its header does not check: nothing of it can be read */
    SURVEY_UNNAMED,    /* it holds updates, but its successor names another file */
    SURVEY_UNREADABLE, /* an error of the disk, or of permission */
    SURVEY_REMOVED,    /* by retention, meanwhile */
};

bool survey_is_damage(enum survey_verdict); /* replay cannot go across it */

struct survey_file {
    struct segment *segment; /* of survey.store */
    enum survey_verdict verdict;
    uint64_t accepted;   /* its committed length; 0: only its records tell */
    uint64_t length;     /* to the end of its last good record */
    uint32_t span, good; /* sequences, and records that check */
    struct block valid;  /* the first record behind the youngest damage */
    bool follows_a_gap;  /* the file before it is missing */
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
/* That of the store beside it. True with NULL: there is none. */
MUST_CHECK bool survey_open_beside(const struct survey *, struct survey **ret, struct error *err);
void survey_free(struct survey **);

/* The records of a file that check, hidden ones too. */
struct survey_records {
    char *bytes; /* owns: the file */
    size_t len;
    uint32_t *at; /* owns: where each begins */
    size_t count, cap;
};

/* False: it cannot be read any more. Caller frees what is there in either case. */
MUST_CHECK bool survey_read(const struct survey *, const struct survey_file *,
                            struct survey_records *ret);
void survey_records_free(struct survey_records *);

#endif
