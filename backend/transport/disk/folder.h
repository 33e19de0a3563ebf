#ifndef TRANSPORT_DISK_FOLDER_H
#define TRANSPORT_DISK_FOLDER_H

/* The folder of a history, as it is found at the start. */

#include "base/error.h"
#include "transport/position.h"

struct folder {
    char *path; /* owns */
    int fd;
    int lock_file; /* -1: nobody is kept from it */
    bool only_reads;
};

/* Of the file that the next segment will be, and of that while it is made. */
extern const char folder_prepared[], folder_prepared_tmp[];

void folder_init(struct folder *);
void folder_fini(struct folder *);
/* Made where it is missing, ours, and locked; only_reads: opened. */
MUST_CHECK bool folder_open(struct folder *, const char *path, bool only_reads,
                            bool unsafe_filesystem, struct error *);

/* The path of the folder in it for the store beside it. Caller frees. */
char *folder_beside(const struct folder *);

/* The kind of file system that a path is on, where its locks and syncs may not hold; else NULL. */
const char *folder_unsafe_filesystem(const char *path);

/* Does a hub have it? */
bool folder_is_in_use(const struct folder *);

/* A segment's file, and what its index takes. */
struct folder_file {
    struct position first;
    uint64_t size, index_size;
};

struct folder_files {
    struct folder_file *items; /* owns; sorted by position */
    size_t count, cap;
};

/* These go, with their indexes. */
void folder_forget(const struct folder *, const struct folder_files *);
/* What was left behind half made goes. */
MUST_CHECK bool folder_list(struct folder *, struct folder_files *, struct error *);

#endif
