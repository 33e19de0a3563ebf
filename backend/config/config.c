/* config - a configuration's life: defaults, a file or the environment over them, a judgement. It
 * is the roof of this folder: everything that reads is called from here, and nothing calls back. */

#include "config/config.h"

#include "base/alloc.h"
#include "base/text_file.h"
#include "config/directive.h"
#include "config/environment.h"
#include "config/exposure.h"
#include "config/judge.h"
#include "config/value.h"

#include <errno.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char packaged[] = "/etc/alipes/alipes.conf";
static const char *found; /* what config_path() took by itself */

struct config *
config_new(void)
{
    struct config *c = xalloc(sizeof *c);
    struct error err;
    c->reading = reading_new(c);
    for (size_t i = 0; i < option_count; i++) {
        const struct option *o = &option_table[i];
        struct slice standard = slice_of(o->standard);
        if (o->kind == OPTION_VALUE && standard.len)
            ENSURE(value_set(c->reading, o, &standard, 1, &err));
    }
    reading_yield(c->reading);
    c->log_level = LOG_INFO;
    return c;
}

void
config_free(struct config **ref)
{
    if (*ref)
        reading_free(&(*ref)->reading);
    settings_free(ref);
}

static void
read_file(struct config *c, const char *path)
{
    struct buf text;
    struct error err;
    if (!text_file_read(path, DIRECTIVE_TEXT_MAX, &text, &err)) {
        settings_complain(c, "%s", err.text);
        return;
    }
    directive_read(c->reading, buf_slice(&text), path);
    exposure_note(c, path, buf_slice(&text));
    buf_fini(&text);
}

/* Is the file there that ALIPES_CONFIG names? One that only cannot be reached is: whoever names a
 * configuration must not get another one. */
static bool
is_there(const char *path)
{
    struct stat st;
    if (lstat(path, &st) == 0 || errno != ENOENT)
        return true;
    const char *slash = strrchr(path, '/');
    char *folder = slash && slash > path ? xstrndup(path, (size_t)(slash - path)) : NULL;
    bool reached = slash == NULL || folder == NULL || stat(folder, &st) == 0;
    free(folder);
    return !reached;
}

struct config *
config_read(const char *path)
{
    struct config *c = config_new();
    const char *defaults = getenv("ALIPES_DEFAULTS"), *usual = getenv("ALIPES_CONFIG");
    if (defaults)
        read_file(c, defaults);
    reading_yield(c->reading);
    if (path == NULL && usual && is_there(usual))
        path = usual;
    if (path)
        read_file(c, path);
    else
        environment_read(c->reading);
    judge_config(c->reading);
    reading_free(&c->reading);
    return c;
}

const char *
config_home(void)
{
    static char home[PATH_MAX];
    const char *folder = getenv("HOME");
    const struct passwd *user = folder && folder[0] ? NULL : getpwuid(geteuid());
    if (user)
        folder = user->pw_dir;
    int n = snprintf(home, sizeof home, "%s/.alipes", folder ? folder : "");
    return n > 0 && (size_t)n < sizeof home && home[0] == '/' && home[1] != '.' ? home : NULL;
}

/* Root's is the packaged one: whose HOME it has is a matter of how somebody became it. */
static const char *
own(void)
{
    static char path[PATH_MAX + 16];
    const char *home = geteuid() ? config_home() : NULL;
    snprintf(path, sizeof path, "%s/alipes.conf", home ? home : "");
    return home ? path : packaged;
}

/* NULL: something says which it is, or there is none. */
static const char *
find_usual(void)
{
    struct stat st;
    const char *const usual[] = {own(), packaged};
    if (getenv("ALIPES_CONFIG") || environment_says_something())
        return NULL;
    for (size_t i = 0; i < COUNT_OF(usual); i++)
        if (lstat(usual[i], &st) == 0)
            return usual[i];
    return NULL;
}

const char *
config_path(const char *path)
{
    if (path == NULL)
        path = found = find_usual();
    return path;
}

const char *
config_file(const char *path)
{
    const char *named = getenv("ALIPES_CONFIG");
    return path ? path : named ? named : find_usual();
}

bool
config_load(const char *path, struct config **ret, struct error *err)
{
    struct config *c = config_read(config_path(path));
    if (c->errors.count == 0) {
        *ret = c;
        return true;
    }
    error_set(err, "%s", c->errors.items[0]);
    size_t used = strlen(err->text);
    if (c->errors.count > 1)
        snprintf(err->text + used, sizeof err->text - used,
                 " (and %zu more: alipes config check lists them)", c->errors.count - 1);
    config_free(&c);
    return false;
}

const char *
config_found(void)
{
    return found;
}
