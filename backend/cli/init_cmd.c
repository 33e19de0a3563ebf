/* init_cmd - a folder with all that a hub of one user needs: keys, a configuration, and room for
 * socket, history, pid file and log. What is there already is left as it is. */

#include "cli/init_cmd.h"

#include "base/address.h"
#include "base/alloc.h"
#include "base/ids.h"
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    KEY_BYTES = 32,
    MAX_TEXT = 32768,
};

/* %1$s: the folder; %2$s: where it listens. */
static const char configuration[] =
    "# The hub of this account. Every directive: alipes config --help. After a change: alipes "
    "config "
    "check,\n"
    "# then alipes stop && alipes start.\n"
    "\n"
    "# Where the web server finds it. Tokens say who may do what, whoever connects.\n"
    "listen %2$s\n"
    "\n"
    "# The keys that verify tokens.\n"
    "publisher_jwt file:%1$s/publisher.key\n"
    "subscriber_jwt file:%1$s/subscriber.key\n"
    "\n"
    "# Subscribers without a token get public updates.\n"
    "# anonymous\n"
    "\n"
    "# The history, in this account's own quota.\n"
    "transport log {\n"
    "\tpath %1$s/history\n"
    "}\n"
    "history {\n"
    "\tmax_bytes 64MiB\n"
    "\tmax_age 24h\n"
    "}\n"
    "\n"
    "# Little memory and few threads, as such an account is allowed.\n"
    "workers 1\n"
    "tail 1MiB\n"
    "max_pending_bytes 16MiB\n"
    "max_held_bytes 16MiB\n"
    "max_index_bytes 32MiB\n"
    "\n"
    "# `alipes status`, `alipes stat` and `alipes trace` ask here.\n"
    "metrics_listen unix/%1$s/metrics.sock|0600\n"
    "\n"
    "log logfmt info %1$s/alipes.log\n"
    "log_max_size 1MiB\n"
    "log_files 4\n";

/* Where each word of the file ends is a matter of blanks, quotes and braces. */
static bool
may_stand_in_it(const char *text)
{
    return text[strcspn(text, " \t\r\n\"'`\\{}#$")] == 0;
}

/* A file that is not there yet, with all of `text` or not at all. */
static bool
write_new(const char *path, const char *text, struct error *err)
{
    size_t len = strlen(text);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return error_set(err, "%s: %s", path, strerror(errno));
    bool ok = write(fd, text, len) == (ssize_t)len && fsync(fd) == 0;
    int why = errno;
    close(fd);
    if (!ok)
        unlink(path);
    return ok || error_set(err, "%s: %s", path, strerror(why));
}

static bool
write_key(const char *folder, const char *name, struct error *err)
{
    char path[PATH_MAX], text[2 * KEY_BYTES + 2];
    struct stat st;
    struct id_source random;
    id_source_init(&random);
    for (size_t i = 0; i < KEY_BYTES / 8; i++)
        snprintf(text + 16 * i, sizeof text - 16 * i, "%016llx\n",
                 (unsigned long long)id_random(&random));
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return lstat(path, &st) == 0 || write_new(path, text, err);
}

/* Others may go through it, to the socket, and see nothing. */
static bool
make_folder(const char *folder, struct error *err)
{
    bool is_new = mkdir(folder, 0711) == 0;
    return (is_new ? chmod(folder, 0711) == 0 : errno == EEXIST) ||
           error_set(err, "%s: %s", folder, strerror(errno));
}

static bool
write_all(const char *folder, const char *listen, const char *conf, struct error *err)
{
    char *text = xalloc(MAX_TEXT);
    snprintf(text, MAX_TEXT, configuration, folder, listen);
    bool ok = make_folder(folder, err) && write_key(folder, "publisher.key", err) &&
              write_key(folder, "subscriber.key", err) && write_new(conf, text, err);
    free(text);
    return ok;
}

/* Before anything is made. */
static bool
judge(const char *folder, const char *listen, struct error *err)
{
    char metrics[PATH_MAX + 32];
    struct address at;
    struct error why;
    snprintf(metrics, sizeof metrics, "unix/%s/metrics.sock", folder);
    if (folder[strcspn(folder, "|")] || !may_stand_in_it(folder) || !may_stand_in_it(listen))
        return error_set(err, "%.200s, %.200s: blanks, quotes, braces, # and $ cannot be in it",
                         folder, listen);
    if (!address_read(metrics, &at, &why))
        return error_set(err, "%.350s; give it a folder with a shorter path: alipes init FOLDER",
                         why.text);
    return address_read(listen, &at, err);
}

/* Is it one of a web server that another user runs? Then it must come this far. */
static void
note_closed_folders(const char *folder)
{
    struct stat st;
    char path[PATH_MAX];
    for (size_t i = 1; folder[i]; i++) {
        if (folder[i] != '/')
            continue;
        snprintf(path, sizeof path, "%.*s", (int)i, folder);
        if (stat(path, &st) == 0 && !(st.st_mode & S_IXOTH))
            printf("note: %s is closed to other users; if the web server is one: chmod o+x %s\n",
                   path, path);
    }
}

static void
say_how_to_go_on(const char *conf, bool is_usual)
{
    char program[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", program, sizeof program);
    struct slice at = n > 0 ? SLICE_OF(program, (size_t)n) : SLICE("alipes");
    const char *option = is_usual ? "" : " -c ";
    const char *file = is_usual ? "" : conf;
    printf("made %s; now\n"
           "    " SLICE_FMT " start%s%s\n"
           "and, so that it is begun again after a reboot, in `crontab -e`:\n"
           "    * * * * * " SLICE_FMT " start --unless-stopped%s%s\n",
           conf, SLICE_ARG(at), option, file, SLICE_ARG(at), option, file);
}

/* As it stands in the file: from the root. */
static bool
find_folder(const struct call *call, char out[PATH_MAX], struct error *err)
{
    char here[PATH_MAX] = "";
    const char *home = config_home();
    const char *folder = call->word_count ? call->words[0] : home;
    if (folder == NULL)
        return error_set(err, "there is no home: name a folder (alipes init FOLDER)");
    if (folder[0] != '/' && getcwd(here, sizeof here) == NULL)
        return error_set(err, "the folder this is: %s", strerror(errno));
    int n = snprintf(out, PATH_MAX, "%s%s%s", here, here[0] ? "/" : "", folder);
    return (n > 0 && n < PATH_MAX - 64) || error_set(err, "%.200s…: too long", folder);
}

int
init_cmd(const struct call *call)
{
    char folder[PATH_MAX], conf[PATH_MAX], own[PATH_MAX + 32];
    const char *listen = call_value(call, "--listen");
    struct error err;
    if (!find_folder(call, folder, &err))
        return call_failed(call, "%s", err.text);
    snprintf(own, sizeof own, "unix/%s/alipes.sock|0666", folder);
    snprintf(conf, sizeof conf, "%.*s/alipes.conf", PATH_MAX - 64, folder);
    if (access(conf, F_OK) == 0 && listen)
        return call_failed(call, "%s is there already; write there: listen %s", conf, listen);
    if (access(conf, F_OK) == 0) {
        printf("%s is there already; nothing was changed\n", conf);
        return 0;
    }
    if (!judge(folder, listen ? listen : own, &err) ||
        !write_all(folder, listen ? listen : own, conf, &err))
        return call_failed(call, "%s", err.text);
    if (listen == NULL)
        note_closed_folders(conf);
    say_how_to_go_on(conf, call->word_count == 0);
    return 0;
}
