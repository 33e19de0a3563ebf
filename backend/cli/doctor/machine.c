/* machine - what lies between the hub and the kernel.
 *
 * Rights are worked out for other users than the one who asks, from modes, owners and groups alone:
 * access lists and security modules are not read, so a front that may connect by them is told of
 * in vain. */

#include "cli/doctor/machine.h"

#include "base/address.h"
#include "base/alloc.h"
#include "base/text_file.h"
#include "cli/ask.h"
#include "cli/doctor/front_text.h"
#include "cli/doctor/rights.h"
#include "transport/disk/folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
    TMPFS = 0x01021994,
    OVERLAY = 0x794c7630,
    LEAST_FREE = 64 * 1024 * 1024,
    CONNECT_MS = 2000,
    UNIT_MAX = 64 * 1024,
};

#define MIB (1024.0 * 1024.0)

/* --- the hub ---------------------------------------------------------------------------------- */

/* Who listens on its first Unix socket; systemd (1) where that has made it. */
static pid_t
find_listener(const struct patient *p)
{
    struct ucred who = {.pid = 0};
    socklen_t len = sizeof who;
    struct address at;
    struct error unused;
    for (size_t i = 0; i < p->config->listen.count; i++) {
        if (!address_read(p->config->listen.items[i], &at, &unused) || at.kind != ADDRESS_UNIX)
            continue;
        int fd = address_connect(&at, CONNECT_MS);
        if (fd >= 0 && getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &len) != 0)
            who.pid = 0;
        if (fd >= 0)
            close(fd);
        if (who.pid)
            return who.pid;
    }
    return 0;
}

/* Its main process, where systemd holds the socket. */
static pid_t
find_by_name(void)
{
    DIR *all = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;
    while (all && found == 0 && (entry = readdir(all)) != NULL) {
        uint64_t pid;
        char path[300];
        struct buf name;
        struct error unused;
        if (!slice_u64(slice_of(entry->d_name), INT32_MAX, &pid) || (pid_t)pid == getpid())
            continue;
        snprintf(path, sizeof path, "/proc/%s/comm", entry->d_name);
        if (!text_file_read(path, 64, &name, &unused))
            continue;
        if (slice_eq(buf_slice(&name), SLICE("alipes\n")))
            found = (pid_t)pid;
        buf_fini(&name);
    }
    if (all)
        closedir(all);
    return found;
}

/* Of the packaged hub, and of one that an account without root has begun. */
static const char *
remedy(const char *packaged, const char *own)
{
    return geteuid() == 0 ? packaged : own;
}

void
machine_check_hub(struct patient *p, struct report *r)
{
    struct error err;
    struct buf body;
    unsigned status;
    if (p->config == NULL) {
        report_skip(r, "there is no configuration that could be used");
        return;
    }
    p->hub_answers = ask_hub(&p->config->listen, p->config->healthz, &status, &body, &err);
    p->hub = find_listener(p);
    if (p->hub == 1)
        p->hub = find_by_name();
    bool is_denied = !p->hub_answers && strstr(err.text, strerror(EACCES));
    p->hub_is_hidden = is_denied;
    if (is_denied)
        report_note(r, "sudo alipes doctor", "%s", err.text);
    else if (!p->hub_answers)
        report_bad(
            r,
            remedy("systemctl enable --now alipes.socket alipes.service; journalctl -u alipes",
                   "alipes start"),
            "the hub does not answer: %s", err.text);
    else if (status != 200)
        report_bad(r, NULL, "it answers, and would take no update now: %.*s", (int)body.len,
                   body.ptr ? body.ptr : "");
    else
        report_ok(r, "it answers, and would take an update now");
    buf_fini(&body);
}

/* --- its socket ------------------------------------------------------------------------------- */

static bool
has_private_tmp(const struct patient *p, const struct front_type *front)
{
    static const char *const places[] = {"/etc/systemd/system", "/lib/systemd/system",
                                         "/usr/lib/systemd/system"};
    struct error unused;
    bool found = false;
    for (size_t i = 0; !found && i < COUNT_OF(places); i++) {
        char path[600];
        struct buf unit;
        snprintf(path, sizeof path, "%s%s/%s", p->root ? p->root : "", places[i], front->unit);
        if (!text_file_read(path, UNIT_MAX, &unit, &unused))
            continue;
        found = front_text_has(&unit, "PrivateTmp=yes|PrivateTmp=true|PrivateTmp=1");
        buf_fini(&unit);
    }
    return found;
}

static bool
is_under_tmp(const char *path)
{
    struct slice s = slice_of(path);
    return slice_starts(s, SLICE("/tmp/")) || slice_starts(s, SLICE("/var/tmp/"));
}

/* `sure`: it is the front of this hub. */
static void
judge_connect(const struct patient *p, struct report *r, const struct front_type *front,
              const char *path, bool sure)
{
    struct error why, add;
    bool is_hidden = is_under_tmp(path) && has_private_tmp(p, front);
    if (!is_hidden && rights_may_connect(front->user, path, &why, &add)) {
        report_ok(r, "%s (%s) may connect to %s", front->user, front->name, path);
        return;
    }
    if (is_hidden) {
        error_set(&why, "it sees another /tmp (PrivateTmp in %s), and not %s", front->unit, path);
        error_set(&add, "listen unix//run/alipes/alipes.sock");
    }
    if (why.text[0] == 0)
        return; /* there is no such user */
    if (sure)
        report_bad(r, add.text, "%s (%s) may not connect: %s", front->user, front->name, why.text);
    else
        report_note(r, add.text, "%s, if it is the front (%s), may not connect: %s", front->user,
                    front->name, why.text);
}

void
machine_check_socket(struct patient *p, struct report *r)
{
    size_t there = 0, named = 0;
    if (p->sockets.count == 0) {
        report_skip(r, "the hub listens on no Unix socket");
        return;
    }
    for (size_t kind = 0; kind < FRONTS; kind++) {
        there += p->fronts[kind].is_there;
        named += p->fronts[kind].paths.count > 0;
    }
    for (size_t kind = 0; kind < FRONTS; kind++) {
        const struct front *f = &p->fronts[kind];
        if (!f->is_there || (named && f->paths.count == 0))
            continue;
        for (size_t i = 0; i < p->sockets.count; i++)
            judge_connect(p, r, f->type, p->sockets.items[i], named || there == 1);
    }
    if (there == 0)
        report_skip(r, "no front is on this machine");
}

/* --- its descriptors -------------------------------------------------------------------------- */

static bool
read_limit(pid_t pid, uint64_t *ret)
{
    char path[64];
    struct buf text;
    struct error unused;
    struct slice word = SLICE("");
    snprintf(path, sizeof path, "/proc/%d/limits", (int)pid);
    if (!text_file_read(path, 16384, &text, &unused))
        return false;
    size_t at = slice_find(buf_slice(&text), SLICE("Max open files"));
    struct slice rest = slice_from(buf_slice(&text), at + sizeof "Max open files" - 1);
    while (slice_cut(&rest, ' ', &word) && word.len == 0)
        ;
    bool ok = slice_u64(word, UINT64_MAX, ret);
    buf_fini(&text);
    return ok;
}

void
machine_check_descriptors(struct patient *p, struct report *r)
{
    uint64_t limit;
    if (p->config == NULL || p->hub == 0) {
        report_skip(r, "the hub's process is not known");
        return;
    }
    if (!read_limit(p->hub, &limit)) {
        report_skip(r, "the limit of process %d cannot be read", (int)p->hub);
        return;
    }
    uint64_t streams = limit > 64 ? limit - 64 : 0, wanted = p->config->max_streams;
    bool said = settings_place_of(p->config, "max_streams") != NULL;
    const char *more =
        remedy("LimitNOFILE=1048576 in alipes.service (systemctl edit alipes), or ulimit -n",
               "ulimit -n, as far as the host allows");
    if (streams >= wanted)
        report_ok(r, "%llu, one a stream", (unsigned long long)limit);
    else if (said)
        report_bad(r, more, "max_streams is %llu, and its descriptors are enough for %llu",
                   (unsigned long long)wanted, (unsigned long long)streams);
    else
        report_note(r, more, "they are enough for %llu streams", (unsigned long long)streams);
}

/* --- its history ------------------------------------------------------------------------------ */

/* Of a folder's files the first that belongs to another user; false: none. */
static bool
find_stranger(const char *folder, uid_t owner, char *ret, size_t cap)
{
    DIR *all = opendir(folder);
    struct dirent *entry;
    bool found = false;
    while (all && !found && (entry = readdir(all)) != NULL) {
        struct stat st;
        found = strcmp(entry->d_name, "..") != 0 &&
                fstatat(dirfd(all), entry->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
                st.st_uid != owner;
        if (found)
            snprintf(ret, cap, "%s", entry->d_name);
    }
    if (all)
        closedir(all);
    return found;
}

static void
judge_filesystem(const struct patient *p, struct report *r, const char *path)
{
    struct statfs fs;
    const char *unsafe = folder_unsafe_filesystem(path);
    if (statfs(path, &fs) != 0)
        report_skip(r, "%s: %s", path, strerror(errno));
    else if (unsafe)
        report_bad(r, "transport log { path DIR } in a local folder",
                   "%s is on %s, whose locks and syncs may not hold", path, unsafe);
    else if (fs.f_type == TMPFS)
        report_bad(r, "transport log { path /var/lib/alipes/history }",
                   "%s is in memory (tmpfs): a 200 promises a disk", path);
    else if (fs.f_type == OVERLAY)
        report_note(r, "a volume at that folder",
                    "%s is in the container's own layer, and goes with the container", path);
    else if ((double)fs.f_bavail * (double)fs.f_bsize < LEAST_FREE)
        report_bad(r, "max_bytes in the block history, or a larger disk",
                   "%s has %.0f MiB left: a publish is refused when it is full", path,
                   (double)fs.f_bavail * (double)fs.f_bsize / MIB);
    else if ((double)fs.f_bavail * (double)fs.f_bsize < (double)p->config->max_bytes)
        report_note(r, "max_bytes in the block history",
                    "%s has %.0f MiB left, and the history may grow to %.0f MiB", path,
                    (double)fs.f_bavail * (double)fs.f_bsize / MIB,
                    (double)p->config->max_bytes / MIB);
    else
        report_ok(r, "%s: %.0f MiB free, %.0f MiB at most", path,
                  (double)fs.f_bavail * (double)fs.f_bsize / MIB,
                  (double)p->config->max_bytes / MIB);
}

static void
judge_owner(struct report *r, const char *path)
{
    struct stat st;
    char name[300];
    if (stat(path, &st) == 0 && find_stranger(path, st.st_uid, name, sizeof name)) {
        struct error add;
        error_set(&add, "chown -R --reference=%.200s %.200s", path, path);
        report_bad(r, add.text,
                   "%s in %s belongs to another user than the folder: the next start may fail",
                   name, path);
    }
}

void
machine_check_history(struct patient *p, struct report *r)
{
    static const char *const kinds[] = {[TRANSPORT_MEMORY] = "memory", [TRANSPORT_REDIS] = "redis"};
    if (p->config == NULL) {
        report_skip(r, "there is no configuration that could be used");
    } else if (p->config->transport != TRANSPORT_LOG) {
        report_ok(r, "transport %s keeps nothing on a disk here", kinds[p->config->transport]);
    } else {
        judge_filesystem(p, r, p->config->history_path);
        judge_owner(r, p->config->history_path);
    }
}
