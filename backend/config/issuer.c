/* issuer - who may sign tokens of protocol 1.0, and with what. */

#include "config/issuer.h"

#include "base/alloc.h"

#include <stdlib.h>
#include <string.h>

enum {
    MAX_ISSUERS = 1000,
    MAX_WORDS = 32, /* of a statement */
};

struct reader {
    struct config_reading *reading;
    const struct block_word *words;
    size_t count, at;
};

static struct issuer_setting *
add(struct config_reading *r, struct slice id, struct error *err)
{
    struct config *c = r->config;
    if (id.len == 0) {
        error_set(err, "issuer: expected issuer ID { … }");
        return NULL;
    }
    for (size_t i = 0; i < c->issuer_count; i++) {
        if (slice_eq(slice_of(c->issuers[i].id), id)) {
            error_set(err, "issuer " SLICE_FMT ": it is there twice",
                      SLICE_ARG(slice_head(id, 200)));
            return NULL;
        }
    }
    if (c->issuer_count == MAX_ISSUERS) {
        error_set(err, "issuer: more than %d", MAX_ISSUERS);
        return NULL;
    }
    c->issuers = xrealloc(c->issuers, (c->issuer_count + 1) * sizeof *c->issuers);
    struct issuer_setting *s = &c->issuers[c->issuer_count++];
    struct error place;
    error_set(&place, "%s:%u: issuer", r->file ? r->file : "", r->line);
    *s = (struct issuer_setting){.id = xstrndup(id.ptr, id.len),
                                 .place = xstrndup(place.text, strlen(place.text))};
    return s;
}

static const struct block_word *
next(struct reader *r)
{
    while (r->at < r->count && r->words[r->at].kind == LEX_LINE_END)
        r->at++;
    if (r->at == r->count)
        return NULL;
    r->reading->line = r->words[r->at].line;
    return &r->words[r->at++];
}

/* The words that follow on the same line. */
static size_t
take_words(struct reader *r, struct slice *ret, size_t max)
{
    size_t n = 0;
    while (r->at < r->count && r->words[r->at].kind == LEX_WORD && n < max)
        ret[n++] = r->words[r->at++].text;
    return n;
}

/* publisher { … } or subscriber { … }, behind its name. */
static bool
read_role(struct reader *r, struct key_setting *k, const char *role, struct error *err)
{
    const struct block_word *w = next(r);
    if (w == NULL || w->kind != LEX_OPEN || !key_setting_is_empty(k))
        return error_set(err, "issuer: expected one %s { jwt KEY [ALG] } or %s { jwks_uri URL }",
                         role, role);
    while ((w = next(r)) != NULL && w->kind != LEX_CLOSE) {
        struct slice args[MAX_WORDS];
        bool is_key = w->kind == LEX_WORD && slice_eq(w->text, SLICE("jwt"));
        bool is_url = w->kind == LEX_WORD && slice_eq(w->text, SLICE("jwks_uri"));
        size_t count = take_words(r, args, MAX_WORDS);
        if (!is_key && !is_url)
            return error_set(err, "issuer: %s takes jwt KEY [ALG] or jwks_uri URL [ALG…]", role);
        if (!key_setting_is_empty(k))
            return error_set(err, "issuer: %s has one jwt or one jwks_uri, not several", role);
        if (count == 0 || (is_key && count > 2))
            return error_set(err, "issuer: expected %s",
                             is_key ? "jwt KEY [ALG]" : "jwks_uri URL [ALG…]");
        const char *name = is_key ? "jwt" : "jwks_uri";
        struct error why;
        if (!(is_key ? reading_set_key : reading_set_url)(r->reading, k, name, args, count, &why))
            return error_set(err, "issuer: %s: %.400s", name, why.text);
    }
    if (w == NULL || key_setting_is_empty(k))
        return error_set(err, "issuer: %s is without jwt or jwks_uri", role);
    return true;
}

bool
issuer_read(struct config_reading *reading, struct slice id, const struct block_word *words,
            size_t count, struct error *err)
{
    static const char *const roles[ROLES] = {"publisher", "subscriber"};
    unsigned line = reading->line;
    struct issuer_setting *s = add(reading, id, err);
    struct reader r = {reading, words, count, 0};
    const struct block_word *w;
    if (s == NULL)
        return false;
    while ((w = next(&r)) != NULL) {
        size_t role = ROLES;
        for (size_t i = 0; w->kind == LEX_WORD && i < ROLES; i++)
            if (slice_eq(w->text, slice_of(roles[i])))
                role = i;
        if (role < ROLES) {
            if (!read_role(&r, &s->keys[role], roles[role], err))
                return false;
        } else if (w->kind == LEX_WORD && slice_eq(w->text, SLICE("authorization_server"))) {
            s->authorization_server = true;
        } else {
            return error_set(err, "issuer: it takes authorization_server, publisher { … } and "
                                  "subscriber { … }");
        }
    }
    reading->line = line;
    if (key_setting_is_empty(&s->keys[ROLE_PUBLISH]) &&
        key_setting_is_empty(&s->keys[ROLE_SUBSCRIBE]))
        return error_set(err, "issuer: neither publisher nor subscriber has a key");
    return true;
}

bool
issuer_add_with_own_keys(struct config_reading *r, struct slice id, struct error *err)
{
    struct issuer_setting *s = add(r, id, err);
    if (s == NULL)
        return false;
    for (size_t i = 0; i < ROLES; i++) {
        const struct key_setting *own = &r->config->keys[i];
        struct key_setting *k = &s->keys[i];
        k->text = (struct string){xstrndup(own->text.ptr, own->text.len), own->text.len};
        k->url = own->url ? xstrndup(own->url, strlen(own->url)) : NULL;
        k->place = xstrndup(own->place ? own->place : s->place,
                            strlen(own->place ? own->place : s->place));
        k->may_guess_alg = own->may_guess_alg;
        for (size_t a = 0; a < own->algs.count; a++)
            string_list_add(&k->algs, slice_of(own->algs.items[a]));
    }
    return true;
}
