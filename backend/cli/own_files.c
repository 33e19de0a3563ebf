/* own_files - where a hub in the background has its pid file and its log: what the configuration
 * says, else beside it, by its name. */

#include "cli/own_files.h"

#include "base/alloc.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* /home/u/.alipes/alipes.conf: /home/u/.alipes/alipes.log. Caller frees. */
static char *
beside(const char *conf, const char *ending)
{
    struct slice name = slice_of(conf), dot_conf = SLICE(".conf");
    size_t len = slice_ends(name, dot_conf) ? name.len - dot_conf.len : name.len;
    size_t size = len + strlen(ending) + 1;
    char *path = xalloc(size);
    snprintf(path, size, "%.*s%s", (int)len, conf, ending);
    return path;
}

static char *
chosen(const char *path, const char *conf, const char *ending)
{
    return path ? xstrndup(path, strlen(path)) : beside(conf, ending);
}

static bool
go_to_folder_of(const char *conf)
{
    char *folder = xstrndup(conf, (size_t)(strrchr(conf, '/') - conf) + 1);
    bool ok = chdir(folder) == 0;
    free(folder);
    return ok;
}

bool
own_files_open(struct own_files *f, const struct call *call)
{
    const char *path = config_file(call_value(call, "-c"));
    *f = (struct own_files){.conf = path ? realpath(path, NULL) : NULL};
    if (path == NULL)
        call_failed(call, "there is no configuration: alipes init makes one");
    else if (f->conf == NULL || !go_to_folder_of(f->conf))
        call_failed(call, "%s: %s", path, strerror(errno));
    else
        f->config = config_read(f->conf);
    if (f->config == NULL)
        return false;
    f->pid_file = chosen(f->config->pid_file, f->conf, ".pid");
    f->log = chosen(f->config->log_file, f->conf, ".log");
    return true;
}

void
own_files_close(struct own_files *f)
{
    config_free(&f->config);
    free(f->conf);
    free(f->pid_file);
    free(f->log);
}
