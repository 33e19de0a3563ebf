/* mint - claims for what is wished, signed with the configuration's key or with one's own.
 *
 * Which dialect, which key, which issuer and which hub follow from the configuration unless they
 * are said. What is made is judged by nobody here. */

#include "cli/mint.h"

#include "auth/base64url.h"
#include "auth/key_text.h"
#include "base/arena.h"
#include "base/clock.h"
#include "base/ids.h"
#include "cli/token_sign.h"

#include <jansson.h>
#include <openssl/crypto.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_TOKEN = 16384, /* a hub refuses what is longer */
};

/* --- the key ---------------------------------------------------------------------------------- */

static const struct issuer_setting *
find_issuer(const struct config *c, const char *id)
{
    for (size_t i = 0; i < c->issuer_count; i++)
        if (id == NULL || strcmp(c->issuers[i].id, id) == 0)
            return &c->issuers[i];
    return NULL;
}

static bool
has_same_text(const struct key_setting *a, const struct key_setting *b)
{
    return slice_eq(SLICE_OF(a->text.ptr, a->text.len), SLICE_OF(b->text.ptr, b->text.len));
}

/* The setting of the configuration that signs what is wished. NULL: err says why. */
static const struct key_setting *
choose_setting(struct mint *w, const struct config *c, struct error *err)
{
    const struct key_setting *keys = c->keys;
    const struct issuer_setting *issuer =
        w->speaks == DIALECT_1_0 ? find_issuer(c, w->issuer) : NULL;
    enum role role = w->publish.count ? ROLE_PUBLISH : ROLE_SUBSCRIBE;
    if (w->speaks == DIALECT_1_0 && issuer == NULL) {
        if (w->issuer)
            error_set(err, "the configuration has no issuer %.200s", w->issuer);
        else
            error_set(err, "the configuration has no issuer, so no token of 1.0 is good");
        return NULL;
    }
    if (issuer) {
        w->issuer = issuer->id;
        keys = issuer->keys;
    }
    if (w->publish.count && w->subscribe.count &&
        !has_same_text(&keys[ROLE_PUBLISH], &keys[ROLE_SUBSCRIBE])) {
        error_set(err, "publishers and subscribers have different keys: make two tokens, one with "
                       "--publish, one with --subscribe");
        return NULL;
    }
    if (keys[role].text.len == 0) {
        error_set(err, keys[role].url ? "the keys are those of a JWK set, so whoever publishes it "
                                        "signs; give the private key with --key-file"
                                      : "the configuration has no key for this role");
        return NULL;
    }
    return &keys[role];
}

/* A JWK with a secret in it becomes the secret. */
static bool
unwrap_jwk(struct buf *key, struct error *err)
{
    json_error_t ignored;
    struct arena arena;
    struct slice secret;
    json_t *jwk = json_loadb(key->ptr ? key->ptr : "", key->len, 0, &ignored);
    const char *k = json_string_value(json_object_get(jwk, "k"));
    bool is_jwk = json_is_object(jwk), ok = !is_jwk;
    arena_init(&arena, KEY_TEXT_MAX);
    if (is_jwk && k && base64url_decode(&arena, slice_of(k), &secret) == PARSE_OK) {
        buf_clear(key);
        buf_add(key, secret);
        ok = true;
    }
    arena_fini(&arena);
    json_decref(jwk);
    return ok ? true
              : error_set(err, "of JWKs only secrets (oct) can sign here; give a private "
                               "key as PEM with --key-file");
}

static void
settle_dialect(struct mint *w, const struct config *c)
{
    bool is_1_0 = w->dialect  ? w->dialect[0] == '1'
                  : w->issuer ? true
                              : c && !c->speaks[DIALECT_0X];
    w->speaks = is_1_0 ? DIALECT_1_0 : DIALECT_0X;
}

static bool
settle_audience(struct mint *w, const struct config *c, struct buf *made, struct error *err)
{
    if (w->speaks == DIALECT_0X || w->audience)
        return true;
    if (c && c->resource_identifier)
        w->audience = c->resource_identifier;
    else if (c && c->public_urls.count == 1) {
        buf_addf(made, "%s%s", c->public_urls.items[0], c->path);
        buf_add_byte(made, 0);
        w->audience = made->ptr;
    }
    return w->audience ? true
                       : error_set(err, "1.0: say --audience, the URL of the hub, as in "
                                        "https://example.com/.well-known/mercure");
}

/* --- the claims ------------------------------------------------------------------------------- */

static json_t *
text(struct slice s)
{
    return json_stringn(s.ptr, s.len);
}

static json_t *
selectors_0x(const struct string_list *list)
{
    json_t *array = json_array();
    for (size_t i = 0; i < list->count; i++)
        json_array_append_new(array, json_string(list->items[i]));
    return array;
}

static json_t *
make_detail(const struct string_list *topics, const char *first, const char *second,
            json_t *payload)
{
    json_t *actions = json_array(), *matchers = json_array();
    json_array_append_new(actions, json_string(first));
    if (second)
        json_array_append_new(actions, json_string(second));
    for (size_t i = 0; i < topics->count; i++) {
        struct slice topic = slice_of(topics->items[i]);
        bool is_pattern = slice_starts(topic, SLICE("urlpattern:"));
        json_t *matcher = json_object();
        if (is_pattern || slice_starts(topic, SLICE("exact:")))
            topic = slice_from(topic, slice_index(topic, ':') + 1);
        json_object_set_new(matcher, "match", text(topic));
        if (is_pattern)
            json_object_set_new(matcher, "match_type", json_string("urlpattern"));
        json_array_append_new(matchers, matcher);
    }
    json_t *detail =
        json_pack("{s:s, s:o, s:o}", "type", "https://mercure.rocks/authorization-detail",
                  "actions", actions, "topics", matchers);
    if (payload)
        json_object_set(detail, "payload", payload);
    return detail;
}

static bool
are_equal(const struct string_list *a, const struct string_list *b)
{
    if (a->count != b->count)
        return false;
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->items[i], b->items[i]) != 0)
            return false;
    return true;
}

static void
add_rights(json_t *claims, const struct mint *w, json_t *payload)
{
    if (w->speaks == DIALECT_0X) {
        json_t *mercure = json_object();
        if (w->publish.count)
            json_object_set_new(mercure, "publish", selectors_0x(&w->publish));
        if (w->subscribe.count)
            json_object_set_new(mercure, "subscribe", selectors_0x(&w->subscribe));
        if (payload)
            json_object_set(mercure, "payload", payload);
        json_object_set_new(claims, "mercure", mercure);
        return;
    }
    json_t *details = json_array();
    if (are_equal(&w->publish, &w->subscribe)) {
        json_array_append_new(details, make_detail(&w->publish, "publish", "subscribe", payload));
    } else {
        if (w->publish.count)
            json_array_append_new(details, make_detail(&w->publish, "publish", NULL, NULL));
        if (w->subscribe.count)
            json_array_append_new(details, make_detail(&w->subscribe, "subscribe", NULL, payload));
    }
    json_object_set_new(claims, "authorization_details", details);
}

/* The claims as text; caller frees. NULL: err says why. */
static char *
make_claims(const struct mint *w, struct error *err)
{
    json_error_t why;
    struct id_source ids;
    char id[IDS_URN_LEN + 1];
    json_t *payload = NULL, *claims = json_object();
    json_int_t now = (json_int_t)(clock_wall_ms() / 1000);
    if (w->payload && (payload = json_loads(w->payload, JSON_DECODE_ANY, &why)) == NULL) {
        error_set(err, "--payload: no JSON (%.200s)", why.text);
        json_decref(claims);
        return NULL;
    }
    if (w->speaks == DIALECT_1_0) {
        id_source_init(&ids);
        id_uuid4(&ids, id);
        json_object_set_new(claims, "iss", json_string(w->issuer));
        json_object_set_new(claims, "aud", json_string(w->audience));
        json_object_set_new(claims, "sub", json_string("alipes-token"));
        json_object_set_new(claims, "client_id", json_string("alipes-token"));
        json_object_set_new(claims, "jti", json_string(id));
    }
    json_object_set_new(claims, "iat", json_integer(now));
    json_object_set_new(claims, "exp", json_integer(now + (json_int_t)((w->exp_ms + 999) / 1000)));
    add_rights(claims, w, payload);
    json_decref(payload);
    char *made = json_dumps(claims, JSON_COMPACT);
    json_decref(claims);
    if (made == NULL)
        error_set(err, "a topic is no UTF-8");
    return made;
}

/* --- all of it -------------------------------------------------------------------------------- */

/* The key and the algorithm that the configuration says for it; `own` where it is not empty. */
static bool
find_key(struct mint *w, const struct config *c, struct slice own, struct buf *key,
         const char **ret_alg, struct error *err)
{
    *ret_alg = w->alg;
    if (own.len && w->speaks == DIALECT_1_0 && w->issuer == NULL && c && c->issuer_count)
        w->issuer = c->issuers[0].id;
    if (own.len && w->speaks == DIALECT_1_0 && w->issuer == NULL)
        return error_set(err, "1.0: say --issuer, the name that the hub's configuration knows");
    if (own.len) {
        buf_add(key, own);
        return true;
    }
    const struct key_setting *setting = choose_setting(w, c, err);
    if (setting == NULL)
        return false;
    buf_add(key, SLICE_OF(setting->text.ptr, setting->text.len));
    if (w->alg == NULL && setting->algs.count)
        *ret_alg = setting->algs.items[0];
    return true;
}

static bool
sign(struct mint *w, struct buf *key, const char *alg, struct buf *out, struct error *err)
{
    struct key *k = key_read(buf_slice(key), slice_of(alg), KEY_MAY_CHOOSE, err);
    char *claims = k ? make_claims(w, err) : NULL;
    bool ok = claims && unwrap_jwk(key, err) &&
              token_sign(key_algorithm(k), buf_slice(key),
                         w->speaks == DIALECT_1_0 ? "at+jwt" : "JWT", claims, out, err);
    if (ok && out->len > MAX_TOKEN)
        ok = error_set(err, "the token has %zu bytes, and a hub takes %d", out->len, MAX_TOKEN);
    key_free(&k);
    free(claims);
    return ok;
}

bool
mint_token(struct mint *w, const struct config *c, struct slice own_key, struct buf *out,
           struct error *err)
{
    const char *alg;
    struct buf audience, key;
    buf_init(&audience, MAX_TOKEN);
    buf_init(&key, KEY_TEXT_MAX);
    settle_dialect(w, c);
    bool ok = find_key(w, c, own_key, &key, &alg, err) && settle_audience(w, c, &audience, err) &&
              sign(w, &key, alg, out, err);
    if (key.ptr)
        OPENSSL_cleanse(key.ptr, key.len);
    buf_fini(&key);
    buf_fini(&audience);
    return ok;
}

void
mint_fini(struct mint *w)
{
    string_list_clear(&w->publish);
    string_list_clear(&w->subscribe);
}
