/* environment - the configuration of a container: variables, and among them one that holds
 * directives and wins over the others.
 *
 * A variable that nobody reads is the quietest mistake there is, so every MERCURE_… is looked at.
 * One that is unknown is said and not refused: a container often has the application's variables as
 * well (and those that Kubernetes makes of a service's name). */

#include "config/environment.h"

#include "base/alloc.h"
#include "base/text_file.h"
#include "config/directive.h"
#include "config/foreign.h"
#include "config/history.h"
#include "config/value.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    MAX_VALUE = 65536,
    MAX_NAME = 80,
    MAX_PATH = 4200,
    MAX_WORDS = 1000, /* of a list */
};

static const char *const known[] = {"MERCURE_PUBLISHER_JWT_KEY", "MERCURE_SUBSCRIBER_JWT_KEY",
                                    "MERCURE_PUBLISHER_JWT_ALG", "MERCURE_SUBSCRIBER_JWT_ALG",
                                    "MERCURE_TRUSTED_ISSUERS",   "MERCURE_LISTEN_ADDR",
                                    "MERCURE_CORS_ORIGINS",      "MERCURE_PUBLISH_ORIGINS",
                                    "MERCURE_ALLOW_ANONYMOUS",   "MERCURE_DEBUG",
                                    "MERCURE_TRANSPORT_URL",     "MERCURE_EXTRA_DIRECTIVES"};

/* --- the value of a variable ------------------------------------------------------------------ */

static const char *
file_of(const char *name)
{
    char with_file[MAX_NAME];
    snprintf(with_file, sizeof with_file, "%s_FILE", name);
    return getenv(with_file);
}

static bool
is_set(const char *name)
{
    return getenv(name) || file_of(name);
}

static struct slice
trim(struct slice s)
{
    struct slice mark = SLICE("\xef\xbb\xbf");
    if (slice_starts(s, mark))
        s = slice_from(s, mark.len);
    while (s.len && strchr(" \t\r\n", s.ptr[0]) && s.ptr[0])
        s = slice_from(s, 1);
    while (s.len && strchr(" \t\r\n", s.ptr[s.len - 1]) && s.ptr[s.len - 1])
        s.len--;
    return s;
}

/* False: neither NAME nor NAME_FILE is there, or both are, which is said. */
static bool
is_there(struct config_reading *r, const char *name)
{
    bool here = getenv(name) != NULL, in_file = file_of(name) != NULL;
    if (here && in_file)
        settings_complain(r->config, "%s and %s_FILE: both are there, use one", name, name);
    return here != in_file;
}

/* NAME, or what is in the file that NAME_FILE names, without what stands around it. The caller
 * frees; NULL: it is not there, or cannot be read, which is said. */
static char *
read_variable(struct config_reading *r, const char *name)
{
    struct error err = {"no files are read"};
    struct buf text = {0};
    const char *value = getenv(name);
    if (!is_there(r, name))
        return NULL;
    if (value == NULL &&
        !(r->may_read_files && text_file_read(file_of(name), MAX_VALUE, &text, &err))) {
        settings_complain(r->config, "%s_FILE: %s", name, err.text);
        return NULL;
    }
    struct slice s = trim(value ? slice_of(value) : buf_slice(&text));
    char *copy = xstrndup(s.len ? s.ptr : "", s.len);
    buf_fini(&text);
    return copy;
}

/* --- each variable ---------------------------------------------------------------------------- */

static void
set_key(struct config_reading *r, enum role role, const char *key, const char *alg)
{
    char name[MAX_NAME], from[MAX_PATH];
    const char *value = getenv(key), *path = file_of(key);
    struct key_setting *k = &r->config->keys[role];
    struct error why;
    if (!is_there(r, key))
        return;
    snprintf(name, sizeof name, "%s%s", key, value ? "" : "_FILE");
    snprintf(from, sizeof from, "file:%s", path ? path : "");
    char *algorithm = read_variable(r, alg);
    const struct slice args[] = {slice_of(value ? value : from), slice_of(algorithm)};
    bool has_algorithm = args[1].len > 0;
    r->file = name;
    if (!reading_set_key(r, k, name, args, has_algorithm ? 2 : 1, &why))
        reading_complain(r, why.text);
    k->may_guess_alg = !has_algorithm;
    r->file = NULL;
    free(algorithm);
}

static void
set_flag(struct config_reading *r, const char *name, bool *field)
{
    char *value = read_variable(r, name);
    struct slice text = slice_of(value);
    bool on = slice_eq(text, SLICE("1")) || slice_eq(text, SLICE("true"));
    bool off = slice_eq(text, SLICE("0")) || slice_eq(text, SLICE("false"));
    if (on || off)
        *field = on;
    else if (text.len)
        settings_complain(r->config, "%s: expected 0, 1, true or false", name);
    free(value);
}

/* Words of a text, separated by commas, blanks or line ends. */
static size_t
split(struct slice rest, struct slice *ret, size_t max)
{
    size_t count = 0;
    while (rest.len && count < max) {
        size_t end = 0;
        while (end < rest.len && strchr(", \t\r\n", rest.ptr[end]) == NULL)
            end++;
        if (end)
            ret[count++] = slice_head(rest, end);
        rest = slice_from(rest, end + 1);
    }
    return count;
}

/* The words of the variable are put where the directive would put them. */
static void
set_list(struct config_reading *r, const char *name, const char *directive)
{
    static struct slice words[MAX_WORDS]; /* main's thread alone */
    const struct option *o = option_find(NULL, slice_of(directive));
    char *value = read_variable(r, name);
    size_t count = split(slice_of(value), words, MAX_WORDS);
    r->file = name;
    if (count)
        reading_place(r, slice_of(directive));
    for (size_t i = 0; i < count; i++) {
        struct error why;
        if (!value_set(r, o, &words[i], 1, &why))
            settings_complain(r->config, "%s: %s", name, why.text);
    }
    r->file = NULL;
    free(value);
}

static void
set_issuers(struct config_reading *r)
{
    static struct slice words[MAX_WORDS];
    char *value = read_variable(r, "MERCURE_TRUSTED_ISSUERS");
    size_t count = split(slice_of(value), words, MAX_WORDS);
    for (size_t i = 0; i < count; i++)
        string_list_add(&r->trusted_issuers, words[i]);
    free(value);
}

static void
set_transport(struct config_reading *r)
{
    char *value = read_variable(r, "MERCURE_TRANSPORT_URL");
    struct slice url = slice_of(value);
    struct error why;
    if (url.len && !history_set_transport(r, true, &url, 1, NULL, 0, &why))
        settings_complain(r->config, "MERCURE_TRANSPORT_URL: %s", why.text);
    free(value);
}

/* An address of a site, as Caddy has it: [scheme://]host[:port][/path], or :port. *ret_port is
 * empty where it names none. */
static bool
read_site(struct slice word, struct slice *ret_port)
{
    size_t mark = slice_find(word, SLICE("://"));
    struct slice host = mark < word.len ? slice_from(word, mark + 3) : word;
    host = slice_head(host, slice_index(host, '/'));
    size_t at = host.len;
    uint64_t port = 0;
    while (at && host.ptr[at - 1] >= '0' && host.ptr[at - 1] <= '9')
        at--;
    bool names_port = at && at < host.len && host.ptr[at - 1] == ':';
    *ret_port = names_port ? slice_from(host, at - 1) : SLICE("");
    host = slice_head(host, names_port ? at - 1 : host.len);
    bool in_brackets = host.len && host.ptr[0] == '[';
    for (size_t i = 0; i < host.len; i++)
        if ((unsigned char)host.ptr[i] <= ' ' ||
            strchr(in_brackets ? "{}$\"'" : "{}$\"':[]", host.ptr[i]))
            return false;
    return (host.len || names_port) &&
           (!names_port || slice_u64(slice_from(*ret_port, 1), 65535, &port));
}

/* The established image listens on the ports of its site, so that is what is asked for. */
static void
listen_as_site(struct config_reading *r, struct slice names)
{
    static struct slice words[MAX_WORDS];
    const struct option *listen = option_find(NULL, SLICE("listen"));
    struct string_list ports = {0};
    struct error why;
    size_t count = split(names, words, MAX_WORDS);
    bool has_name = false;
    for (size_t i = 0; i < count; i++) {
        struct slice port;
        if (!read_site(words[i], &port)) {
            settings_complain(r->config, "SERVER_NAME: expected :PORT, or names of a site, as in "
                                         "hub.example:8080");
            string_list_clear(&ports);
            return;
        }
        has_name |= port.len < words[i].len;
        if (!string_list_has(&ports, port))
            string_list_add(&ports, port);
    }
    bool names_port = ports.count > 1 || (ports.count && ports.items[0][0]);
    r->file = "SERVER_NAME";
    if (names_port)
        reading_place(r, SLICE("listen"));
    r->file = NULL;
    for (size_t i = 0; names_port && i < ports.count; i++) {
        struct slice port = ports.items[i][0] ? slice_of(ports.items[i]) : SLICE(":80");
        if (!string_list_has(&r->config->listen, port) || !reading_has_seen(r, NULL, "listen"))
            ENSURE(value_set(r, listen, &port, 1, &why));
    }
    if (has_name)
        settings_note(r->config, "SERVER_NAME",
                      names_port
                          ? "host names and TLS are the front's: the ports alone are listened "
                            "on"
                          : "host names and TLS are the front's: the hub listens on :80");
    string_list_clear(&ports);
}

static void
set_listen(struct config_reading *r)
{
    set_list(r, "MERCURE_LISTEN_ADDR", "listen");
    if (!reading_has_seen(r, NULL, "listen"))
        listen_as_site(r, slice_of(getenv("SERVER_NAME")));
}

/* --- all of them ------------------------------------------------------------------------------ */

static void
apply_extra(struct config_reading *r)
{
    char *extra = read_variable(r, "MERCURE_EXTRA_DIRECTIVES");
    reading_yield(r); /* the directives win over the variables */
    if (extra)
        directive_read(r, slice_of(extra), "MERCURE_EXTRA_DIRECTIVES");
    free(extra);
}

static void
require_keys(struct config_reading *r)
{
    static const char *const names[ROLES] = {"MERCURE_PUBLISHER_JWT_KEY",
                                             "MERCURE_SUBSCRIBER_JWT_KEY"};
    for (size_t i = 0; i < ROLES; i++)
        if (key_setting_is_empty(&r->config->keys[i]) &&
            key_setting_is_empty(&r->config->jwks[i]) && r->config->issuer_count == 0 &&
            !is_set(names[i]))
            settings_complain(
                r->config, "%s is not set (or use -c FILE): it holds the key that verifies tokens",
                names[i]);
}

/* The name in NAME=VALUE. */
static struct slice
name_of(const char *variable)
{
    return slice_head(slice_of(variable), slice_index(slice_of(variable), '='));
}

static bool
is_known(struct slice name)
{
    struct slice suffix = SLICE("_FILE");
    struct slice bare = slice_ends(name, suffix) ? slice_head(name, name.len - suffix.len) : name;
    for (size_t i = 0; i < COUNT_OF(known); i++)
        if (slice_eq(bare, slice_of(known[i])))
            return true;
    return false;
}

static void
judge_variable(struct config_reading *r, struct slice name)
{
    char text[MAX_NAME];
    const char *sentence;
    struct error note;
    snprintf(text, sizeof text, SLICE_FMT, SLICE_ARG(slice_head(name, sizeof text - 1)));
    enum foreign_kind kind = foreign_variable(name, &sentence);
    if (kind == FOREIGN_REFUSED)
        settings_complain(r->config, "%s: %s", text, sentence);
    if (kind == FOREIGN_ACCEPTED)
        settings_note(r->config, text, sentence);
    if (kind != FOREIGN_UNKNOWN || !slice_starts(name, SLICE("MERCURE_")) || is_known(name))
        return;
    const char *nearest = foreign_nearest(name, known, COUNT_OF(known));
    error_set(&note, "no effect: no variable of that name is known%s%s%s",
              nearest ? "; did you mean " : "", nearest ? nearest : "", nearest ? "?" : "");
    settings_note(r->config, text, note.text);
}

bool
environment_says_something(void)
{
    for (char **v = environ; v && *v; v++)
        if (slice_starts(slice_of(*v), SLICE("MERCURE_")))
            return true;
    return false;
}

void
environment_read(struct config_reading *r)
{
    for (char **v = environ; v && *v; v++)
        judge_variable(r, name_of(*v));
    set_listen(r);
    set_key(r, ROLE_PUBLISH, "MERCURE_PUBLISHER_JWT_KEY", "MERCURE_PUBLISHER_JWT_ALG");
    set_key(r, ROLE_SUBSCRIBE, "MERCURE_SUBSCRIBER_JWT_KEY", "MERCURE_SUBSCRIBER_JWT_ALG");
    set_flag(r, "MERCURE_ALLOW_ANONYMOUS", &r->config->anonymous);
    set_flag(r, "MERCURE_DEBUG", &r->config->debug);
    set_list(r, "MERCURE_CORS_ORIGINS", "cors_origins");
    set_list(r, "MERCURE_PUBLISH_ORIGINS", "publish_origins");
    set_issuers(r);
    set_transport(r);
    if (r->config->cors_origins.count == 0 && !is_set("MERCURE_CORS_ORIGINS"))
        string_list_add(&r->config->cors_origins, SLICE("*"));
    apply_extra(r);
    require_keys(r);
}
