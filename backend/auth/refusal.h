#ifndef AUTH_REFUSAL_H
#define AUTH_REFUSAL_H

/* Why a request may not: words for the log and for X-Alipes-Reason, never for the reply. */

#include "base/buf.h"
#include "base/dialect.h"
#include "base/slice.h"

/* The first group is about the token, the second about the request that carries it. */
#define TOKEN_FAULTS(X)                                                                            \
    X(OK, "ok")                                                                                    \
    X(TOO_LARGE, "too_large")                                                                      \
    X(MALFORMED, "malformed")                                                                      \
    X(BAD_HEADER, "bad_header")                                                                    \
    X(BAD_ALG, "alg_is_not_the_keys")                                                              \
    X(CRIT, "crit")                                                                                \
    X(NO_0X, "dialect_is_off")                                                                     \
    X(NO_1_0, "no_issuer_is_configured")                                                           \
    X(BAD_ISS, "iss_missing_or_no_string")                                                         \
    X(UNKNOWN_ISS, "unknown_issuer")                                                               \
    X(NO_ROLE_KEY, "no_key_for_this_role")                                                         \
    X(NO_KEYS_YET, "no_keys_yet")                                                                  \
    X(UNKNOWN_KID, "unknown_kid")                                                                  \
    X(BAD_SIGNATURE, "bad_signature")                                                              \
    X(BAD_CLAIMS, "bad_claims")                                                                    \
    X(BAD_DATE, "bad_date")                                                                        \
    X(NO_EXP, "no_exp")                                                                            \
    X(EXPIRED, "expired")                                                                          \
    X(NOT_YET_VALID, "not_yet_valid")                                                              \
    X(BAD_AUD, "aud")                                                                              \
    X(BAD_MERCURE_CLAIM, "bad_mercure_claim")                                                      \
    X(TOO_MANY_SELECTORS, "too_many_selectors")                                                    \
    X(BAD_DETAILS, "bad_authorization_details")                                                    \
    X(TOO_MANY_DETAILS, "too_many_authorization_details")                                          \
    X(BAD_MATCHER, "bad_matcher")                                                                  \
    X(NONE, "no_token")                                                                            \
    X(BAD_AUTHORIZATION, "malformed_authorization_header")                                         \
    X(BAD_PARAMETER, "malformed_authorization_parameter")                                          \
    X(PARAMETER_NOT_ALLOWED, "authorization_parameter_not_allowed")                                \
    X(QUERY_TOO_LARGE, "query_too_large")                                                          \
    X(FOREIGN_ORIGIN, "cookie_of_foreign_origin")                                                  \
    X(GRANTS_NOTHING, "grants_no_topic")                                                           \
    X(TOPIC_NOT_GRANTED, "topic_not_granted")

enum token_fault {
#define X(name, word) TOKEN_##name,
    TOKEN_FAULTS(X)
#undef X
    TOKEN_FAULT_COUNT
};

const char *token_fault_name(enum token_fault);

struct key_source;

/* What the one log line needs. Texts are cut copies, made for log_slice(); empty: not known. */
struct token_refusal {
    enum token_fault fault;
    enum role role;
    enum dialect dialect;       /* the one whose rules refused it */
    enum dialect reply_dialect; /* the one that the reply speaks (PROTOCOL.md, "1.0 errors") */
    /* NO_KEYS_YET, UNKNOWN_KID: the set that a new fetch may change, and its version when it was
     * asked (key_source_current()). Borrowed from the authority. NULL: a fixed key. */
    struct key_source *source;
    uint64_t source_version;
    char iss[200], kid[100], alg[20];
    char expected_aud[200], received_aud[200];
    char detail[200];              /* more words: which claim, which matcher and why */
    char origin[200];              /* FOREIGN_ORIGIN */
    char topic[200], granted[200]; /* TOPIC_NOT_GRANTED: which, and what the token grants */
};

/* Those words: reason=… dialect=… role=… and what is known. */
void token_refusal_write(struct buf *, const struct token_refusal *);
/* One line, at most once a second for each reason, with how many were not written:
 *     event=refused conn=7 status=401 reason=expired dialect=1.0 role=publish iss="…" kid="…" */
void token_refusal_log(const struct token_refusal *, uint64_t conn, unsigned status);

#endif
