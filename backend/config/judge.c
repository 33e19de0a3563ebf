/* judge - a configuration as a whole: what contradicts itself is refused, what is merely unwise is
 * said. Whether keys fit their algorithms is judged where they are read (auth/). */

#include "config/judge.h"

#include "base/alloc.h"
#include "base/cidr.h"
#include "base/site.h"
#include "config/issuer.h"
#include "config/redis_setting.h"

#include <stdlib.h>
#include <string.h>

enum {
    SMALL_BODY = 1048576,  /* of a hub that speaks 1.0 alone */
    QUERY_MATCHERS = 100,  /* of 1.0, which QUERY is of */
    ESCAPED = 3,           /* bytes of a form that one of a value may take */
    QUERY_REST = 65536,    /* names, and what else a QUERY says */
    LEAST_BYTES = 1 << 20, /* max_bytes of the history, and what it is unless given */
    DISK_BYTES = 256 << 20,
    REDIS_BYTES = 64 << 20,
    REDIS_LARGEST = 64 << 20, /* of an update: BULK_BYTES of course.c, or no hub reads it back */
};

static void
judge_origins(struct config *c)
{
    bool all = string_list_has(&c->cors_origins, SLICE("*"));
    if (all)
        settings_note(c, "cors_origins",
                      c->cors_origins.count > 1
                          ? "* lets every origin in, without cookies; for cookies name the "
                            "origins and leave * out"
                          : "* lets every origin in, without cookies: those need named origins");
    if (string_list_has(&c->publish_origins, SLICE("*")))
        settings_note(c, "publish_origins", "*: any page can publish with its visitors' cookies");
    for (size_t i = 0; i < c->cors_origins.count && !all; i++)
        if (strcmp(c->cors_origins.items[i], "https://*") == 0 ||
            strcmp(c->cors_origins.items[i], "http://*") == 0)
            settings_note(c, "cors_origins",
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
            settings_note(c, names[i], "it counts, and the key beside it does not");
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
trust_issuers(struct config_reading *r)
{
    const struct config *c = r->config;
    r->file = "MERCURE_TRUSTED_ISSUERS";
    for (size_t i = 0; i < r->trusted_issuers.count; i++) {
        struct slice id = slice_of(r->trusted_issuers.items[i]);
        struct error why;
        bool known = false;
        for (size_t k = 0; k < c->issuer_count; k++)
            known |= slice_eq(slice_of(c->issuers[k].id), id);
        if (!known && !issuer_add_with_own_keys(r, id, &why))
            reading_complain(r, why.text);
    }
    r->file = NULL;
}

/* Without any key the hub speaks 0.x: to whoever is anonymous. */
static void
settle_dialects(struct config *c)
{
    bool any = false;
    for (size_t i = 0; i < ROLES; i++)
        any |= !key_setting_is_empty(&c->keys[i]);
    c->speaks[DIALECT_1_0] = c->issuer_count > 0;
    c->speaks[DIALECT_0X] = any || c->issuer_count == 0;
}

static void
judge_keys(struct config_reading *r)
{
    struct config *c = r->config;
    bool is_whole = c->errors.count == 0; /* else a role may be missing because its line is wrong */
    take_jwks(c);
    trust_issuers(r);
    number_sources(c);
    settle_dialects(c);
    if (c->jwks_max_age_ms && c->jwks_max_age_ms <= c->jwks_refresh_ms)
        settings_refuse(c, "jwks_max_age",
                        "it must be longer than jwks_refresh, or no set would count until it is "
                        "fetched anew");
    if (is_whole && !has_role(c, ROLE_PUBLISH))
        settings_note(c, "publisher_jwt", "there is none: nobody can publish");
    if (is_whole && !has_role(c, ROLE_SUBSCRIBE) && !c->anonymous)
        settings_complain(c, "neither subscriber_jwt nor an issuer's subscriber nor anonymous is "
                             "there: nobody could subscribe");
}

static void
judge_compatibility(struct config *c, const char *said)
{
    if (said && !c->speaks[DIALECT_0X])
        settings_refuse(c, "protocol_version_compatibility",
                        "there are issuers alone, so the hub speaks 1.0 alone; take the line out");
    else if (said)
        settings_note(c, "protocol_version_compatibility",
                      strcmp(said, "7") == 0
                          ? "no effect here: the dialect follows from the keys; publishers that "
                            "relied on publishing without a grant get 401"
                          : "no effect here: the dialect follows from the keys");
}

static void
judge_dialects(struct config_reading *r)
{
    struct config *c = r->config;
    judge_compatibility(c, r->compatibility);
    if (c->speaks[DIALECT_1_0] && c->resource_identifier == NULL && c->public_urls.count == 0)
        settings_note(c, "issuer",
                      "neither resource_identifier nor public_urls is there: the aud of tokens is "
                      "compared with the URL as requests name it; say which it is");
    if (!c->speaks[DIALECT_0X] && settings_place_of(c, "max_request_body_size") == NULL)
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
            settings_refuse(c, "public_urls",
                            "expected https://host[:port], or that and %s: %.200s", c->path,
                            c->public_urls.items[i]);
    }
}

static void
judge_proxies(struct config *c)
{
    if (c->trusted_proxies.count == 0) {
        string_list_add(&c->trusted_proxies, SLICE("127.0.0.0/8"));
        string_list_add(&c->trusted_proxies, SLICE("::1"));
    } else if (c->forwarded == FORWARDED_NONE) {
        settings_note(c, "trusted_proxies",
                      "no effect without forwarded x-forwarded or forwarded forwarded");
    }
    free(c->proxies);
    c->proxy_count = c->trusted_proxies.count;
    c->proxies = xalloc(c->proxy_count * sizeof *c->proxies);
    for (size_t i = 0; i < c->proxy_count; i++)
        if (!cidr_read(slice_of(c->trusted_proxies.items[i]), &c->proxies[i]))
            settings_refuse(c, "trusted_proxies",
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
        settings_refuse(c, "cookie_name", "a name of letters, digits and - . _");
    for (size_t i = 0; i < id.len; i++) {
        if ((unsigned char)id.ptr[i] > ' ' && id.ptr[i] != 0x7f && id.ptr[i] != '"')
            continue;
        settings_refuse(c, "resource_identifier", "a blank, quote or control character");
        break;
    }
    if (c->ui_metrics != UI_METRICS_NONE && !c->ui)
        settings_note(c, "ui_metrics", "no effect without ui");
    if (slice_starts(health, path) && (health.len == path.len || health.ptr[path.len] == '/'))
        settings_refuse(c, "healthz", "%s is the hub's own path; take another one", c->healthz);
}

void
judge_update_size(struct config *c)
{
    uint64_t most = c->transport == TRANSPORT_MEMORY ? UINT64_MAX : c->max_bytes / 4;
    uint64_t body = c->max_request_body_size;
    if (c->transport == TRANSPORT_REDIS && most > REDIS_LARGEST)
        most = REDIS_LARGEST;
    c->update_size_follows |= c->max_update_size == 0;
    if (c->update_size_follows)
        c->max_update_size = 2 * body < most ? 2 * body : most;
    if (c->max_update_size > most)
        settings_refuse(
            c, "max_update_size", "at most a quarter of history's max_bytes%s, here %llu",
            most == REDIS_LARGEST ? ", and what Redis takes" : "", (unsigned long long)most);
}

void
judge_history_size(struct config *c)
{
    if (c->max_bytes == 0)
        c->max_bytes = c->transport == TRANSPORT_REDIS ? REDIS_BYTES : DISK_BYTES;
    if (c->max_bytes < LEAST_BYTES)
        settings_refuse(c, "history", "max_bytes: must be 1MiB or more");
}

static void
judge_history(struct config *c)
{
    if (c->transport == TRANSPORT_MEMORY &&
        (settings_place_of(c, "history") || settings_place_of(c, "durability")))
        settings_refuse(c, "transport",
                        "history and durability are of transport log; with transport memory there "
                        "is tail alone");
    judge_history_size(c);
    if (c->transport == TRANSPORT_REDIS)
        redis_setting_judge(c);
    judge_update_size(c);
}

/* One alone always has room in the share of the budget that they have. */
static void
judge_query(struct config *c)
{
    uint64_t need = QUERY_MATCHERS * ESCAPED * c->max_matcher_length + QUERY_REST;
    uint64_t share = c->max_pending_bytes / CONFIG_QUERY_SHARE;
    if (c->max_query_body_size > share)
        settings_refuse(c, "max_query_body_size", "at most a quarter of max_pending_bytes");
    if (c->max_query_body_size == 0)
        c->max_query_body_size = need < share ? need : share;
}

void
judge_config(struct config_reading *r)
{
    struct config *c = r->config;
    if (c->heartbeat_ms == 0)
        settings_note(c, "heartbeat",
                      "off: most fronts notice a client that left only when they write to "
                      "it, and cut silent streams after 60 s");
    if (c->max_streams == 0)
        settings_note(c, "max_streams", "0: nobody can subscribe");
    judge_origins(c);
    judge_keys(r);
    judge_dialects(r);
    judge_urls(c);
    judge_proxies(c);
    judge_names(c);
    judge_history(c);
    judge_query(c);
}
