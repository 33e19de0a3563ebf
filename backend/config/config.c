/* config - a configuration's life: defaults, a file or the environment over them, a judgement. */

#include "config/config.h"

#include "base/alloc.h"
#include "config/directive.h"
#include "config/environment.h"
#include "config/exposure.h"
#include "config/issuer.h"
#include "config/judge.h"
#include "config/option.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_FILE = 1024 * 1024,
};

void
config_place(struct config *c, struct slice name)
{
    struct error place;
    if (c->reading_file == NULL || c->reading_line == 0)
        return;
    error_set(&place, "%.300s:%u", c->reading_file, c->reading_line);
    for (size_t i = 0; i < c->placed.count; i++) {
        if (!slice_eq(slice_of(c->placed.items[i]), name))
            continue;
        free(c->places.items[i]);
        c->places.items[i] = xstrndup(place.text, strlen(place.text));
        return;
    }
    string_list_add(&c->placed, name);
    string_list_add(&c->places, slice_of(place.text));
}

/* NULL: it did not stand in a file. */
static const char *
place_of(const struct config *c, struct slice name)
{
    for (size_t i = 0; i < c->placed.count; i++)
        if (slice_eq(slice_of(c->placed.items[i]), name))
            return c->places.items[i];
    return NULL;
}

void
config_note(struct config *c, const char *name, const char *text)
{
    struct error sentence;
    const char *place = place_of(c, slice_of(name));
    error_set(&sentence, "%s%s%s: %s", place ? place : "", place ? ": " : "", name, text);
    string_list_add(&c->notes, slice_of(sentence.text));
}

static bool
read_all(int fd, const char *path, size_t max, struct buf *out, struct error *err)
{
    char part[4096];
    ssize_t n = 0;
    buf_init(out, max);
    while (!out->failed && ((n = read(fd, part, sizeof part)) > 0 || (n < 0 && errno == EINTR)))
        if (n > 0)
            buf_add(out, SLICE_OF(part, (size_t)n));
    if (n < 0)
        error_set(err, "cannot read %s: %s", path, strerror(errno));
    if (out->failed)
        error_set(err, "cannot read %s: it has more than %zu bytes", path, max);
    if (n >= 0 && !out->failed)
        return true;
    buf_fini(out);
    return false;
}

static bool
read_path(const char *path, bool regular_alone, size_t max, struct buf *out, struct error *err)
{
    struct stat st;
    bool ok = false;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (regular_alone ? O_NONBLOCK : 0));
    if (fd < 0 || fstat(fd, &st) != 0)
        error_set(err, "cannot read %s: %s", path, strerror(errno));
    else if (regular_alone && !S_ISREG(st.st_mode))
        error_set(err, "cannot read %s: it is no regular file", path);
    else
        ok = read_all(fd, path, max, out, err);
    if (fd >= 0)
        close(fd);
    return ok;
}

bool
config_read_file(const char *path, size_t max, struct buf *out, struct error *err)
{
    return read_path(path, true, max, out, err);
}

bool
config_read_pipe(const char *path, size_t max, struct buf *out, struct error *err)
{
    return read_path(path, false, max, out, err);
}

struct config *
config_new(void)
{
    struct config *c = xalloc(sizeof *c);
    struct error err;
    for (size_t i = 0; i < option_count; i++) {
        struct slice standard = slice_of(option_table[i].standard);
        if (standard.len)
            ENSURE(option_set(c, &option_table[i], &standard, 1, &err));
    }
    c->listen_is_set = false;
    c->body_size_is_set = false;
    c->log_level = LOG_INFO;
    c->reads_files = true;
    return c;
}

void
config_free(struct config **ref)
{
    struct config *c = *ref;
    *ref = NULL;
    if (c == NULL)
        return;
    for (size_t i = 0; i < option_count; i++) {
        void *field = option_field(c, &option_table[i]);
        if (option_table[i].type == TYPE_LIST)
            string_list_clear(field);
        else if (option_table[i].type == TYPE_STRING || option_table[i].type == TYPE_PATH)
            free(*(char **)field);
        else if (option_table[i].type == TYPE_KEY || option_table[i].type == TYPE_URL)
            key_setting_clear(field);
    }
    for (size_t i = 0; i < c->issuer_count; i++)
        issuer_clear(&c->issuers[i]);
    free(c->issuers);
    free(c->proxies);
    free(c->log_file);
    free(c->compatibility);
    string_list_clear(&c->sources);
    string_list_clear(&c->placed);
    string_list_clear(&c->places);
    string_list_clear(&c->notes);
    free(c);
}

bool
config_parse(struct config *c, struct slice text, const char *file, struct error *err)
{
    struct lexer l;
    struct error why = {""};
    if (text.len > MAX_FILE)
        return error_set(err, "%s: larger than %d bytes", file, MAX_FILE);
    lexer_init(&l, text);
    c->reading_file = file;
    bool ok = directive_apply_all(c, &l, &why);
    if (!ok)
        error_set(err, "%s:%u: %.400s", file, c->reading_line, why.text);
    c->reading_file = NULL;
    c->reading_line = 0;
    lexer_fini(&l);
    return ok;
}

bool
config_speaks_0x(const struct config *c)
{
    return !key_setting_is_empty(&c->keys[CONFIG_PUBLISHER]) ||
           !key_setting_is_empty(&c->keys[CONFIG_SUBSCRIBER]) || c->issuer_count == 0;
}

bool
config_speaks_1_0(const struct config *c)
{
    return c->issuer_count > 0;
}

bool
config_judge(struct config *c, struct error *err)
{
    struct error why = {""};
    if (judge_config(c, &why))
        return true;
    struct slice name = slice_of(why.text);
    size_t end = 0;
    while (end < name.len &&
           ((name.ptr[end] >= 'a' && name.ptr[end] <= 'z') ||
            (name.ptr[end] >= '0' && name.ptr[end] <= '9') || name.ptr[end] == '_'))
        end++;
    const char *place = place_of(c, slice_head(name, end));
    return error_set(err, "%s%s%.400s", place ? place : "", place ? ": " : "", why.text);
}

/* The defaults: ours, and over them those of whoever packaged the program. */
static bool
new_with_defaults(struct config **ret, struct error *err)
{
    const char *path = getenv("ALIPES_DEFAULTS");
    struct buf text;
    *ret = config_new();
    if (path == NULL)
        return true;
    if (!config_read_file(path, MAX_FILE, &text, err))
        return false;
    bool ok = config_parse(*ret, buf_slice(&text), path, err);
    (*ret)->listen_is_set = false; /* whoever names another address replaces these */
    buf_fini(&text);
    return ok;
}

bool
config_from_file(const char *path, struct config **ret, struct error *err)
{
    struct buf text;
    if (!config_read_file(path, MAX_FILE, &text, err))
        return false;
    bool ok = new_with_defaults(ret, err) && config_parse(*ret, buf_slice(&text), path, err);
    if (ok)
        exposure_note(*ret, path, buf_slice(&text));
    ok = ok && config_judge(*ret, err);
    buf_fini(&text);
    if (!ok)
        config_free(ret);
    return ok;
}

bool
config_from_environment(struct config **ret, struct error *err)
{
    bool ok = new_with_defaults(ret, err) && environment_read(*ret, err) && config_judge(*ret, err);
    if (!ok)
        config_free(ret);
    return ok;
}

bool
config_load(const char *path, struct config **ret, struct error *err)
{
    const char *usual = getenv("ALIPES_CONFIG");
    if (path == NULL && usual && access(usual, F_OK) == 0)
        path = usual;
    return path ? config_from_file(path, ret, err) : config_from_environment(ret, err);
}
