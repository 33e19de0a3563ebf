/* front - files of web servers, read as text.
 *
 * Nobody's grammar is parsed: comments go, blanks count as one, and what is asked is whether words
 * stand there. So what is said of files may be wrong where several sites share one; what a client
 * sees (outside.c) is what counts, and this says which line it is. Files are followed through
 * `include`, `import` and `-f`. */

#include "cli/doctor/front.h"

#include "base/alloc.h"
#include "base/text_file.h"
#include "cli/doctor/front_text.h"

#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_FILE = 512 * 1024,
    MAX_TEXT = 8 * 1024 * 1024,
    MAX_FILES = 500,
    MAX_DEPTH = 5,
};

const struct front_type front_types[FRONTS] = {
    [FRONT_APACHE] = {"Apache",
                      "Apache",
                      "www-data",
                      "/usr/sbin/apache2",
                      "-v",
                      "apache2.service",
                      {"/etc/apache2/apache2.conf", "/etc/apache2/mods-enabled/*.load"}},
    [FRONT_NGINX] = {"nginx",
                     "nginx",
                     "www-data",
                     "/usr/sbin/nginx",
                     "-v",
                     "nginx.service",
                     {"/etc/nginx/nginx.conf"}},
    [FRONT_CADDY] = {"Caddy",
                     "Caddy",
                     "caddy",
                     "/usr/bin/caddy",
                     "version",
                     "caddy.service",
                     {"/etc/caddy/Caddyfile"}},
    [FRONT_HAPROXY] = {"HAProxy",
                       NULL,
                       "haproxy",
                       "/usr/sbin/haproxy",
                       "-v",
                       "haproxy.service",
                       {"/etc/haproxy/haproxy.cfg", "/etc/default/haproxy"}},
    [FRONT_LIGHTTPD] = {"lighttpd",
                        "lighttpd",
                        "www-data",
                        "/usr/sbin/lighttpd",
                        "-v",
                        "lighttpd.service",
                        {"/etc/lighttpd/lighttpd.conf", "/etc/lighttpd/conf-enabled/*.conf"}},
};

/* One reading of all files of a front. */
struct pass {
    struct front *front;
    const char *root, *path;
    const struct string_list *sockets;
    struct string_list seen;
};

static void read_pattern(struct pass *, const char *pattern, unsigned depth);

static bool
names_hub(const struct pass *p, struct slice text)
{
    bool named = slice_find(text, slice_of(p->path)) < text.len;
    for (size_t i = 0; !named && i < p->sockets->count; i++)
        named = slice_find(text, slice_of(p->sockets->items[i])) < text.len;
    return named;
}

/* A relative one is looked for beside the file that names it, then beside the front's first. */
static void
follow(struct pass *p, const char *file, struct slice named, unsigned depth)
{
    const char *bases[] = {file, p->front->type->files[0]};
    while (named.len && strchr("\"';", named.ptr[named.len - 1]))
        named.len--;
    while (named.len && strchr("\"'", named.ptr[0]))
        named = slice_from(named, 1);
    if (named.len == 0)
        return;
    for (size_t i = 0; i < COUNT_OF(bases); i++) {
        char pattern[1024];
        const char *slash = strrchr(bases[i], '/');
        int before = named.ptr[0] == '/' || slash == NULL ? 0 : (int)(slash - bases[i] + 1);
        snprintf(pattern, sizeof pattern, "%s%.*s" SLICE_FMT, i ? p->root : "", before, bases[i],
                 SLICE_ARG(named));
        read_pattern(p, pattern, depth);
    }
}

/* Of `EXTRAOPTS="-f` what stands behind the quote. */
static struct slice
bare_word(struct slice word)
{
    for (size_t i = word.len; i > 0; i--)
        if (word.ptr[i - 1] == '"' || word.ptr[i - 1] == '=')
            return slice_from(word, i);
    return word;
}

static void
follow_includes(struct pass *p, const char *file, struct slice text, unsigned depth)
{
    static const char *const words[] = {"include", "includeoptional", "import", "-f"};
    struct slice line, word, before = SLICE("");
    while (slice_cut(&text, '\n', &line)) {
        for (before = SLICE(""); slice_cut(&line, ' ', &word); before = word)
            for (size_t i = 0; i < COUNT_OF(words); i++)
                if (slice_eq_nocase(bare_word(before), slice_of(words[i])))
                    follow(p, file, word, depth);
    }
}

static bool
is_copy(const char *file, struct slice raw)
{
    return slice_find(raw, SLICE("# alipes behind ")) < raw.len &&
           strstr(file, "/share/alipes/proxy-config/") == NULL;
}

static void
read_file(struct pass *p, const char *file, unsigned depth)
{
    struct buf raw, plain;
    struct error unused;
    char *real = realpath(file, NULL);
    bool is_new = real && !string_list_has(&p->seen, slice_of(real)) && p->seen.count < MAX_FILES;
    if (is_new)
        string_list_add(&p->seen, slice_of(real));
    free(real);
    if (!is_new || !text_file_read(file, MAX_FILE, &raw, &unused))
        return;
    buf_init(&plain, 2 * MAX_FILE);
    front_text_plain(buf_slice(&raw), &plain);
    buf_add(&p->front->all, buf_slice(&plain));
    if (names_hub(p, buf_slice(&plain))) {
        buf_add(&p->front->own, buf_slice(&plain));
        string_list_add(&p->front->paths, slice_of(file));
        if (is_copy(file, buf_slice(&raw)))
            string_list_add(&p->front->copies, slice_of(file));
    }
    follow_includes(p, file, buf_slice(&plain), depth + 1);
    buf_fini(&plain);
    buf_fini(&raw);
}

static void
read_pattern(struct pass *p, const char *pattern, unsigned depth)
{
    glob_t found;
    if (depth > MAX_DEPTH || glob(pattern, 0, NULL, &found) != 0)
        return;
    for (size_t i = 0; i < found.gl_pathc; i++)
        read_file(p, found.gl_pathv[i], depth);
    globfree(&found);
}

void
front_read(struct front *f, enum front_kind kind, const char *root, const char *path,
           const struct string_list *sockets)
{
    struct pass pass = {.front = f, .root = root, .path = path, .sockets = sockets};
    char at[1024];
    *f = (struct front){.type = &front_types[kind]};
    buf_init(&f->all, MAX_TEXT);
    buf_init(&f->own, MAX_TEXT);
    snprintf(at, sizeof at, "%s%s", root, f->type->program);
    f->is_there = access(at, X_OK) == 0;
    for (size_t i = 0; i < COUNT_OF(f->type->files) && f->type->files[i]; i++) {
        snprintf(at, sizeof at, "%s%s", root, f->type->files[i]);
        read_pattern(&pass, at, 0);
    }
    f->is_there |= f->all.len > 0 && root[0];
    string_list_clear(&pass.seen);
}

void
front_fini(struct front *f)
{
    buf_fini(&f->all);
    buf_fini(&f->own);
    string_list_clear(&f->paths);
    string_list_clear(&f->copies);
}

/* --- what stands there ------------------------------------------------------------------------ */

/* The first of its rules that the hub's files, or else all, have a value for. */
double
front_idle(const struct front *f)
{
    enum front_kind kind = (enum front_kind)(f->type - front_types);
    double seconds = 0, standard = kind == FRONT_HAPROXY ? 0.001 : 1;
    for (size_t i = 0; i < idle_rule_count; i++) {
        const struct idle_rule *rule = &idle_rules[i];
        if (rule->front != kind)
            continue;
        if (front_text_longest(&f->own, rule->directive, standard, &seconds) ||
            front_text_longest(&f->all, rule->directive, standard, &seconds))
            return seconds;
        seconds = rule->standard;
    }
    return seconds;
}

const char *
front_missing_module(const struct front *f, size_t nth)
{
    static const struct {
        const char *where, *module, *load;
    } modules[] = {
        {"ProxyPass|proxy:", "proxy", "LoadModule proxy_module"},
        {"http://localhost", "proxy_http", "LoadModule proxy_http_module"},
        {"fcgi://", "proxy_fcgi", "LoadModule proxy_fcgi_module"},
        {"send-as-is", "asis", "LoadModule asis_module"},
        {"RequestHeader|Header set", "headers", "LoadModule headers_module"},
        {"AlipesSocket", "alipes", "LoadModule alipes_module"},
        {"SSLEngine on", "ssl", "LoadModule ssl_module"},
    };
    for (size_t i = 0; f->type == &front_types[FRONT_APACHE] && i < COUNT_OF(modules); i++)
        if (front_text_has(&f->own, modules[i].where) &&
            !front_text_has(&f->all, modules[i].load) && nth-- == 0)
            return modules[i].module;
    return NULL;
}
