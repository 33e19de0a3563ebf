/* authority - whose key is asked, and then only that one.
 *
 *     object      made by            shared                     freed
 *     authority   one thread         after that: immutable      by its owner, the rules of a load
 *
 * A token's `typ` chooses the dialect, in 1.0 its `iss` the issuer, the caller the role: together
 * they name one trust, a set of keys and the algorithms that may be used with it. Nothing of the
 * token chooses among anything else: `kid` only picks within that set. */

#include "auth/authority.h"

#include "auth/claims.h"
#include "auth/jws.h"
#include "base/alloc.h"
#include "base/hash.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

enum {
    /* Signatures tried for a token without a kid: what it may cost is bounded. */
    MAX_TRIES = 8,
};

/* Keys and what they may be used with; neither set nor source: there is none. */
struct trust {
    struct key_set *fixed;     /* owns a reference */
    struct key_source *source; /* owns a reference */
    algorithm_mask algorithms;
};

struct issuer {
    char *id; /* owns */
    struct trust trusts[ROLES];
};

struct authority {
    uint64_t serial; /* no two authorities of a process have the same */
    struct authority_limits limits;
    struct trust trusts[ROLES]; /* 0.x */
    struct issuer *issuers;     /* owns */
    size_t issuer_count;
};

/* --- construction ----------------------------------------------------------------------------- */

struct authority *
authority_new(const struct authority_limits *limits)
{
    struct authority *a = xalloc(sizeof *a);
    a->serial = auth_next_generation();
    a->limits = *limits;
    return a;
}

static void
drop_trust(struct trust *t)
{
    key_set_unref(&t->fixed);
    key_source_unref(&t->source);
}

void
authority_free(struct authority **ref)
{
    struct authority *a = *ref;
    *ref = NULL;
    if (a == NULL)
        return;
    for (size_t role = 0; role < ROLES; role++) {
        drop_trust(&a->trusts[role]);
        for (size_t i = 0; i < a->issuer_count; i++)
            drop_trust(&a->issuers[i].trusts[role]);
    }
    for (size_t i = 0; i < a->issuer_count; i++)
        free(a->issuers[i].id);
    free(a->issuers);
    free(a);
}

static struct issuer *
find_issuer(const struct authority *a, struct slice id)
{
    for (size_t i = 0; i < a->issuer_count; i++)
        if (slice_eq(slice_of(a->issuers[i].id), id))
            return &a->issuers[i];
    return NULL;
}

bool
authority_add_issuer(struct authority *a, const char *id, struct error *err)
{
    if (id[0] == 0)
        return error_set(err, "an issuer has a name that is not empty");
    if (find_issuer(a, slice_of(id)))
        return error_set(err, "the issuer %.200s is there twice", id);
    a->issuers = xrealloc(a->issuers, (a->issuer_count + 1) * sizeof *a->issuers);
    a->issuers[a->issuer_count++] = (struct issuer){.id = xstrndup(id, strlen(id))};
    return true;
}

/* The place for a role's keys, made where it is missing. NULL: err says why. */
static struct trust *
claim_trust(struct authority *a, const char *issuer, enum role role, struct error *err)
{
    struct trust *t = &a->trusts[role];
    if (issuer) {
        if (!find_issuer(a, slice_of(issuer)) && !authority_add_issuer(a, issuer, err))
            return NULL;
        t = &find_issuer(a, slice_of(issuer))->trusts[role];
    }
    if (t->fixed || t->source) {
        error_set(err, "there is a %s key already: one key or one JWK set for each role",
                  role_name(role));
        return NULL;
    }
    return t;
}

/* What an operator should hear about it. */
static void
note_key(const struct key *k, bool alg_was_chosen, bool loopback_only, struct error *ret_note)
{
    struct error warning = {""};
    ret_note->text[0] = 0;
    bool is_unwise = key_warning(k, loopback_only, &warning);
    if (alg_was_chosen && key_kind_of(k) != KEY_SECRET)
        error_set(ret_note, "no algorithm is named for this key, so it is %s%s%.300s",
                  key_algorithm(k)->name, is_unwise ? "; " : "", warning.text);
    else if (is_unwise)
        *ret_note = warning;
}

bool
authority_add_key(struct authority *a, const char *issuer, enum role role, struct slice text,
                  struct slice alg, enum key_default standard, struct error *ret_note,
                  struct error *err)
{
    struct trust *t = claim_trust(a, issuer, role, err);
    struct key *k = t ? key_read(text, alg, standard, err) : NULL;
    if (k == NULL)
        return false;
    if (ret_note)
        note_key(k, alg.len == 0, a->limits.loopback_only, ret_note);
    t->algorithms = algorithm_bit(key_algorithm(k));
    t->fixed = key_set_of(k);
    return true;
}

bool
authority_add_source(struct authority *a, const char *issuer, enum role role,
                     struct key_source *source, const struct slice *algorithms, size_t count,
                     struct error *err)
{
    struct trust *t = claim_trust(a, issuer, role, err);
    if (t == NULL)
        return false;
    algorithm_mask mask = count ? 0 : algorithm_asymmetric();
    for (size_t i = 0; i < count; i++) {
        const struct algorithm *row = algorithm_find(algorithms[i]);
        if (row == NULL)
            return error_set(err, "the algorithm " SLICE_FMT " is not known",
                             SLICE_ARG(slice_head(algorithms[i], 40)));
        mask |= algorithm_bit(row);
    }
    t->algorithms = mask;
    t->source = key_source_ref(source);
    return true;
}

/* --- asking ----------------------------------------------------------------------------------- */

bool
authority_judges(const struct authority *a, enum dialect dialect)
{
    if (dialect == DIALECT_1_0)
        return a->issuer_count > 0;
    for (size_t role = 0; role < ROLES; role++)
        if (a->trusts[role].fixed || a->trusts[role].source)
            return true;
    return false;
}

uint64_t
authority_serial(const struct authority *a)
{
    return a->serial;
}

static enum dialect
reply_dialect(const struct authority *a, const struct jws *j)
{
    if (!authority_judges(a, DIALECT_1_0))
        return DIALECT_0X;
    if (!authority_judges(a, DIALECT_0X))
        return DIALECT_1_0;
    return j->typ_is_known && !j->is_access_token ? DIALECT_0X : DIALECT_1_0;
}

enum dialect
authority_reply_dialect(const struct authority *a, struct slice token)
{
    struct jws j;
    struct arena arena;
    arena_init(&arena, 4 * TOKEN_MAX);
    enum token_fault ignored = jws_read(&j, token, &arena);
    (void)ignored;
    arena_fini(&arena);
    return reply_dialect(a, &j);
}

bool
token_is_access_token(struct slice token)
{
    struct jws j;
    struct arena arena;
    arena_init(&arena, 4 * TOKEN_MAX);
    enum token_fault ignored = jws_read(&j, token, &arena);
    (void)ignored;
    arena_fini(&arena);
    return j.is_access_token;
}

/* --- one token -------------------------------------------------------------------------------- */

static void
note(char *into, size_t size, struct slice text)
{
    size_t len = text.len < size ? text.len : size - 1;
    if (len)
        memcpy(into, text.ptr, len);
    into[len] = 0;
}

/* Which keys of the set may be asked: those with the token's kid; where none has it, those that
 * have none. *ret_kid_is_there: the first case. */
static bool
is_candidate(const struct key *k, const struct jws *j, bool kid_is_there)
{
    return !j->has_kid || (kid_is_there ? slice_eq(key_kid(k), j->kid) : key_kid(k).ptr == NULL);
}

static enum token_fault
try_keys(const struct key_set *set, const struct jws *j, struct grant *g)
{
    bool kid_is_there = false;
    unsigned candidates = 0, tries = 0;
    for (size_t i = 0; i < set->count && j->has_kid; i++)
        kid_is_there |= key_kid(set->keys[i]).ptr && slice_eq(key_kid(set->keys[i]), j->kid);
    for (size_t i = 0; i < set->count && tries < MAX_TRIES; i++) {
        const struct key *k = set->keys[i];
        if (!is_candidate(k, j, kid_is_there))
            continue;
        candidates++;
        if (!key_fits(k, j->algorithm))
            continue;
        tries++;
        if (key_verify(k, j->algorithm, j->input, j->signature)) {
            memcpy(g->mark, key_mark(k), KEY_MARK_LEN);
            g->algorithm = j->algorithm;
            return TOKEN_OK;
        }
    }
    return candidates == 0 ? TOKEN_UNKNOWN_KID : tries == 0 ? TOKEN_BAD_ALG : TOKEN_BAD_SIGNATURE;
}

static enum token_fault
check_signature(const struct trust *t, const struct jws *j, struct grant *g,
                struct token_refusal *refusal)
{
    if (t->fixed == NULL && t->source == NULL)
        return TOKEN_NO_ROLE_KEY;
    if (j->algorithm == NULL || !(t->algorithms & algorithm_bit(j->algorithm)))
        return TOKEN_BAD_ALG;
    if (t->fixed)
        return try_keys(t->fixed, j, g);
    struct key_set *set = key_source_current(t->source, &refusal->source_version);
    enum token_fault fault = set && !set->is_too_old ? try_keys(set, j, g) : TOKEN_NO_KEYS_YET;
    key_set_unref(&set);
    if (fault == TOKEN_NO_KEYS_YET || fault == TOKEN_UNKNOWN_KID)
        refusal->source = t->source;
    return fault;
}

/* The trust that a 1.0 token's issuer names. */
static enum token_fault
find_trust(const struct authority *a, const json_t *claims, enum role role,
           const struct trust **ret, struct grant *g, struct token_refusal *refusal)
{
    const json_t *iss = json_object_get(claims, "iss");
    if (!json_is_string(iss))
        return TOKEN_BAD_ISS;
    struct slice id = SLICE_OF(json_string_value(iss), json_string_length(iss));
    note(refusal->iss, sizeof refusal->iss, id);
    const struct issuer *issuer = find_issuer(a, id);
    if (issuer == NULL)
        return TOKEN_UNKNOWN_ISS;
    g->issuer = xstrndup(id.ptr, id.len);
    *ret = &issuer->trusts[role];
    return TOKEN_OK;
}

static enum token_fault
judge(const struct authority *a, const struct jws *j, struct claims_rules *rules, struct grant *g,
      struct token_refusal *refusal)
{
    const struct trust *trust = &a->trusts[refusal->role];
    rules->dialect = refusal->dialect;
    if (!authority_judges(a, rules->dialect))
        return rules->dialect == DIALECT_0X ? TOKEN_NO_0X : TOKEN_NO_1_0;
    json_t *claims = claims_parse(j->payload);
    if (claims == NULL)
        return TOKEN_BAD_CLAIMS;
    enum token_fault fault = TOKEN_OK;
    if (rules->dialect == DIALECT_1_0) {
        fault = find_trust(a, claims, refusal->role, &trust, g, refusal);
        g->audience = xstrndup(rules->audience.ptr ? rules->audience.ptr : "", rules->audience.len);
    }
    if (fault == TOKEN_OK)
        fault = check_signature(trust, j, g, refusal);
    if (fault == TOKEN_OK)
        fault = claims_judge(claims, j->payload, rules, g, refusal);
    json_decref(claims);
    return fault;
}

enum token_fault
authority_verify(const struct authority *a, enum role role, struct slice token,
                 struct slice audience, struct slice base, uint64_t now_ms,
                 struct grant **ret_grant, struct token_refusal *ret_refusal)
{
    struct jws j;
    struct arena arena;
    struct token_refusal refusal = {.role = role};
    struct claims_rules rules = {.audience = audience,
                                 .base = base,
                                 .now_ms = now_ms,
                                 .leeway_ms = a->limits.leeway_ms,
                                 .limits = a->limits.rights};
    struct grant *g = xalloc(sizeof *g);
    atomic_init(&g->refs, 1);
    g->role = role;
    arena_init(&arena, 4 * TOKEN_MAX);
    enum token_fault fault = jws_read(&j, token, &arena);
    refusal.reply_dialect = reply_dialect(a, &j);
    refusal.dialect = j.typ_is_known      ? (j.is_access_token ? DIALECT_1_0 : DIALECT_0X)
                      : fault == TOKEN_OK ? DIALECT_0X
                                          : refusal.reply_dialect;
    note(refusal.kid, sizeof refusal.kid, j.kid);
    note(refusal.alg, sizeof refusal.alg, j.alg);
    if (fault == TOKEN_OK)
        fault = judge(a, &j, &rules, g, &refusal);
    arena_fini(&arena);
    if (fault == TOKEN_OK) {
        g->key_hash = hash_slice(token);
        *ret_grant = g;
    } else {
        grant_unref(&g);
        refusal.fault = fault;
        *ret_refusal = refusal;
    }
    return fault;
}

static bool
trust_keeps(const struct trust *t, const struct grant *g)
{
    struct key_set *set = t->fixed    ? key_set_ref(t->fixed)
                          : t->source ? key_source_current(t->source, NULL)
                                      : NULL;
    bool found = false;
    for (size_t i = 0; set && i < set->count && !found; i++)
        found = memcmp(key_mark(set->keys[i]), g->mark, KEY_MARK_LEN) == 0 &&
                key_fits(set->keys[i], g->algorithm);
    found &= (t->algorithms & algorithm_bit(g->algorithm)) != 0;
    /* A source that has no set (yet) says nothing against anybody. */
    found |= set == NULL && t->source;
    key_set_unref(&set);
    return found;
}

bool
authority_keeps(const struct authority *a, const struct grant *g)
{
    if (g->dialect == DIALECT_0X)
        return trust_keeps(&a->trusts[g->role], g);
    const struct issuer *issuer = find_issuer(a, slice_of(g->issuer));
    return issuer && trust_keeps(&issuer->trusts[g->role], g);
}
