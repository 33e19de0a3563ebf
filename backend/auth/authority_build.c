/* authority_build - the settings of keys, one after another, each fault with the line that it
 * stands in. */

#include "auth/authority_build.h"

static void
say(struct string_list *list, const char *place, const struct error *sentence)
{
    struct error line;
    if (list == NULL || sentence->text[0] == 0)
        return;
    error_set(&line, "%.200s: %.300s", place, sentence->text);
    string_list_add(list, slice_of(line.text));
}

static bool
add_set(struct authority *a, const char *issuer, enum role role, const struct key_setting *k,
        struct key_source *source, struct error *err)
{
    struct slice names[ALGORITHM_COUNT];
    if (k->algs.count > COUNT_OF(names))
        return error_set(err, "there are %d algorithms", ALGORITHM_COUNT);
    for (size_t i = 0; i < k->algs.count; i++)
        names[i] = slice_of(k->algs.items[i]);
    return authority_add_source(a, issuer, role, source, names, k->algs.count, err);
}

/* As far as it has come. */
static void
note_set(struct key_source *source, struct error *ret_note)
{
    struct key_set *set = key_source_current(source, NULL);
    if (set && set->count == 0)
        error_set(ret_note, "the JWK set has no key that can be used: it vouches for nobody");
    key_set_unref(&set);
}

static void
add(struct authority *a, const char *issuer, const struct key_setting keys[ROLES],
    struct key_source *const *sources, struct string_list *notes, struct string_list *errors)
{
    for (size_t i = 0; i < ROLES; i++) {
        const struct key_setting *k = &keys[i];
        struct error why = {""}, note = {""};
        bool ok = true;
        if (k->url && sources == NULL)
            ok = error_set(&why, "there is nothing here that fetches JWK sets");
        else if (k->url) {
            ok = add_set(a, issuer, (enum role)i, k, sources[k->source], &why);
            note_set(sources[k->source], &note);
        } else if (k->text.len)
            ok = authority_add_key(a, issuer, (enum role)i, SLICE_OF(k->text.ptr, k->text.len),
                                   slice_of(k->algs.count ? k->algs.items[0] : NULL),
                                   k->may_guess_alg ? KEY_MAY_CHOOSE : KEY_MUST_NAME, &note, &why);
        if (ok)
            say(notes, k->place, &note);
        else
            say(errors, k->place, &why);
    }
}

/* A Unix socket is somebody's front, so others come by it. */
static bool
listens_on_loopback_alone(const struct config *c)
{
    bool alone = true;
    for (size_t i = 0; i < c->listen.count; i++) {
        struct slice address = slice_of(c->listen.items[i]);
        alone &= slice_starts(address, SLICE("127.")) || slice_starts(address, SLICE("[::1]"));
    }
    return alone;
}

struct authority *
authority_build(const struct config *c, struct key_source *const *sources,
                struct string_list *notes, struct string_list *errors)
{
    const struct authority_limits limits = {
        .loopback_only = listens_on_loopback_alone(c),
        .leeway_ms = c->leeway_ms,
        .rights = {c->max_token_selectors, c->max_authorization_details}};
    struct authority *a = authority_new(&limits);
    size_t before = errors->count;
    add(a, NULL, c->keys, sources, notes, errors);
    for (size_t i = 0; i < c->issuer_count; i++) {
        const struct issuer_setting *s = &c->issuers[i];
        struct error why;
        if (authority_add_issuer(a, s->id, &why))
            add(a, s->id, s->keys, sources, notes, errors);
        else
            say(errors, s->place, &why);
    }
    if (errors->count > before)
        authority_free(&a);
    return a;
}
