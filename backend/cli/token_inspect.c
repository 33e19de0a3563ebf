/* token_inspect - what the hub's log says in one word, said to a person.
 *
 * It asks the same authority that the hub asks, built from the same configuration, and turns the
 * answer into sentences: for which role, until when, which topics; or why not, and what to change.
 * The token comes by a file or the input, never by the command line; it is not printed. */

#include "cli/token_inspect.h"

#include "auth/authority_build.h"
#include "auth/fetcher.h"
#include "base/alloc.h"
#include "base/buf.h"
#include "base/clock.h"
#include "cli/hearsay.h"
#include "cli/mistake.h"
#include "cli/plain.h"
#include "cli/token_text.h"
#include "topic/matcher.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct question {
    const char *conf, *file, *audience;
    struct config *config;
    struct authority *authority;
    struct key_source **sources;
    struct fetcher *fetcher;
    struct slice token;
    const char *topics[ROLES]; /* asked about; NULL: none */

    /* The fetcher's thread too, under the lock. */
    pthread_mutex_t lock;
    pthread_cond_t came;
    size_t attempts;
};

enum {
    PATIENCE_SECONDS = 15,
    COOKIE_MAX = 4096 - 21, /* bytes, less mercureAuthorization= */
};

#define YEAR_2100 4102444800.0

/* What to change. */
static const char *const advice[TOKEN_FAULT_COUNT] = {
    [TOKEN_TOO_LARGE] = "a token may have 16,384 bytes: grant fewer topics, or a template or "
                        "pattern that covers them",
    [TOKEN_MALFORMED] = "a token is three parts of base64url without padding, joined by dots: "
                        "look whether it was cut off, quoted or encoded twice",
    [TOKEN_BAD_HEADER] = "the first part must be a JSON object with alg, each member once",
    [TOKEN_BAD_ALG] = "sign with the algorithm that the configuration names for this key, or name "
                      "the token's algorithm there",
    [TOKEN_CRIT] = "sign without crit: no extension of JWS is known here",
    [TOKEN_NO_0X] = "the configuration has issuers alone, so it speaks 1.0 alone: make a token "
                    "with typ at+jwt, or add publisher_jwt and subscriber_jwt",
    [TOKEN_NO_1_0] = "the token is one of 1.0 (typ at+jwt) and the configuration names no issuer: "
                     "add an issuer block (or MERCURE_TRUSTED_ISSUERS), or make a token of 0.x",
    [TOKEN_BAD_ISS] = "a token of 1.0 needs iss, a string: the name of the issuer",
    [TOKEN_UNKNOWN_ISS] = "add an issuer block (or MERCURE_TRUSTED_ISSUERS) with exactly this "
                          "name, or let the token say one that is there",
    [TOKEN_NO_ROLE_KEY] = "nothing in the configuration vouches for this role: add its key",
    [TOKEN_NO_KEYS_YET] = "the JWK set could not be read: look at its URL",
    [TOKEN_UNKNOWN_KID] = "no key of the configuration has this kid: look whether the JWK set is "
                          "the issuer's, or leave kid out",
    [TOKEN_BAD_SIGNATURE] = "it was signed with another key than the configuration's: compare "
                            "them byte for byte, blanks and line ends included",
    [TOKEN_BAD_CLAIMS] = "the second part must be a JSON object, each member once, without \\u0000",
    [TOKEN_BAD_DATE] = "exp and nbf are numbers of seconds since 1970",
    [TOKEN_NO_EXP] = "a token of 1.0 needs exp",
    [TOKEN_EXPIRED] = "make a new token; if it is new, compare the clocks, or set leeway",
    [TOKEN_NOT_YET_VALID] = "wait, or compare the clocks, or set leeway",
    [TOKEN_BAD_AUD] = "let aud be the hub's URL, or set resource_identifier to what aud says",
    [TOKEN_BAD_MERCURE_CLAIM] = "the mercure claim is {\"publish\": [...], \"subscribe\": [...]} "
                                "with strings",
    [TOKEN_TOO_MANY_SELECTORS] = "grant fewer, or a template; or raise max_token_selectors",
    [TOKEN_BAD_DETAILS] =
        "an entry is {\"type\": \"https://mercure.rocks/authorization-detail\", \"actions\": "
        "[\"publish\"], \"topics\": [{\"match\": \"...\", \"match_type\": \"exact\"}]}",
    [TOKEN_TOO_MANY_DETAILS] = "grant fewer, or a pattern; or raise max_authorization_details",
    [TOKEN_BAD_MATCHER] = "correct the pattern, or let match_type be exact",
};

static void
print_time(double seconds)
{
    struct tm tm;
    char words[40];
    time_t when = (time_t)seconds;
    if (seconds > 253402300799.0 || gmtime_r(&when, &tm) == NULL) {
        fputs("the end of time", stdout);
        return;
    }
    strftime(words, sizeof words, "%Y-%m-%d %H:%M:%S UTC", &tm);
    fputs(words, stdout);
}

static void
print_field(const char *name, const char *text)
{
    if (text[0] == 0)
        return;
    printf("    %s: ", name);
    plain_write(stdout, slice_of(text));
    putchar('\n');
}

/* *into: what one of them was perhaps meant to be. */
static void
say_selector(void *into, const char *type, struct slice text)
{
    const char **trap = into;
    if (*trap == NULL && strcmp(type, "exact") == 0)
        *trap = matcher_trap(text);
    printf("    %s ", type);
    plain_write(stdout, text);
    putchar('\n');
}

static void
say_refused(const struct token_refusal *r)
{
    printf("%s: refused, by the rules of %s\n", role_name(r->role), dialect_name(r->dialect));
    printf("    reason: %s\n", token_fault_name(r->fault));
    print_field("detail", r->detail);
    print_field("issuer", r->iss);
    print_field("kid", r->kid);
    print_field("alg", r->alg);
    print_field("expected aud", r->expected_aud);
    print_field("received aud", r->received_aud);
}

/* What people did wrong, where it can be told; else what to compare. */
static void
say_mistake(const struct question *q, const struct token_refusal *r)
{
    char sentence[200];
    const char *issuer = r->dialect == DIALECT_1_0 ? r->iss : "";
    if (r->fault == TOKEN_BAD_SIGNATURE &&
        mistake_find(q->config, q->token, r->role, issuer, sentence, sizeof sentence))
        print_field("what to change", sentence);
    else
        print_field("what to change", advice[r->fault] ? advice[r->fault] : "");
}

/* The one topic that was asked about. */
static bool
say_topic(const struct grant *g, enum role role, const char *text)
{
    struct topic topic = topic_of(slice_of(text));
    uint64_t steps = rights_budget(g->rights, 1);
    bool granted = rights_allow(g->rights, role, &topic, &steps);
    printf("%s ", role_name(role));
    plain_write(stdout, topic.text);
    printf(": %s\n", granted                  ? "granted"
                     : role == ROLE_SUBSCRIBE ? "not granted: its public updates alone"
                                              : "not granted: refused as topic_not_granted");
    topic_fini(&topic);
    return granted;
}

static void
say_end(const struct grant *g)
{
    if (g->has_exp) {
        fputs("until ", stdout);
        print_time(g->exp);
    } else {
        fputs("without an end (no exp)", stdout);
    }
}

/* What comes of a role, the better the greater. */
enum answer {
    ANSWER_REFUSED,
    ANSWER_NOTHING, /* the token is good, and grants nothing */
    ANSWER_GOOD,
};

static enum answer
say_accepted(const struct question *q, const struct grant *g, enum role role)
{
    bool has = rights_has(g->rights, role);
    const char *trap = NULL;
    printf("%s: accepted, by the rules of %s, ", role_name(role), dialect_name(g->dialect));
    say_end(g);
    printf(has                      ? ", for\n"
           : role == ROLE_SUBSCRIBE ? ", but it grants no topic: public updates alone\n"
                                    : ", but it grants no topic: a publish is refused\n");
    rights_describe(g->rights, role, say_selector, &trap);
    if (trap && g->dialect == DIALECT_0X)
        print_field("note", trap);
    if (!has && g->no_rights)
        print_field("why", g->no_rights);
    if (q->topics[role])
        return say_topic(g, role, q->topics[role]) ? ANSWER_GOOD : ANSWER_NOTHING;
    return has || (role == ROLE_SUBSCRIBE && g->no_rights == NULL) ? ANSWER_GOOD : ANSWER_NOTHING;
}

/* A role that the token does not name: in one line, for nothing is wrong there. */
static void
say_aside(const struct grant *g, const struct token_refusal *r, enum role role)
{
    if (g)
        printf("%s: accepted, but the token names no topic for it%s\n", role_name(role),
               role == ROLE_SUBSCRIBE ? ": public updates alone" : "");
    else
        printf("%s: refused (%s), and the token names no topic for it\n", role_name(role),
               token_fault_name(r->fault));
}

static enum answer
ask(const struct question *q, enum role role, bool is_meant)
{
    struct grant *g = NULL;
    enum answer answer = ANSWER_REFUSED;
    struct token_refusal refusal;
    struct slice audience = slice_of(q->audience);
    bool good = authority_verify(q->authority, role, q->token, audience, audience, clock_wall_ms(),
                                 &g, &refusal) == TOKEN_OK;
    if (!is_meant) {
        say_aside(g, &refusal, role);
    } else if (good) {
        answer = say_accepted(q, g, role);
    } else {
        say_refused(&refusal);
        say_mistake(q, &refusal);
    }
    grant_unref(&g);
    return answer;
}

/* For which roles the question is: those asked about, else those that the token names, else both.
 */
static void
find_roles(const struct question *q, const struct hearsay *said, bool ret_meant[ROLES])
{
    bool asked = q->topics[ROLE_PUBLISH] || q->topics[ROLE_SUBSCRIBE], any = false;
    for (size_t role = 0; role < ROLES; role++) {
        ret_meant[role] = asked ? q->topics[role] != NULL : said->names[role];
        any |= ret_meant[role];
    }
    for (size_t role = 0; role < ROLES; role++)
        ret_meant[role] |= !any;
}

static void
say_exp(double exp)
{
    if (exp > YEAR_2100)
        puts("exp: it lies behind the year 2100: seconds since 1970 are meant, and this looks like "
             "milliseconds");
}

/* Of a page: its token comes in a cookie. */
static void
say_length(struct slice token)
{
    if (token.len > COOKIE_MAX)
        printf(
            "cookie: a browser throws away what is over 4,096 bytes, and says nothing; this token "
            "has %zu: grant templates rather than long lists\n",
            token.len);
}

/* 1.0: the hub's URL; where nothing says it, what the token says is taken as that, aloud. */
static void
find_audience(struct question *q, const struct hearsay *said, struct buf *made)
{
    const struct config *c = q->config;
    if (q->audience == NULL && c->resource_identifier) {
        q->audience = c->resource_identifier;
    } else if (q->audience == NULL && c->public_urls.count) {
        buf_addf(made, "%s%s", c->public_urls.items[0], c->path);
        buf_add_byte(made, 0);
        q->audience = made->ptr;
    } else if (q->audience == NULL && said->aud) {
        q->audience = said->aud;
        fputs("aud: the configuration has neither resource_identifier nor public_urls, so it is "
              "compared with the URL of the request: it must be\n    ",
              stdout);
        plain_write(stdout, slice_of(said->aud));
        fputs("\n", stdout);
    }
}

/* Asked about topics: all of them. Else: any role at all. */
static bool
say_verdict(const struct question *q, const bool meant[ROLES], const enum answer answers[ROLES])
{
    enum answer best = ANSWER_REFUSED, worst = ANSWER_GOOD;
    for (size_t role = 0; role < ROLES; role++) {
        if (answers[role] > best)
            best = answers[role];
        if (meant[role] && answers[role] < worst)
            worst = answers[role];
    }
    if (q->topics[ROLE_PUBLISH] || q->topics[ROLE_SUBSCRIBE]) {
        puts(worst == ANSWER_GOOD ? "The hub allows this." : "The hub does not allow this.");
        return worst == ANSWER_GOOD;
    }
    if (best == ANSWER_REFUSED)
        puts("The hub refuses this token.");
    else if (best == ANSWER_NOTHING)
        puts("The hub takes this token, and it grants nothing.");
    else if (worst == ANSWER_REFUSED)
        printf("The hub takes this token to %s alone.\n",
               role_name(answers[ROLE_PUBLISH] == best ? ROLE_PUBLISH : ROLE_SUBSCRIBE));
    else
        puts("The hub takes this token.");
    return best == ANSWER_GOOD;
}

static bool
judge(struct question *q)
{
    struct buf made;
    struct hearsay said;
    bool meant[ROLES];
    enum answer answers[ROLES];
    buf_init(&made, 65536);
    hearsay_read(&said, q->token);
    find_audience(q, &said, &made);
    find_roles(q, &said, meant);
    say_exp(said.exp);
    if (meant[ROLE_SUBSCRIBE])
        say_length(q->token);
    for (size_t role = 0; role < ROLES; role++)
        answers[role] = ask(q, (enum role)role, meant[role]);
    bool taken = say_verdict(q, meant, answers);
    hearsay_fini(&said);
    buf_fini(&made);
    return taken;
}

static void
on_news(void *context, struct key_source *source, uint64_t attempt, bool changed)
{
    struct question *q = context;
    (void)source;
    (void)attempt;
    (void)changed;
    pthread_mutex_lock(&q->lock);
    q->attempts++;
    pthread_cond_signal(&q->came);
    pthread_mutex_unlock(&q->lock);
}

static size_t
count_missing(const struct question *q)
{
    size_t missing = 0;
    for (size_t i = 0; i < q->config->sources.count; i++) {
        struct key_set *set = key_source_current(q->sources[i], NULL);
        missing += set == NULL;
        key_set_unref(&set);
    }
    return missing;
}

/* JWK sets over HTTPS come as they do to the hub; one attempt each. */
static bool
open_sources(struct question *q, struct error *err)
{
    q->fetcher = fetcher_new(on_news, q);
    if ((q->sources = fetcher_sources(q->fetcher, q->config, err)) == NULL)
        return false;
    size_t missing = count_missing(q);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += PATIENCE_SECONDS;
    fetcher_watch(q->fetcher, q->config, q->sources);
    pthread_mutex_lock(&q->lock);
    while (q->attempts < missing && pthread_cond_timedwait(&q->came, &q->lock, &until) == 0)
        ;
    pthread_mutex_unlock(&q->lock);
    struct string_list *errors = &q->config->errors;
    q->authority = authority_build(q->config, q->sources, NULL, errors);
    return q->authority || error_set(err, "%s", errors->items[0]);
}

static void
take_options(struct question *q, const struct call *call)
{
    q->conf = call_value(call, "-c");
    q->audience = call_value(call, "--audience");
    q->topics[ROLE_PUBLISH] = call_value(call, "--publish");
    q->topics[ROLE_SUBSCRIBE] = call_value(call, "--subscribe");
    q->file = call->words[0];
}

int
token_inspect(const struct call *call)
{
    struct question q = {.lock = PTHREAD_MUTEX_INITIALIZER, .came = PTHREAD_COND_INITIALIZER};
    struct error err = {""};
    struct buf text;
    int status = 2;
    buf_init(&text, 1 << 20);
    take_options(&q, call);
    if (q.file && token_text_is(q.file)) {
        call_failed(call, "a token on a command line can be read by everybody on the machine: "
                          "write it to a file, or pipe it in");
    } else if (config_load(q.conf, &q.config, &err) &&
               token_text_read(q.file, &text, &q.token, &err) && open_sources(&q, &err)) {
        status = judge(&q) ? 0 : 1;
    } else {
        call_failed(call, "%s", err.text);
    }
    authority_free(&q.authority);
    if (q.config)
        fetcher_drop(&q.sources, q.config->sources.count);
    fetcher_free(&q.fetcher);
    config_free(&q.config);
    buf_fini(&text);
    return status;
}
