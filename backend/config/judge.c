/* judge - a configuration as a whole: what contradicts itself is refused, what is merely unwise is
 * said. Whether keys fit their algorithms is judged where they are read (auth/). */

#include "config/judge.h"

#include "base/alloc.h"
#include "base/cidr.h"
#include "base/site.h"
#include "config/issuer.h"

#include <stdlib.h>
#include <string.h>

enum {
    SMALL_BODY = 1048576, /* of a hub that speaks 1.0 alone */
};

static void
judge_origins(struct config *c)
{
    bool all = string_list_has(&c->cors_origins, SLICE("*"));
    if (all)
        config_note(c, "cors_origins",
                    c->cors_origins.count > 1
                        ? "* lets every origin in, without cookies; for cookies name the "
                          "origins and leave * out"
                        : "* lets every origin in, without cookies: those need named origins");
    if (string_list_has(&c->publish_origins, SLICE("*")))
        config_note(c, "publish_origins", "*: any page can publish with its visitors' cookies");
    for (size_t i = 0; i < c->cors_origins.count && !all; i++)
        if (strcmp(c->cors_origins.items[i], "https://*") == 0 ||
            strcmp(c->cors_origins.items[i], "http://*") == 0)
            config_note(c, "cors_origins",
                        "a wildcard for a whole scheme lets every site read with its visitors' "
                        "cookies; name the origins");
}

/* A JWK set beside a key of the same role: the set counts, as in the established hub. */
static void
take_jwks(struct config *c)
{
    static const char *const names[ROLES] = {"publisher_jwks_url", "subscriber_jwks_url"};
    for (size_t i = 0; i < ROLES; i++) {
        if (key_setting_is_empty(&c->jwks[i]))
            continue;
        if (!key_setting_is_empty(&c->keys[i]))
            config_note(c, names[i], "it counts, and the key beside it does not");
        key_setting_clear(&c->keys[i]);
        c->keys[i] = c->jwks[i];
        c->jwks[i] = (struct key_setting){0};
    }
}

static void
number_source(struct config *c, struct key_setting *k)
{
    if (k->url == NULL)
        return;
    size_t i = 0;
    while (i < c->sources.count && strcmp(c->sources.items[i], k->url) != 0)
        i++;
    if (i == c->sources.count)
        string_list_add(&c->sources, slice_of(k->url));
    k->source = i;
}

static void
number_sources(struct config *c)
{
    string_list_clear(&c->sources);
    for (size_t i = 0; i < ROLES; i++) {
        number_source(c, &c->keys[i]);
        for (size_t k = 0; k < c->issuer_count; k++)
            number_source(c, &c->issuers[k].keys[i]);
    }
}

static bool
has_role(const struct config *c, enum role role)
{
    bool any = !key_setting_is_empty(&c->keys[role]);
    for (size_t i = 0; i < c->issuer_count; i++)
        any |= !key_setting_is_empty(&c->issuers[i].keys[role]);
    return any;
}

/* Each with the keys that hold; one that the directives describe is theirs. */
static void
trust_issuers(struct config *c)
{
    struct error why;
    for (size_t i = 0; i < c->trusted_issuers.count; i++) {
        struct slice id = slice_of(c->trusted_issuers.items[i]);
        bool known = false;
        for (size_t k = 0; k < c->issuer_count; k++)
            known |= slice_eq(slice_of(c->issuers[k].id), id);
        c->reading_file = "MERCURE_TRUSTED_ISSUERS";
        if (!known && !issuer_add_with_own_keys(c, id, &why))
            config_complain(c, "MERCURE_TRUSTED_ISSUERS: %s", why.text);
        c->reading_file = NULL;
    }
}

static void
judge_keys(struct config *c)
{
    bool is_whole = c->errors.count == 0; /* else a role may be missing because its line is wrong */
    take_jwks(c);
    trust_issuers(c);
    number_sources(c);
    if (c->jwks_max_age_ms && c->jwks_max_age_ms <= c->jwks_refresh_ms)
        config_refuse(c, "jwks_max_age",
                      "it must be longer than jwks_refresh, or no set would count until it is "
                      "fetched anew");
    if (is_whole && !has_role(c, ROLE_PUBLISH))
        config_note(c, "publisher_jwt", "there is none: nobody can publish");
    if (is_whole && !has_role(c, ROLE_SUBSCRIBE) && !c->anonymous)
        config_complain(c, "neither subscriber_jwt nor an issuer's subscriber nor anonymous is "
                           "there: nobody could subscribe");
}

static void
judge_dialects(struct config *c)
{
    if (c->compatibility && !config_speaks_0x(c)) {
        config_refuse(c, "protocol_version_compatibility",
                      "there are issuers alone, so the hub speaks 1.0 alone; take the line out");
    } else if (c->compatibility) {
        config_note(c, "protocol_version_compatibility",
                    strcmp(c->compatibility, "7") == 0
                        ? "no effect here: the dialect follows from the keys; publishers that "
                          "relied on publishing without a grant get 401"
                        : "no effect here: the dialect follows from the keys");
    }
    if (config_speaks_1_0(c) && c->resource_identifier == NULL && c->public_urls.count == 0)
        config_note(c, "issuer",
                    "neither resource_identifier nor public_urls is there: the aud of tokens is "
                    "compared with the URL as requests name it; say which it is");
    if (!config_speaks_0x(c) && !c->body_size_is_set)
        c->max_request_body_size = SMALL_BODY;
}

static bool
is_token(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] <= ' ' || (unsigned char)s.ptr[i] >= 0x7f ||
            strchr("\"(),/:;<=>?@[\\]{}", s.ptr[i]))
            return false;
    return s.len > 0;
}

static void
judge_urls(struct config *c)
{
    for (size_t i = 0; i < c->public_urls.count; i++) {
        struct site site;
        struct slice rest;
        if (!site_read(slice_of(c->public_urls.items[i]), &site, &rest) ||
            (rest.len && !slice_eq(rest, SLICE("/")) && !slice_eq(rest, slice_of(c->path))))
            config_refuse(c, "public_urls", "expected https://host[:port], or that and %s: %.200s",
                          c->path, c->public_urls.items[i]);
    }
}

static void
judge_proxies(struct config *c)
{
    if (c->trusted_proxies.count == 0) {
        string_list_add(&c->trusted_proxies, SLICE("127.0.0.0/8"));
        string_list_add(&c->trusted_proxies, SLICE("::1"));
    } else if (c->forwarded == FORWARDED_NONE) {
        config_note(c, "trusted_proxies",
                    "no effect without forwarded x-forwarded or forwarded forwarded");
    }
    free(c->proxies);
    c->proxy_count = c->trusted_proxies.count;
    c->proxies = xalloc(c->proxy_count * sizeof *c->proxies);
    for (size_t i = 0; i < c->proxy_count; i++)
        if (!cidr_read(slice_of(c->trusted_proxies.items[i]), &c->proxies[i]))
            config_refuse(c, "trusted_proxies",
                          "expected addresses as in 10.0.0.0/8 or ::1, with no bits behind the "
                          "prefix: %.100s",
                          c->trusted_proxies.items[i]);
}

static void
judge_names(struct config *c)
{
    struct slice id = slice_of(c->resource_identifier), health = slice_of(c->healthz);
    struct slice path = slice_of(c->path);
    if (c->cookie_name && !is_token(slice_of(c->cookie_name)))
        config_refuse(c, "cookie_name", "a name of letters, digits and - . _");
    for (size_t i = 0; i < id.len; i++) {
        if ((unsigned char)id.ptr[i] > ' ' && id.ptr[i] != 0x7f && id.ptr[i] != '"')
            continue;
        config_refuse(c, "resource_identifier", "a blank, quote or control character");
        break;
    }
    if (slice_starts(health, path) && (health.len == path.len || health.ptr[path.len] == '/'))
        config_refuse(c, "healthz", "%s is the hub's own path; take another one", c->healthz);
}

static void
judge_history(struct config *c)
{
    if (c->in_memory && c->history_is_set)
        config_refuse(c, "transport",
                      "history and durability are of transport log; with transport memory there "
                      "is tail alone");
    if (!c->in_memory && c->max_update_size > c->max_bytes / 4)
        config_refuse(c, "max_update_size", "at most a quarter of history's max_bytes");
    if (c->max_update_size == 0) {
        c->max_update_size = 2 * c->max_request_body_size;
        if (!c->in_memory && c->max_update_size > c->max_bytes / 4)
            c->max_update_size = c->max_bytes / 4;
    }
}

void
judge_config(struct config *c)
{
    if (c->heartbeat_ms == 0)
        config_note(c, "heartbeat",
                    "off: most fronts notice a client that left only when they write to "
                    "it, and cut silent streams after 60 s");
    if (c->max_streams == 0)
        config_note(c, "max_streams", "0: nobody can subscribe");
    judge_origins(c);
    judge_keys(c);
    judge_dialects(c);
    judge_urls(c);
    judge_proxies(c);
    judge_names(c);
    judge_history(c);
}
