/* own_token - what the doctor publishes and subscribes with. */

#include "cli/doctor/own_token.h"

#include "auth/key_text.h"
#include "base/clock.h"
#include "cli/token_sign.h"

#include <jansson.h>
#include <stdlib.h>

enum {
    LIFE_SECONDS = 300
};

static json_t *
claims_0x(enum role role, const char *topic)
{
    return json_pack("{s:{s:[s]}}", "mercure", role == ROLE_PUBLISH ? "publish" : "subscribe",
                     topic);
}

static json_t *
claims_1_0(const struct config *c, const struct issuer_setting *issuer, enum role role,
           const char *topic, const char *hub_url)
{
    return json_pack("{s:s, s:s, s:s, s:s, s:s, s:[{s:s, s:[s], s:[{s:s}]}]}", "iss", issuer->id,
                     "aud", c->resource_identifier ? c->resource_identifier : hub_url, "sub",
                     "alipes-doctor", "client_id", "alipes-doctor", "jti", topic,
                     "authorization_details", "type", "https://mercure.rocks/authorization-detail",
                     "actions", role == ROLE_PUBLISH ? "publish" : "subscribe", "topics", "match",
                     topic);
}

static bool
sign(const struct key_setting *k, const char *typ, json_t *claims, struct buf *out,
     struct error *err)
{
    struct slice text = SLICE_OF(k->text.ptr, k->text.len);
    struct key *key =
        key_read(text, slice_of(k->algs.count ? k->algs.items[0] : NULL), KEY_MAY_CHOOSE, err);
    bool ok = key != NULL;
    json_object_set_new(claims, "exp",
                        json_integer((json_int_t)(clock_wall_ms() / 1000) + LIFE_SECONDS));
    char *made = json_dumps(claims, JSON_COMPACT);
    if (ok && (key_kind_of(key) != KEY_SECRET || text.ptr[0] == '{'))
        ok = error_set(err, "the configuration has no secret to sign with: give a token (--token)");
    ok = ok && made && token_sign(key_algorithm(key), text, typ, made, out, err);
    free(made);
    key_free(&key);
    return ok;
}

bool
own_token_make(const struct config *c, enum role role, const char *topic, const char *hub_url,
               struct buf *out, struct error *err)
{
    const struct issuer_setting *issuer =
        !c->speaks[DIALECT_0X] && c->issuer_count ? &c->issuers[0] : NULL;
    const struct key_setting *key = issuer ? &issuer->keys[role] : &c->keys[role];
    if (key->text.len == 0)
        return error_set(err, "the configuration has no key of its own for this role: give a "
                              "token (--token)");
    json_t *claims = issuer ? claims_1_0(c, issuer, role, topic, hub_url) : claims_0x(role, topic);
    bool ok = sign(key, issuer ? "at+jwt" : "JWT", claims, out, err);
    json_decref(claims);
    return ok;
}
