/* jws - three parts and a header.
 *
 * What one gets wrong: the header is the sender's. `alg` here is only a name that somebody else
 * compares with the key's; keys that stand in the header are not looked at; `crit` asks for
 * something that we would have to know, and we know nothing of that kind. */

#include "auth/jws.h"

#include "auth/base64url.h"

#include <jansson.h>
#include <string.h>

static bool
is_access_token(struct slice typ)
{
    return slice_eq_nocase(typ, SLICE("at+jwt")) ||
           slice_eq_nocase(typ, SLICE("application/at+jwt"));
}

static bool
read_text(const json_t *object, const char *name, struct arena *arena, bool *ret_has,
          struct slice *ret)
{
    const json_t *value = json_object_get(object, name);
    *ret_has = value != NULL;
    if (value == NULL)
        return true;
    return json_is_string(value) &&
           arena_copy(arena, SLICE_OF(json_string_value(value), json_string_length(value)), ret);
}

static enum token_fault
parse_header(struct jws *j, struct slice text, struct arena *arena)
{
    json_error_t ignored;
    struct slice typ = {0};
    bool has_alg, has_typ;
    json_t *h = json_loadb(text.ptr ? text.ptr : "", text.len, JSON_REJECT_DUPLICATES, &ignored);
    enum token_fault fault = TOKEN_OK;
    if (json_is_object(h)) {
        bool typ_is_text = read_text(h, "typ", arena, &has_typ, &typ);
        j->typ_is_known = has_typ && typ_is_text;
        j->is_access_token = j->typ_is_known && is_access_token(typ);
    }
    if (!json_is_object(h) || !read_text(h, "alg", arena, &has_alg, &j->alg) || !has_alg ||
        !read_text(h, "kid", arena, &j->has_kid, &j->kid))
        fault = TOKEN_BAD_HEADER;
    else if (json_object_get(h, "crit"))
        fault = TOKEN_CRIT;
    j->algorithm = algorithm_find(j->alg);
    json_decref(h);
    return fault;
}

/* The last good header without a kid, as it came: nearly all tokens of a hub have the same. */
struct known_header {
    size_t len;
    char encoded[128];
    const struct algorithm *algorithm;
    bool typ_is_known, is_access_token;
};

static enum token_fault
read_header(struct jws *j, struct slice encoded, struct arena *arena)
{
    static _Thread_local struct known_header known;
    struct slice text;
    if (known.len && slice_eq(encoded, SLICE_OF(known.encoded, known.len))) {
        j->algorithm = known.algorithm;
        j->alg = slice_of(known.algorithm->name);
        j->typ_is_known = known.typ_is_known;
        j->is_access_token = known.is_access_token;
        return TOKEN_OK;
    }
    if (base64url_decode(arena, encoded, &text) != PARSE_OK)
        return TOKEN_MALFORMED;
    enum token_fault fault = parse_header(j, text, arena);
    if (fault == TOKEN_OK && j->algorithm && !j->has_kid && encoded.len <= sizeof known.encoded) {
        known = (struct known_header){.len = encoded.len,
                                      .algorithm = j->algorithm,
                                      .typ_is_known = j->typ_is_known,
                                      .is_access_token = j->is_access_token};
        memcpy(known.encoded, encoded.ptr, encoded.len);
    }
    return fault;
}

enum token_fault
jws_read(struct jws *j, struct slice token, struct arena *arena)
{
    *j = (struct jws){0};
    if (token.len > TOKEN_MAX)
        return TOKEN_TOO_LARGE;
    size_t first = slice_index(token, '.');
    struct slice header = slice_head(token, first), rest = slice_from(token, first + 1);
    size_t second = slice_index(rest, '.');
    if (first == token.len)
        return TOKEN_MALFORMED;
    enum token_fault fault = read_header(j, header, arena);
    if (fault == TOKEN_MALFORMED || second == rest.len ||
        base64url_decode(arena, slice_head(rest, second), &j->payload) != PARSE_OK ||
        base64url_decode(arena, slice_from(rest, second + 1), &j->signature) != PARSE_OK)
        return TOKEN_MALFORMED;
    j->input = slice_head(token, first + 1 + second);
    return fault;
}
