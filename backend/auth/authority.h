#ifndef AUTH_AUTHORITY_H
#define AUTH_AUTHORITY_H

/* Whose tokens count: the 0.x key of each role, and the issuers of 1.0 with theirs. Built by one
 * thread from the configuration's strings, then an immutable snapshot for any thread; only the key
 * sets behind a key_source change. */

#include "auth/grant.h"
#include "auth/key_set.h"
#include "auth/key_text.h"
#include "auth/rights.h"

struct authority;

struct authority_limits {
    uint64_t leeway_ms; /* clock skew allowed for exp and nbf */
    struct rights_limits rights;
    bool loopback_only; /* nobody else can come: well-known secrets are not warned of */
};

struct authority *authority_new(const struct authority_limits *); /* empty; caller owns */
void authority_free(struct authority **); /* sets the pointer to NULL; NULL is fine */

/* While it is built. `issuer` NULL: 0.x. A role has a key or a source, once.
 * authority_add_key(): KEY [ALG] as key_read() takes it; false: err says why. On success *ret_note
 * (may be NULL) is what an operator should hear, or empty.
 * authority_add_source(): algorithms by name; none: the asymmetric ones. Keeps a reference of its
 * own. */
MUST_CHECK bool authority_add_key(struct authority *, const char *issuer, enum role,
                                  struct slice text, struct slice alg, enum key_default,
                                  struct error *ret_note, struct error *err);
MUST_CHECK bool authority_add_source(struct authority *, const char *issuer, enum role,
                                     struct key_source *, const struct slice *algorithms,
                                     size_t count, struct error *err);
/* An issuer without a key of its own yet (a block with `authority_server` alone). False: it is
 * there already. */
MUST_CHECK bool authority_add_issuer(struct authority *, const char *issuer, struct error *err);

uint64_t authority_serial(const struct authority *); /* no two of a process have the same */
/* It has keys for tokens of that dialect. (A hub without any speaks 0.x all the same, to whoever
 * has no token: config->speaks.) */
bool authority_judges(const struct authority *, enum dialect);

/* Judges a token by the dialect that its `typ` names.
 *     audience   the hub's resource identifier, as of this request; compared with `aud` in 1.0
 *     base       the URL against which URL Patterns of the token stand
 *     TOKEN_OK   the caller owns *ret_grant; `refusal` is untouched
 *     else       `refusal` is filled
 * NO_KEYS_YET and UNKNOWN_KID with refusal->source: a fetch may help; then ask again. */
MUST_CHECK enum token_fault authority_verify(const struct authority *, enum role,
                                             struct slice token, struct slice audience,
                                             struct slice base, uint64_t now_ms,
                                             struct grant **ret_grant,
                                             struct token_refusal *refusal);

/* The dialect of a reply that refuses: what the unverified typ says (PROTOCOL.md, "1.0 errors").
 * An empty token: as one that cannot be read. */
enum dialect authority_reply_dialect(const struct authority *, struct slice token);
/* Is the header's typ that of 1.0? For rules about where such a token may stand. */
bool token_is_access_token(struct slice token);

/* After a reload or a new key set: would the key that verified this grant still be asked for it?
 * (The same role and issuer, the key still there, its algorithm still allowed.) */
bool authority_keeps(const struct authority *, const struct grant *);

#endif
