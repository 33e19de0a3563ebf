/* environment - the configuration of a container: variables, and among them one that holds
 * directives and wins over the others. */

#include "config/environment.h"

#include "base/alloc.h"
#include "config/issuer.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_VALUE = 65536
};

struct sentence {
    const char *name, *text;
};

static const struct sentence old_variables[] = {
    {"JWT_KEY", "MERCURE_PUBLISHER_JWT_KEY and MERCURE_SUBSCRIBER_JWT_KEY"},
    {"PUBLISHER_JWT_KEY", "MERCURE_PUBLISHER_JWT_KEY"},
    {"SUBSCRIBER_JWT_KEY", "MERCURE_SUBSCRIBER_JWT_KEY"},
    {"ADDR", "MERCURE_LISTEN_ADDR"},
    {"ALLOW_ANONYMOUS", "MERCURE_ALLOW_ANONYMOUS"},
    {"CORS_ALLOWED_ORIGINS", "MERCURE_CORS_ORIGINS"},
    {"PUBLISH_ALLOWED_ORIGINS", "MERCURE_PUBLISH_ORIGINS"},
    {"HEARTBEAT_INTERVAL", "MERCURE_EXTRA_DIRECTIVES='heartbeat 4s'"},
};

/* NAME, or what is in the file that NAME_FILE names. The caller frees; NULL: neither is there. */
static bool
read_variable(const struct config *c, const char *name, char **ret, struct error *err)
{
    char with_file[80];
    snprintf(with_file, sizeof with_file, "%s_FILE", name);
    const char *value = getenv(name), *path = getenv(with_file);
    *ret = NULL;
    if (value && path)
        return error_set(err, "%s and %s: both are there, use one", name, with_file);
    if (value) {
        *ret = xstrndup(value, strlen(value));
    } else if (path) {
        struct buf text;
        struct error why;
        if (!c->reads_files || !config_read_file(path, MAX_VALUE, &text, &why))
            return error_set(err, "%s: %.400s", with_file,
                             c->reads_files ? why.text : "no files are read here");
        if (text.len && text.ptr[text.len - 1] == '\n')
            text.len--;
        *ret = xstrndup(text.len ? text.ptr : "", text.len);
        buf_fini(&text);
    }
    return true;
}

static bool
set_key(struct config *c, enum config_role role, const char *key, const char *alg,
        struct error *err)
{
    char *value, *name;
    if (!read_variable(c, key, &value, err) || value == NULL)
        return value != NULL || err->text[0] == 0;
    if (!read_variable(c, alg, &name, err)) {
        free(value);
        return false;
    }
    const struct slice args[] = {slice_of(value), slice_of(name)};
    c->reading_file = key;
    struct error why;
    bool ok = value[0] || error_set(&why, "the key is empty");
    ok = ok && key_setting_set_key(&c->keys[role], c, key, args, name && name[0] ? 2 : 1, &why);
    if (!ok)
        error_set(err, "%s: %.400s", key, why.text);
    c->keys[role].may_guess_alg = name == NULL || name[0] == 0;
    c->reading_file = NULL;
    free(value);
    free(name);
    return ok;
}

static bool
set_flag(const struct config *c, const char *name, bool *field, struct error *err)
{
    char *value;
    if (!read_variable(c, name, &value, err))
        return false;
    struct slice text = slice_trim(slice_of(value));
    bool ok = true;
    if (slice_eq(text, SLICE("1")) || slice_eq(text, SLICE("true")))
        *field = true;
    else if (text.len && !slice_eq(text, SLICE("0")) && !slice_eq(text, SLICE("false")))
        ok = error_set(err, "%s: expected 0, 1, true or false", name);
    free(value);
    return ok;
}

/* Separated by commas, blanks or line ends. */
static bool
set_list(const struct config *c, const char *name, const char *standard, struct string_list *list,
         struct error *err)
{
    char *value;
    if (!read_variable(c, name, &value, err))
        return false;
    struct slice rest = slice_of(value ? value : standard);
    while (rest.len) {
        size_t end = 0;
        while (end < rest.len && strchr(", \t\r\n", rest.ptr[end]) == NULL)
            end++;
        if (end)
            string_list_add(list, slice_head(rest, end));
        rest = slice_from(rest, end + 1);
    }
    free(value);
    return true;
}

static bool
set_listen(struct config *c, struct error *err)
{
    struct string_list given = {0};
    const char *value = getenv("SERVER_NAME");
    if (!set_list(c, "MERCURE_LISTEN_ADDR", "", &given, err))
        return false;
    if (given.count) {
        string_list_clear(&c->listen);
        c->listen = given;
    } else if (value && value[0] == ':') {
        string_list_clear(&c->listen);
        string_list_add(&c->listen, slice_of(value));
    } else if (value && value[0]) {
        config_note(c, "SERVER_NAME", "TLS and host names are the front's: the hub listens on :80");
    }
    c->listen_is_set = false; /* `listen` in MERCURE_EXTRA_DIRECTIVES wins */
    return true;
}

/* The directives win over the variables: a list that they name replaces the variable's. */
static bool
apply_extra(struct config *c, struct error *err)
{
    char *extra;
    struct string_list cors = c->cors_origins, publish = c->publish_origins;
    if (!read_variable(c, "MERCURE_EXTRA_DIRECTIVES", &extra, err))
        return false;
    c->cors_origins = c->publish_origins = (struct string_list){0};
    bool ok = config_parse(c, slice_of(extra), "MERCURE_EXTRA_DIRECTIVES", err);
    struct string_list *fields[] = {&c->cors_origins, &c->publish_origins},
                       before[] = {cors, publish};
    for (size_t i = 0; i < COUNT_OF(fields); i++) {
        if (fields[i]->count)
            string_list_clear(&before[i]);
        else
            *fields[i] = before[i];
    }
    free(extra);
    return ok;
}

/* Each with the keys of the roles; one that the directives describe is theirs. */
static bool
trust_issuers(struct config *c, struct error *err)
{
    struct string_list ids = {0};
    bool ok = set_list(c, "MERCURE_TRUSTED_ISSUERS", "", &ids, err);
    c->reading_file = "MERCURE_TRUSTED_ISSUERS";
    for (size_t i = 0; ok && i < ids.count; i++) {
        bool known = false;
        for (size_t k = 0; k < c->issuer_count; k++)
            known |= strcmp(c->issuers[k].id, ids.items[i]) == 0;
        ok = known || issuer_add_with_own_keys(c, slice_of(ids.items[i]), err);
    }
    c->reading_file = NULL;
    string_list_clear(&ids);
    return ok;
}

static bool
require_keys(const struct config *c, struct error *err)
{
    static const char *const names[CONFIG_ROLES] = {"MERCURE_PUBLISHER_JWT_KEY",
                                                    "MERCURE_SUBSCRIBER_JWT_KEY"};
    for (size_t i = 0; i < CONFIG_ROLES; i++)
        if (key_setting_is_empty(&c->keys[i]) && key_setting_is_empty(&c->jwks[i]) &&
            c->issuer_count == 0)
            return error_set(err,
                             "%s is not set (or use -c FILE): it holds the key that verifies "
                             "tokens",
                             names[i]);
    return true;
}

bool
environment_read(struct config *c, struct error *err)
{
    err->text[0] = 0;
    for (size_t i = 0; i < COUNT_OF(old_variables); i++)
        if (getenv(old_variables[i].name))
            return error_set(err, "%s belongs to the old stand-alone hub; use %s",
                             old_variables[i].name, old_variables[i].text);
    if (getenv("MERCURE_LICENSE"))
        return error_set(err, "MERCURE_LICENSE: nothing here needs a licence");
    return set_listen(c, err) &&
           set_key(c, CONFIG_PUBLISHER, "MERCURE_PUBLISHER_JWT_KEY", "MERCURE_PUBLISHER_JWT_ALG",
                   err) &&
           set_key(c, CONFIG_SUBSCRIBER, "MERCURE_SUBSCRIBER_JWT_KEY", "MERCURE_SUBSCRIBER_JWT_ALG",
                   err) &&
           set_flag(c, "MERCURE_ALLOW_ANONYMOUS", &c->anonymous, err) &&
           set_flag(c, "MERCURE_DEBUG", &c->debug, err) &&
           set_list(c, "MERCURE_CORS_ORIGINS", "*", &c->cors_origins, err) &&
           set_list(c, "MERCURE_PUBLISH_ORIGINS", "", &c->publish_origins, err) &&
           apply_extra(c, err) && require_keys(c, err) && trust_issuers(c, err);
}
