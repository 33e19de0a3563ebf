/* config - a configuration's life: defaults, a file or the environment over them, a judgement.
 *
 * Mistakes are gathered and never thrown: whoever has several hears of all of them at once, whether
 * at start, at a reload or from `config check`. Half a configuration is still one that can be freed
 * and judged; what must not be done with it is running it. */

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
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    MAX_FILE = 1024 * 1024,
    ENOUGH_ERRORS = 50,
};

static const char packaged[] = "/etc/alipes/alipes.conf";
static const char *found; /* `packaged`, once config_load() took it */

void
config_place(struct config *c, struct slice name)
{
    struct error place;
    if (c->reading_file == NULL)
        return;
    if (c->reading_line)
        error_set(&place, "%.300s:%u", c->reading_file, c->reading_line);
    else
        error_set(&place, "%.300s", c->reading_file);
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

const char *
config_place_of(const struct config *c, struct slice name)
{
    for (size_t i = 0; i < c->placed.count; i++)
        if (slice_eq(slice_of(c->placed.items[i]), name))
            return c->places.items[i];
    return NULL;
}

void
config_say(struct config *c, const char *place, const char *text)
{
    struct error sentence;
    error_set(&sentence, "%s: %s", place, text);
    string_list_add(&c->notes, slice_of(sentence.text));
}

void
config_note(struct config *c, const char *name, const char *text)
{
    struct error sentence;
    const char *place = config_place_of(c, slice_of(name));
    error_set(&sentence, "%s%s%s", place ? place : "", place ? ": " : "", name);
    config_say(c, sentence.text, text);
}

bool
config_has_enough(const struct config *c)
{
    return c->errors.count > ENOUGH_ERRORS;
}

static void
add_error(struct config *c, const char *text)
{
    if (c->errors.count < ENOUGH_ERRORS)
        string_list_add(&c->errors, slice_of(text));
    else if (c->errors.count == ENOUGH_ERRORS)
        string_list_add(&c->errors, SLICE("there is more that is wrong; mend this first"));
}

void
config_complain(struct config *c, const char *fmt, ...)
{
    char text[sizeof(struct error)];
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    add_error(c, text);
}

void
config_refuse(struct config *c, const char *name, const char *fmt, ...)
{
    char text[sizeof(struct error)];
    struct error sentence;
    const char *place = config_place_of(c, slice_of(name));
    va_list args;
    va_start(args, fmt);
    vsnprintf(text, sizeof text, fmt, args);
    va_end(args);
    error_set(&sentence, "%s%s%s: %s", place ? place : "", place ? ": " : "", name, text);
    add_error(c, sentence.text);
}

void
config_yield(struct config *c)
{
    string_list_clear(&c->yielding);
    string_list_clear(&c->seen);
    for (size_t i = 0; i < option_count; i++)
        if (option_is_list(&option_table[i]))
            string_list_add(&c->yielding, slice_of(option_table[i].name));
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
    config_yield(c);
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
        if (option_is_list(&option_table[i]))
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
    string_list_clear(&c->errors);
    string_list_clear(&c->trusted_issuers);
    string_list_clear(&c->yielding);
    string_list_clear(&c->seen);
    free(c);
}

/* Were there errors beyond the first `before`? */
static bool
is_fine(const struct config *c, size_t before, struct error *err)
{
    return c->errors.count <= before || error_set(err, "%s", c->errors.items[before]);
}

static void
parse_text(struct config *c, struct slice text, const char *file)
{
    struct slice mark = SLICE("\xef\xbb\xbf");
    if (slice_starts(text, mark))
        text = slice_from(text, mark.len);
    c->reading_file = file;
    if (text.len > MAX_FILE)
        config_complain(c, "%s: larger than %d bytes", file, MAX_FILE);
    else if (slice_starts(text, SLICE("\xff\xfe")) || slice_starts(text, SLICE("\xfe\xff")))
        config_complain(c, "%s:1: it is written in UTF-16, as by Windows; save it as UTF-8", file);
    else
        directive_apply_all(c, text);
    c->reading_file = NULL;
    c->reading_line = 0;
}

bool
config_parse(struct config *c, struct slice text, const char *file, struct error *err)
{
    size_t before = c->errors.count;
    parse_text(c, text, file);
    return is_fine(c, before, err);
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
    size_t before = c->errors.count;
    judge_config(c);
    return is_fine(c, before, err);
}

static void
parse_file(struct config *c, const char *path)
{
    struct buf text;
    struct error err;
    if (!config_read_file(path, MAX_FILE, &text, &err)) {
        config_complain(c, "%s", err.text);
        return;
    }
    parse_text(c, buf_slice(&text), path);
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
        parse_file(c, defaults);
    config_yield(c);
    if (path == NULL && usual && is_there(usual))
        path = usual;
    if (path)
        parse_file(c, path);
    else
        environment_read(c);
    judge_config(c);
    return c;
}

bool
config_load(const char *path, struct config **ret, struct error *err)
{
    struct stat st;
    if (path == NULL && getenv("ALIPES_CONFIG") == NULL && !environment_says_something() &&
        lstat(packaged, &st) == 0)
        path = found = packaged;
    struct config *c = config_read(path);
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
