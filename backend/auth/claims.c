/* claims - what a good signature says, judged.
 *
 * The two dialects have one reader of dates and two rules: in 0.x `null` is absent and a string
 * that holds a decimal number is that number; 1.0 wants numbers. Integers are read as doubles, so
 * that no size of number is an error (RFC 7519 has no limit): one second in 2^53 is exact enough.
 * What one gets wrong: `exp` is the first moment at which a token is bad, `nbf` the first at which
 * it is good. */

#include "auth/claims.h"

#include "auth/json_text.h"
#include "base/alloc.h"

#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

json_t *
claims_parse(struct slice text)
{
    json_error_t ignored;
    json_t *root = json_loadb(text.ptr ? text.ptr : "", text.len,
                              JSON_REJECT_DUPLICATES | JSON_DECODE_INT_AS_REAL, &ignored);
    if (root && !json_is_object(root)) {
        json_decref(root);
        root = NULL;
    }
    return root;
}

static enum token_fault
fail(struct token_refusal *refusal, enum token_fault fault, const char *detail)
{
    snprintf(refusal->detail, sizeof refusal->detail, "%.199s", detail);
    return fault;
}

/* In the unit that a person would take. */
static void
say_span(struct token_refusal *refusal, const char *before, double seconds, const char *after)
{
    static const struct {
        double from, size;
        const char *name;
    } units[] = {{2 * 60, 60, "min"}, {2 * 3600, 3600, "h"}, {2 * 86400, 86400, "days"}};
    double size = 1;
    const char *name = "s";
    for (size_t i = 0; i < COUNT_OF(units); i++) {
        if (seconds >= units[i].from) {
            size = units[i].size;
            name = units[i].name;
        }
    }
    snprintf(refusal->detail, sizeof refusal->detail, "%s%.0f %s%s", before, seconds / size, name,
             after);
}

static bool
read_decimal(const char *text, size_t len, double *ret)
{
    char *end;
    if (len == 0 || len != strlen(text) || strspn(text, "0123456789.+-eE") != len)
        return false;
    *ret = strtod(text, &end);
    return *end == 0 && isfinite(*ret);
}

/* Absent: true with *ret_has false. */
static bool
read_date(const json_t *claims, const char *name, enum dialect dialect, bool *ret_has,
          double *ret_seconds)
{
    const json_t *value = json_object_get(claims, name);
    *ret_has = false;
    if (value == NULL || (dialect == DIALECT_0X && json_is_null(value)))
        return true;
    *ret_has = true;
    if (json_is_number(value)) {
        *ret_seconds = json_number_value(value);
        return true;
    }
    return dialect == DIALECT_0X && json_is_string(value) &&
           read_decimal(json_string_value(value), json_string_length(value), ret_seconds);
}

static enum token_fault
judge_dates(const json_t *claims, const struct claims_rules *rules, struct grant *g,
            struct token_refusal *refusal)
{
    bool has_nbf;
    double nbf = 0, now = (double)rules->now_ms / 1000, leeway = (double)rules->leeway_ms / 1000;
    if (!read_date(claims, "exp", rules->dialect, &g->has_exp, &g->exp))
        return fail(refusal, TOKEN_BAD_DATE, "exp is no number");
    if (!read_date(claims, "nbf", rules->dialect, &has_nbf, &nbf))
        return fail(refusal, TOKEN_BAD_DATE, "nbf is no number");
    if (rules->dialect == DIALECT_1_0 && !g->has_exp)
        return fail(refusal, TOKEN_NO_EXP, "a token of 1.0 needs exp");
    g->exp += leeway;
    if (g->has_exp && !(now < g->exp)) {
        say_span(refusal, "", now - g->exp, " ago");
        return TOKEN_EXPIRED;
    }
    if (has_nbf && !(nbf - leeway <= now)) {
        say_span(refusal, "in ", nbf - leeway - now, "");
        return TOKEN_NOT_YET_VALID;
    }
    return TOKEN_OK;
}

static void
note_audience(struct token_refusal *refusal, const json_t *aud)
{
    size_t used = strlen(refusal->received_aud), cap = sizeof refusal->received_aud;
    snprintf(refusal->received_aud + used, cap - used, "%s%s", used ? " " : "",
             json_string_value(aud));
}

static bool
is_string(const json_t *value, struct slice text)
{
    return json_is_string(value) &&
           slice_eq(SLICE_OF(json_string_value(value), json_string_length(value)), text);
}

static enum token_fault
judge_audience(const json_t *claims, const struct claims_rules *rules,
               struct token_refusal *refusal)
{
    const json_t *aud = json_object_get(claims, "aud"), *item;
    size_t i;
    bool found = is_string(aud, rules->audience);
    bool all_are_strings = json_is_string(aud) || json_is_array(aud);
    json_array_foreach(aud, i, item)
    {
        all_are_strings &= json_is_string(item);
        found |= is_string(item, rules->audience);
    }
    if (rules->audience.len == 0)
        return fail(refusal, TOKEN_BAD_AUD,
                    "the hub does not know its own URL: the request has no usable Host, and there "
                    "is no resource_identifier");
    if (found && all_are_strings)
        return TOKEN_OK;
    snprintf(refusal->expected_aud, sizeof refusal->expected_aud, SLICE_FMT,
             SLICE_ARG(rules->audience));
    if (aud == NULL)
        return fail(refusal, TOKEN_BAD_AUD, "there is no aud");
    if (!all_are_strings)
        return fail(refusal, TOKEN_BAD_AUD, "aud is neither a string nor an array of strings");
    if (json_is_string(aud))
        note_audience(refusal, aud);
    json_array_foreach(aud, i, item)
    {
        note_audience(refusal, item);
    }
    return TOKEN_BAD_AUD;
}

/* The claim that holds the rights; NULL: none. */
static const json_t *
find_claim(const json_t *claims, enum dialect dialect, const char **ret_name)
{
    static const char *const names[2][2] = {
        [DIALECT_0X] = {"https://mercure.rocks/", "mercure"},
        [DIALECT_1_0] = {"authorization_details", "authorization_details"},
    };
    for (int i = 0; i < 2; i++) {
        const json_t *claim = json_object_get(claims, names[dialect][i]);
        *ret_name = names[dialect][i];
        if (claim && !json_is_null(claim))
            return claim;
    }
    return NULL;
}

/* Where nothing is granted because the claim is not where it is looked for: what people write
 * instead. NULL: the claim is there. */
static const char *
why_no_rights(const json_t *claims, enum dialect dialect, const json_t *claim,
              const struct rights *rights)
{
    if (dialect == DIALECT_1_0)
        return claim == NULL ? "there is no authorization_details"
               : rights_has(rights, ROLE_PUBLISH) || rights_has(rights, ROLE_SUBSCRIBE)
                   ? NULL
                   : "no entry of authorization_details grants anything: look at its type";
    if (claim)
        return NULL;
    if (json_object_get(claims, "publish") || json_object_get(claims, "subscribe"))
        return "there is no mercure claim: publish and subscribe belong into it, not beside it";
    if (json_object_get(claims, "https://mercure.rocks"))
        return "there is no mercure claim: https://mercure.rocks/ ends with a slash";
    if (json_object_get(claims, "Mercure") || json_object_get(claims, "MERCURE"))
        return "there is no mercure claim: its name is in lower case";
    if (json_object_get(claims, "authorization_details"))
        return "there is no mercure claim: authorization_details is of 1.0, with typ at+jwt";
    return "there is no mercure claim";
}

/* NULL: there is none. It is told to nobody, and judged by nobody: any string will do. */
static char *
read_subject(const json_t *claims)
{
    const json_t *sub = json_object_get(claims, "sub");
    size_t len = json_is_string(sub) ? json_string_length(sub) : 0;
    return len ? xstrndup(json_string_value(sub), len) : NULL;
}

enum token_fault
claims_judge(const json_t *claims, struct slice text, const struct claims_rules *rules,
             struct grant *g, struct token_refusal *refusal)
{
    const char *name;
    struct error why = {""};
    g->dialect = rules->dialect;
    enum token_fault fault = judge_dates(claims, rules, g, refusal);
    if (fault == TOKEN_OK && rules->dialect == DIALECT_1_0)
        fault = judge_audience(claims, rules, refusal);
    if (fault != TOKEN_OK)
        return fault;
    const json_t *claim = find_claim(claims, rules->dialect, &name);
    struct slice claim_text = claim ? json_text_member(text, claims, name) : SLICE_OF(NULL, 0);
    fault = rights_read(rules->dialect, claim, claim_text, rules->base, &rules->limits, &g->rights,
                        &why);
    if (fault != TOKEN_OK)
        return fail(refusal, fault, why.text);
    g->subject = read_subject(claims);
    g->no_rights = why_no_rights(claims, rules->dialect, claim, g->rights);
    return TOKEN_OK;
}
