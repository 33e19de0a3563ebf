/* judge - a configuration as a whole: what contradicts itself is refused, what is merely unwise is
 * said. Whether keys fit their algorithms is judged where they are read (auth/). */

#include "config/judge.h"

#include "base/alloc.h"
#include "base/cidr.h"
#include "base/site.h"

#include <stdlib.h>
#include <string.h>

enum {
    SMALL_BODY = 1048576, /* of a hub that speaks 1.0 alone */
    QUERY_MATCHERS = 100, /* of 1.0, which QUERY is of */
    ESCAPED = 3,          /* bytes of a form that one of a value may take */
    QUERY_REST = 65536,   /* names, and what else a QUERY says */
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
    static const char *const names[CONFIG_ROLES] = {"publisher_jwks_url", "subscriber_jwks_url"};
    for (size_t i = 0; i < CONFIG_ROLES; i++) {
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
    for (size_t i = 0; i < CONFIG_ROLES; i++) {
        number_source(c, &c->keys[i]);
        for (size_t k = 0; k < c->issuer_count; k++)
            number_source(c, &c->issuers[k].keys[i]);
    }
}

static bool
has_role(const struct config *c, enum config_role role)
{
    bool any = !key_setting_is_empty(&c->keys[role]);
    for (size_t i = 0; i < c->issuer_count; i++)
        any |= !key_setting_is_empty(&c->issuers[i].keys[role]);
    return any;
}

static bool
judge_keys(struct config *c, struct error *err)
{
    take_jwks(c);
    number_sources(c);
    if (!has_role(c, CONFIG_PUBLISHER))
        config_note(c, "publisher_jwt", "there is none: nobody can publish");
    if (!has_role(c, CONFIG_SUBSCRIBER) && !c->anonymous)
        return error_set(err, "neither subscriber_jwt nor an issuer's subscriber nor anonymous is "
                              "there: nobody could subscribe");
    return true;
}

static bool
judge_dialects(struct config *c, struct error *err)
{
    if (c->compatibility) {
        if (!config_speaks_0x(c))
            return error_set(err, "protocol_version_compatibility: there are issuers alone, so the "
                                  "hub speaks 1.0 alone; take the line out");
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
    return true;
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

static bool
judge_places(struct config *c, struct error *err)
{
    for (size_t i = 0; i < c->public_urls.count; i++) {
        struct site site;
        struct slice rest;
        if (!site_read(slice_of(c->public_urls.items[i]), &site, &rest) ||
            (rest.len && !slice_eq(rest, SLICE("/")) && !slice_eq(rest, slice_of(c->path))))
            return error_set(err,
                             "public_urls: expected https://host[:port], or that and %s: %.200s",
                             c->path, c->public_urls.items[i]);
    }
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
    for (size_t i = 0; i < c->proxy_count; i++) {
        if (!cidr_read(slice_of(c->trusted_proxies.items[i]), &c->proxies[i]))
            return error_set(err,
                             "trusted_proxies: expected addresses as in 10.0.0.0/8 or ::1, with no "
                             "bits behind the prefix: %.100s",
                             c->trusted_proxies.items[i]);
    }
    if (c->cookie_name && !is_token(slice_of(c->cookie_name)))
        return error_set(err, "cookie_name: a name of letters, digits and - . _");
    if (c->resource_identifier) {
        struct slice id = slice_of(c->resource_identifier);
        for (size_t i = 0; i < id.len; i++)
            if ((unsigned char)id.ptr[i] <= ' ' || id.ptr[i] == 0x7f || id.ptr[i] == '"')
                return error_set(err, "resource_identifier: a blank, quote or control character");
        if (id.len == 0)
            return error_set(err, "resource_identifier: it is empty");
    }
    return true;
}

/* One alone always has room in the share of the budget that they have. */
static bool
judge_query(struct config *c, struct error *err)
{
    uint64_t need = QUERY_MATCHERS * ESCAPED * c->max_matcher_length + QUERY_REST;
    uint64_t share = c->max_pending_bytes / CONFIG_QUERY_SHARE;
    if (c->max_query_body_size > share)
        return error_set(err, "max_query_body_size: at most a quarter of max_pending_bytes");
    if (c->max_query_body_size == 0)
        c->max_query_body_size = need < share ? need : share;
    return true;
}

bool
judge_config(struct config *c, struct error *err)
{
    if (c->heartbeat_ms == 0)
        config_note(c, "heartbeat",
                    "off: most fronts notice a client that left only when they write to "
                    "it, and cut silent streams after 60 s");
    judge_origins(c);
    if (!judge_keys(c, err) || !judge_dialects(c, err) || !judge_places(c, err))
        return false;
    if (c->in_memory && c->history_is_set)
        return error_set(err, "history and durability are of transport log; with transport memory "
                              "there is tail alone");
    if (!judge_query(c, err))
        return false;
    if (!c->in_memory && c->max_update_size > c->max_bytes / 4)
        return error_set(err, "max_update_size: at most a quarter of history's max_bytes");
    if (c->max_update_size == 0) {
        c->max_update_size = 2 * c->max_request_body_size;
        if (!c->in_memory && c->max_update_size > c->max_bytes / 4)
            c->max_update_size = c->max_bytes / 4;
    }
    return true;
}
