/* trial - groups, folders and files, looked at before they are needed.
 *
 * The hub tries them at start and at a reload, `config check` before that, so that all three say
 * the same. What only opening can tell (a port that is taken, a history in use) is not tried: the
 * hub that runs has them. A socket may also be handed over, so that its folder need not be
 * writable. */

#include "config/trial.h"

#include "base/address.h"
#include "base/alloc.h"
#include "base/text_file.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum {
    MAX_CA_FILE = 4 * 1024 * 1024,
};

static bool
may(const char *path, int how)
{
    return faccessat(AT_FDCWD, path, how, AT_EACCESS) == 0;
}

/* Why, and where it is a matter of rights, whose. */
static const char *
reason(int number, struct error *ret)
{
    const struct passwd *user = number == EACCES || number == EPERM ? getpwuid(geteuid()) : NULL;
    error_set(ret, "%s%s%s%s", strerror(number), user ? " (as user " : "",
              user ? user->pw_name : "", user ? ")" : "");
    return ret->text;
}

/* The folder that a path stands in; caller frees. */
static char *
folder_of(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (slash == NULL)
        return xstrndup(".", 1);
    return slash == path ? xstrndup("/", 1) : xstrndup(path, (size_t)(slash - path));
}

static bool
is_folder(const char *path, int *ret_errno)
{
    struct stat st;
    *ret_errno = stat(path, &st) != 0 ? errno : S_ISDIR(st.st_mode) ? 0 : ENOTDIR;
    return *ret_errno == 0;
}

/* A folder that is made where it is missing, as far as that goes. */
static void
try_folder(struct config *c, const char *name, const char *path)
{
    struct error why;
    int number;
    char *at = xstrndup(path, strlen(path));
    while (!is_folder(at, &number) && number == ENOENT && strcmp(at, "/") != 0 &&
           strcmp(at, ".") != 0) {
        char *above = folder_of(at);
        free(at);
        at = above;
    }
    if (number)
        settings_refuse(c, name, "%s: %s", at, reason(number, &why));
    else if (!may(at, W_OK | X_OK))
        settings_refuse(c, name, "%s: %s: %s", path,
                        strcmp(at, path) == 0 ? "cannot be written" : "cannot be made",
                        reason(errno, &why));
    free(at);
}

static void
try_log(struct config *c, const char *path)
{
    struct error why;
    struct stat st;
    int number;
    char *folder = folder_of(path);
    if (stat(path, &st) == 0) {
        if (S_ISDIR(st.st_mode))
            settings_refuse(c, "log", "%s: %s", path, strerror(EISDIR));
        else if (!may(path, W_OK))
            settings_refuse(c, "log", "%s: cannot be written: %s", path, reason(errno, &why));
    } else if (errno != ENOENT) {
        settings_refuse(c, "log", "%s: %s", path, reason(errno, &why));
    } else if (!is_folder(folder, &number)) {
        settings_refuse(c, "log", "%s: %s", folder, reason(number, &why));
    } else if (!may(folder, W_OK | X_OK)) {
        settings_refuse(c, "log", "%s: cannot be made: %s", path, reason(errno, &why));
    }
    free(folder);
}

static void
try_group(struct config *c, const char *name, struct slice group)
{
    char *text = xstrndup(group.ptr, group.len);
    if (group.len && getgrnam(text) == NULL)
        settings_refuse(c, name, "there is no group %.60s", text);
    free(text);
}

/* What is in memory is made anew by whoever starts the hub. */
static bool
comes_with_the_start(const char *folder)
{
    struct slice s = slice_of(folder);
    return slice_starts(s, SLICE("/run/")) || slice_starts(s, SLICE("/var/run/"));
}

static void
note_handed_over(struct config *c, const char *name, const char *folder, int number)
{
    struct error why, note;
    error_set(&note,
              "%.200s: %.200s: so the hub cannot make its socket there, unless the folder is made "
              "before the start, or the socket is handed over (systemd)",
              folder, reason(number, &why));
    settings_note(c, name, note.text);
}

static void
try_socket(struct config *c, const char *name, const struct address *at)
{
    const char *path = ((const struct sockaddr_un *)&at->at)->sun_path;
    struct error why;
    struct stat st;
    int number;
    char *folder = folder_of(path);
    try_group(c, name, at->group);
    if (!is_folder(folder, &number) && !(number == ENOENT && comes_with_the_start(folder)))
        settings_refuse(c, name, "%s: %s", folder, reason(number, &why));
    else if (number || !may(folder, W_OK | X_OK))
        note_handed_over(c, name, folder, number ? number : errno);
    else if (lstat(path, &st) == 0 && !S_ISSOCK(st.st_mode))
        settings_refuse(c, name, "%s: it exists and is not a socket", path);
    free(folder);
}

static void
try_addresses(struct config *c, const char *name, const struct string_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        struct address at;
        struct error unused;
        if (address_read(list->items[i], &at, &unused) && at.kind == ADDRESS_UNIX)
            try_socket(c, name, &at);
    }
}

/* `holds`: what must be in it; NULL: anything. */
static void
try_file(struct config *c, const char *name, const char *path, const char *holds)
{
    struct buf text;
    struct error why;
    if (path == NULL)
        return;
    if (!text_file_read(path, MAX_CA_FILE, &text, &why)) {
        settings_refuse(c, name, "%s", why.text);
        return;
    }
    if (holds && slice_find(buf_slice(&text), SLICE("-----BEGIN")) == text.len)
        settings_refuse(c, name, "%s holds no %s (PEM)", path, holds);
    buf_fini(&text);
}

static void
try_redis(struct config *c)
{
    try_file(c, "transport", c->redis_tls_ca, "certificate");
    try_file(c, "transport", c->redis_tls_cert, "certificate");
    try_file(c, "transport", c->redis_tls_key, "key");
    try_file(c, "transport", c->redis_password_file, NULL);
    try_file(c, "transport", c->redis_sentinel_password_file, NULL);
}

void
trial_run(struct config *c)
{
    try_addresses(c, "listen", &c->listen);
    try_addresses(c, "metrics_listen", &c->metrics_listen);
    if (c->log_file)
        try_log(c, c->log_file);
    if (c->transport == TRANSPORT_LOG)
        try_folder(c, "transport", c->history_path);
    if (c->transport == TRANSPORT_REDIS)
        try_redis(c);
    try_file(c, "jwks_ca", c->jwks_ca, "certificate");
}
