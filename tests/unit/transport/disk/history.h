#ifndef UNIT_HISTORY_H
#define UNIT_HISTORY_H

/* A history in a folder of its own, and short words for what is done with it. Each test runs in a
 * process of its own, so one folder is all there is. */

#include "transport/disk/chores.h"
#include "transport/disk/find.h"
#include "transport/disk/segment_name.h"
#include "transport/disk/store.h"
#include "unit/transport/disk/updates.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    HISTORY_NAMES = 4096
};

static char history_path[64];

static inline struct store_settings
history_settings(void)
{
    if (history_path[0] == 0) {
        snprintf(history_path, sizeof history_path, "%s/alipes-unit-XXXXXX",
                 access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        ck_assert_ptr_nonnull(mkdtemp(history_path));
    }
    return (struct store_settings){.path = history_path,
                                   .max_events = 1000000,
                                   .max_bytes = 1 << 20,
                                   .max_age_ms = 86400000,
                                   .cache_bytes = 1 << 20};
}

/* Names that end so, sorted; the array is the caller's to free with history_free_names(). */
static inline size_t
history_names(const char *suffix, char ***ret)
{
    struct dirent **entries;
    int count = scandir(history_path, &entries, NULL, alphasort);
    char **names = xalloc(HISTORY_NAMES * sizeof *names);
    size_t n = 0;
    for (int i = 0; i < count; i++) {
        if (slice_ends(slice_of(entries[i]->d_name), slice_of(suffix)) && n < HISTORY_NAMES)
            names[n++] = xstrndup(entries[i]->d_name, strlen(entries[i]->d_name));
        free(entries[i]);
    }
    free(entries);
    *ret = names;
    return n;
}

static inline void
history_free_names(char **names, size_t n)
{
    while (n-- > 0)
        free(names[n]);
    free(names);
}

static inline void
history_file(char out[128], const char *name)
{
    snprintf(out, 128, "%s/%.60s", history_path, name);
}

static inline int
history_remove_one(const char *path, const struct stat *of, int type, struct FTW *at)
{
    (void)of;
    (void)type;
    (void)at;
    return remove(path);
}

static inline void
history_remove(void)
{
    nftw(history_path, history_remove_one, 8, FTW_DEPTH | FTW_PHYS);
    history_path[0] = 0;
}

/* What all files take together. */
static inline uint64_t
history_bytes(void)
{
    char path[128], **names;
    struct stat st;
    uint64_t sum = 0;
    size_t n = history_names("", &names);
    for (size_t i = 0; i < n; i++) {
        history_file(path, names[i]);
        if (strcmp(names[i], ".") != 0 && strcmp(names[i], "..") != 0 && stat(path, &st) == 0)
            sum += (uint64_t)st.st_size;
    }
    history_free_names(names, n);
    return sum;
}

/* The which-th file from the oldest that ends so; negative: from the youngest (-1). */
static inline void
history_nth(char out[128], const char *suffix, int which)
{
    char **names;
    int n = (int)history_names(suffix, &names);
    ck_assert_int_lt(which < 0 ? -which - 1 : which, n);
    history_file(out, names[which < 0 ? n + which : which]);
    history_free_names(names, (size_t)n);
}

static inline void
history_flip(const char *path, off_t offset)
{
    char c;
    int fd = open(path, O_RDWR);
    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(pread(fd, &c, 1, offset), 1);
    c = (char)~c;
    ck_assert_int_eq(pwrite(fd, &c, 1, offset), 1);
    close(fd);
}

/* A file that is there, and cannot be read (EISDIR): a folder stands in its place. */
static inline void
history_take_away(const char *path)
{
    char away[160];
    snprintf(away, sizeof away, "%s.away", path);
    ck_assert_int_eq(rename(path, away), 0);
    ck_assert_int_eq(mkdir(path, 0700), 0);
}

static inline void
history_give_back(const char *path)
{
    char away[160];
    snprintf(away, sizeof away, "%s.away", path);
    ck_assert_int_eq(rmdir(path), 0);
    ck_assert_int_eq(rename(away, path), 0);
}

static inline struct store *
history_open(const struct store_settings *s)
{
    struct error err = {""};
    struct store *st = store_open(s, &err);
    ck_assert_msg(st != NULL, "%s", err.text);
    return st;
}

/* Commits these, from this sequence on, as many at once as the store takes. False: one commit
 * failed. */
static inline bool
history_commit_at(struct store *st, struct update **updates, uint32_t count, uint64_t sequence)
{
    struct error err;
    bool ok = true;
    for (uint32_t at = 0, fits; at < count && ok; at += fits, sequence += fits) {
        ok = writer_begin(&st->writer, updates + at, count - at, &sequence, &fits, &err) ==
             WRITER_READY;
        if (!ok)
            break;
        writer_number(&st->writer, updates + at, fits, sequence);
        ok = writer_commit(&st->writer, updates + at, fits, NULL, &err);
    }
    return ok;
}

static inline bool
history_commit_all(struct store *st, struct update **updates, uint32_t count)
{
    return history_commit_at(st, updates, count, 0);
}

static inline bool
history_try_commit(struct store *st, const char *id, size_t size, bool is_chosen,
                   struct position *ret)
{
    struct update *u = make_update(id, 1, size);
    u->id_is_chosen = is_chosen;
    bool ok = history_commit_all(st, &u, 1);
    if (ret)
        *ret = u->position;
    update_unref(&u);
    return ok;
}

static inline struct position
history_commit(struct store *st, const char *id, size_t size)
{
    struct position p;
    ck_assert(history_try_commit(st, id, size, true, &p));
    return p;
}

/* "id-<number>" from first to last - 1, one commit each. */
static inline void
history_commit_many(struct store *st, unsigned first, unsigned last, size_t size)
{
    char id[24];
    for (; first < last; first++) {
        snprintf(id, sizeof id, "id-%u", first);
        history_commit(st, id, size);
    }
}

/* All that the keeper has to do now. */
static inline void
history_keep(struct store *st)
{
    for (int i = 0; i < 10000 && chores_do(&st->segments) == 0; i++)
        ;
}

static inline struct position
history_find(struct store *st, const char *id, bool *ret_found)
{
    struct position p;
    ck_assert(find_id(&st->segments, slice_of(id), ret_found, &p));
    return p;
}

struct held {
    unsigned count;
    struct position removed, last;
    char first_id[64], last_id[64];
    bool gone; /* reading ended so */
};

/* Reads from the oldest on (or behind `after`): positions grow, pieces join without a gap, each id
 * is found at its place. */
static inline struct held
history_read(struct store *st, const struct position *after)
{
    struct held h = {0};
    struct batch *piece;
    struct position at = after ? *after : (struct position){0}, found_at;
    bool first = after == NULL, found;
    for (;; first = false) {
        reader_read(&st->reader, first, &at, &h.gone, &piece);
        if (first)
            h.removed = at;
        if (h.gone || piece == NULL)
            return h;
        ck_assert_int_le(position_cmp(piece->after, at), 0);
        ck_assert_int_gt(position_cmp(piece->upto, at), 0);
        for (uint32_t i = batch_index_after(piece, at); i < piece->count; i++) {
            struct update *u = piece->updates[i];
            ck_assert_int_gt(position_cmp(u->position, at), 0);
            ck_assert(find_id(&st->segments, u->id, &found, &found_at));
            ck_assert(!found || position_cmp(found_at, u->position) <= 0);
            h.last = at = u->position;
            if (h.count++ == 0)
                snprintf(h.first_id, sizeof h.first_id, SLICE_FMT, SLICE_ARG(u->id));
            snprintf(h.last_id, sizeof h.last_id, SLICE_FMT, SLICE_ARG(u->id));
        }
        ck_assert_int_le(position_cmp(at, piece->upto), 0); /* behind it: what is hidden */
        at = piece->upto;
        batch_unref(&piece);
    }
}

#endif
