/* environment - the configuration of a container: variables, and among them one that holds
 * directives and wins over the others. */

#include "config/environment.h"

#include "base/alloc.h"
#include "config/option.h"

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
    {"HEARTBEAT_INTERVAL", "MERCURE_EXTRA_DIRECTIVES='heartbeat 15s'"},
};

static bool
set_variable_key(struct config *c, const char *variable, const char *directive, struct error *err)
{
    char name[80];
    snprintf(name, sizeof name, "%s_FILE", variable);
    const char *value = getenv(variable), *path = getenv(name);
    struct error why;
    struct buf text;
    buf_init(&text, MAX_VALUE);
    if (value)
        buf_add(&text, slice_of(value));
    else if (path)
        buf_addf(&text, "file:%s", path);
    else
        return error_set(err,
                         "%s is not set (or use -c FILE): it holds the key that verifies "
                         "tokens",
                         variable);
    struct slice arg = buf_slice(&text);
    bool ok = option_set(c, option_find(NULL, slice_of(directive)), &arg, 1, &why);
    if (!ok)
        error_set(err, "%s: %.400s", variable, why.text);
    buf_fini(&text);
    return ok;
}

static bool
set_variable_flag(const char *variable, bool *field, struct error *err)
{
    const char *value = getenv(variable);
    if (value == NULL || value[0] == 0)
        return true;
    if (strcmp(value, "1") == 0 || strcmp(value, "true") == 0)
        *field = true;
    else if (strcmp(value, "0") != 0 && strcmp(value, "false") != 0)
        return error_set(err, "%s: expected 0, 1, true or false", variable);
    return true;
}

static void
set_variable_list(const char *variable, const char *standard, struct string_list *list)
{
    const char *value = getenv(variable);
    struct slice rest = slice_of(value ? value : standard), part, word;
    while (slice_cut(&rest, ',', &part))
        while (slice_cut(&part, ' ', &word))
            if (word.len)
                string_list_add(list, word);
}

static bool
set_listen(struct config *c, struct error *err)
{
    const char *value = getenv("MERCURE_LISTEN_ADDR");
    if (value && value[0]) {
        string_list_clear(&c->listen);
        set_variable_list("MERCURE_LISTEN_ADDR", "", &c->listen);
    } else if ((value = getenv("SERVER_NAME")) != NULL && value[0]) {
        if (value[0] == ':') {
            string_list_clear(&c->listen);
            string_list_add(&c->listen, slice_of(value));
        } else {
            config_note(c, "SERVER_NAME",
                        "TLS and host names are the front's: the hub listens on :80");
        }
    }
    c->listen_is_set = false; /* `listen` in MERCURE_EXTRA_DIRECTIVES wins */
    return c->listen.count ? true : error_set(err, "MERCURE_LISTEN_ADDR names no address");
}

bool
environment_read(struct config *c, struct error *err)
{
    const char *extra = getenv("MERCURE_EXTRA_DIRECTIVES");
    bool ok = true;
    for (size_t i = 0; ok && i < COUNT_OF(old_variables); i++)
        if (getenv(old_variables[i].name))
            ok = error_set(err, "%s belongs to the old stand-alone hub; use %s",
                           old_variables[i].name, old_variables[i].text);
    if (ok && getenv("MERCURE_LICENSE"))
        ok = error_set(err, "MERCURE_LICENSE: nothing here needs a licence");
    if (ok && getenv("MERCURE_TRUSTED_ISSUERS"))
        ok = error_set(err, "MERCURE_TRUSTED_ISSUERS is known but not available in this version");
    ok = ok && set_listen(c, err) &&
         set_variable_key(c, "MERCURE_PUBLISHER_JWT_KEY", "publisher_jwt", err) &&
         set_variable_key(c, "MERCURE_SUBSCRIBER_JWT_KEY", "subscriber_jwt", err) &&
         set_variable_flag("MERCURE_ALLOW_ANONYMOUS", &c->anonymous, err) &&
         set_variable_flag("MERCURE_DEBUG", &c->debug, err);
    static const char *const algs[] = {"MERCURE_PUBLISHER_JWT_ALG", "MERCURE_SUBSCRIBER_JWT_ALG"};
    for (size_t i = 0; ok && i < COUNT_OF(algs); i++) {
        const char *alg = getenv(algs[i]);
        if (alg && strcmp(alg, "HS256") != 0)
            ok = error_set(err, "%s: HS256 is the one algorithm of this version", algs[i]);
    }
    if (ok) {
        set_variable_list("MERCURE_CORS_ORIGINS", "*", &c->cors_origins);
        set_variable_list("MERCURE_PUBLISH_ORIGINS", "", &c->publish_origins);
        struct string_list before = c->cors_origins;
        c->cors_origins = (struct string_list){0};
        ok = config_parse(c, slice_of(extra ? extra : ""), "MERCURE_EXTRA_DIRECTIVES", err);
        struct string_list *loser = c->cors_origins.count ? &before : &c->cors_origins;
        struct string_list winner = c->cors_origins.count ? c->cors_origins : before;
        string_list_clear(loser);
        c->cors_origins = winner;
    }
    return ok;
}
