/* folder - the folder itself at the start: made, judged, locked, its files listed.
 *
 * What one gets wrong: it may be somebody else's. One that holds other files and no history is not
 * begun in, and what is removed is called exactly as this program calls what it leaves behind when
 * it is killed. */

#include "transport/disk/folder.h"

#include "base/alloc.h"
#include "transport/disk/lock.h"
#include "transport/disk/segment_name.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char beside_name[] = "subscriptions";
const char folder_prepared[] = "prepared", folder_prepared_tmp[] = "prepared.tmp";

static const struct {
    unsigned long magic;
    const char *name;
} unsafe[] = {
    {0x6969, "NFS"},     {0xff534d42, "CIFS"}, {0xfe534d42, "SMB"},   {0x517b, "SMB"},
    {0x01021997, "9p"},  {0x65735546, "FUSE"}, {0x00c36400, "Ceph"},  {0x5346414f, "AFS"},
    {0x6b414653, "AFS"}, {0x73757245, "Coda"}, {0x7461636f, "OCFS2"}, {0x786f4256, "VirtualBox"},
};

static const char *
name_unsafe(const struct statfs *fs)
{
    for (size_t i = 0; i < COUNT_OF(unsafe); i++)
        if ((unsigned long)fs->f_type == unsafe[i].magic)
            return unsafe[i].name;
    return NULL;
}

const char *
folder_unsafe_filesystem(const char *path)
{
    struct statfs fs;
    return statfs(path, &fs) == 0 ? name_unsafe(&fs) : NULL;
}

static bool
judge_filesystem(const struct folder *d, struct error *err)
{
    struct statfs fs;
    if (fstatfs(d->fd, &fs) != 0)
        return error_set(err, "%s: %s", d->path, strerror(errno));
    const char *name = name_unsafe(&fs);
    return name == NULL ||
           error_set(err,
                     "%s is on %s, whose locks and syncs may not hold: take a local folder, or "
                     "allow it with unsafe_filesystem in transport log",
                     d->path, name);
}

/* What cannot be made may be there: a folder above that we may not write, or not even see into. */
static bool
make_folders(const char *path, struct error *err)
{
    struct stat there;
    char *part = xstrndup(path, strlen(path));
    bool ok = true;
    for (char *at = part + 1; ok; at++) {
        if (*at != '/' && *at != 0)
            continue;
        char was = *at;
        *at = 0;
        ok = mkdir(part, 0750) == 0 || errno == EEXIST;
        int why = errno;
        if (!ok && stat(part, &there) == 0)
            ok = true;
        if (!ok)
            error_set(err, "%s: cannot be made: %s (as user %u)", part, strerror(why),
                      (unsigned)geteuid());
        *at = was;
        if (was == 0)
            break;
    }
    free(part);
    return ok;
}

/* --- names --------------------------------------------------------------------------------------
 */

/* What a hub that is killed may leave behind, and only that. */
static bool
is_leftover(const char *name)
{
    struct position p;
    return segment_name_read(name, ".new", &p) || segment_name_read(name, ".idx.tmp", &p) ||
           strcmp(name, folder_prepared_tmp) == 0;
}

static bool
is_ours(const char *name)
{
    struct position p;
    return is_leftover(name) || segment_name_read(name, ".log", &p) ||
           segment_name_read(name, ".idx", &p) || strcmp(name, folder_prepared) == 0 ||
           strcmp(name, lock_name) == 0 || strcmp(name, beside_name) == 0;
}

/* A hidden file or the root of a file system says nothing about whose a folder is. */
static bool
is_neutral(const char *name)
{
    return name[0] == '.' || strcmp(name, "lost+found") == 0;
}

/* Calls `each` for every name until it says false. */
static bool
each_name(struct folder *d, bool (*each)(struct folder *, const char *, void *), void *context,
          struct error *err)
{
    int fd = openat(d->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    if (dir == NULL) {
        error_set(err, "%s: %s", d->path, strerror(errno));
        if (fd >= 0)
            close(fd);
        return false;
    }
    bool ok = true;
    while (ok) {
        errno = 0;
        if ((e = readdir(dir)) == NULL)
            break;
        ok = each(d, e->d_name, context) ||
             error_set(err, "%s/%s: %s", d->path, e->d_name, strerror(errno));
    }
    if (ok && errno)
        ok = error_set(err, "%s: cannot be listed: %s", d->path, strerror(errno));
    closedir(dir);
    return ok;
}

struct tenants {
    char stranger[100]; /* a name that is not ours */
    bool has_history;
};

static bool
note_tenant(struct folder *d, const char *name, void *context)
{
    struct tenants *t = context;
    struct position p;
    (void)d;
    t->has_history |= segment_name_read(name, ".log", &p);
    if (!is_ours(name) && !is_neutral(name))
        snprintf(t->stranger, sizeof t->stranger, "%.90s", name);
    return true;
}

static bool
judge_tenants(struct folder *d, struct error *err)
{
    struct tenants t = {.has_history = false};
    if (!each_name(d, note_tenant, &t, err))
        return false;
    if (t.has_history || t.stranger[0] == 0)
        return true;
    return error_set(err,
                     "%s holds other files (%s) and no history: name a folder of its own, which "
                     "is made where it is missing",
                     d->path, t.stranger);
}

void
folder_init(struct folder *d)
{
    *d = (struct folder){.fd = -1, .lock_file = -1};
}

void
folder_fini(struct folder *d)
{
    if (d->lock_file >= 0)
        close(d->lock_file);
    if (d->fd >= 0)
        close(d->fd);
    free(d->path);
}

bool
folder_open(struct folder *d, const char *path, bool only_reads, bool unsafe_filesystem,
            struct error *err)
{
    d->path = xstrndup(path, strlen(path));
    d->only_reads = only_reads;
    if (path[0] == 0)
        return error_set(err, "transport log: the path is empty");
    if (!only_reads && !make_folders(path, err))
        return false;
    d->fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (d->fd < 0)
        return error_set(err, "%s: %s", path, strerror(errno));
    if (only_reads)
        return true;
    if (faccessat(d->fd, ".", W_OK | X_OK, AT_EACCESS) != 0)
        return error_set(err, "%s: cannot be written: %s (as user %u)", path, strerror(errno),
                         (unsigned)geteuid());
    return (unsafe_filesystem || judge_filesystem(d, err)) && judge_tenants(d, err) &&
           lock_take(d->fd, path, &d->lock_file, err);
}

char *
folder_beside(const struct folder *d)
{
    size_t size = strlen(d->path) + 1 + sizeof beside_name;
    char *path = xalloc(size);
    snprintf(path, size, "%s/%s", d->path, beside_name);
    return path;
}

bool
folder_is_in_use(const struct folder *d)
{
    struct lock_note note;
    return lock_is_held(d->fd, &note);
}

/* --- files --------------------------------------------------------------------------------------
 */

static int
by_position(const void *a, const void *b)
{
    return position_cmp(((const struct folder_file *)a)->first,
                        ((const struct folder_file *)b)->first);
}

/* False: errno tells. One that is not there has no size. */
static bool
size_of(const struct folder *d, const char *name, uint64_t *ret)
{
    struct stat s = {.st_size = 0};
    bool ok = fstatat(d->fd, name, &s, AT_SYMLINK_NOFOLLOW) == 0 || errno == ENOENT;
    *ret = (uint64_t)s.st_size;
    return ok;
}

static bool
take_name(struct folder *d, const char *name, void *context)
{
    char other[SEGMENT_NAME];
    struct folder_files *files = context;
    struct folder_file f = {.size = 0};
    bool writes = !d->only_reads;
    if (writes && is_leftover(name))
        unlinkat(d->fd, name, 0);
    if (writes && segment_name_read(name, ".idx", &f.first)) {
        segment_name(other, f.first, ".log");
        if (faccessat(d->fd, other, F_OK, 0) != 0 && errno == ENOENT)
            unlinkat(d->fd, name, 0);
    }
    if (!segment_name_read(name, ".log", &f.first))
        return true;
    segment_name(other, f.first, ".idx");
    if (!size_of(d, name, &f.size) || !size_of(d, other, &f.index_size))
        return false;
    if (files->count == files->cap) {
        files->cap = files->cap ? files->cap * 2 : 64;
        files->items = xrealloc(files->items, files->cap * sizeof *files->items);
    }
    files->items[files->count++] = f;
    return true;
}

void
folder_forget(const struct folder *d, const struct folder_files *files)
{
    static const char *const suffixes[] = {".log", ".idx"};
    char name[SEGMENT_NAME];
    for (size_t i = 0; i < files->count; i++)
        for (size_t j = 0; j < COUNT_OF(suffixes); j++) {
            segment_name(name, files->items[i].first, suffixes[j]);
            unlinkat(d->fd, name, 0);
        }
}

bool
folder_list(struct folder *d, struct folder_files *files, struct error *err)
{
    if (!each_name(d, take_name, files, err))
        return false;
    if (files->count)
        qsort(files->items, files->count, sizeof *files->items, by_position);
    return true;
}
