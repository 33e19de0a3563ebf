/* foreign - what a configuration brings along from elsewhere: variables of the established hub and
 * of the stand-alone one before it, the Caddyfile around a block. (Directives of theirs are rows of
 * options.def.) A name that is known to be somebody else's gets the sentence that helps; of
 * whatever is unknown, the nearest name of ours does. */

#include "config/foreign.h"

#include "config/lexer.h"

#include <string.h>

enum {
    LONGEST = 60, /* a longer name is near to nothing */
    SHORTEST_BEGINNING = 4,
};

struct sentence {
    const char *name;
    enum foreign_kind kind;
    const char *text;
};

#define OLD(successor) "it belongs to the old stand-alone hub; use " successor
#define EXTRA(line)    OLD("MERCURE_EXTRA_DIRECTIVES='" line "'")
#define TLS            OLD("your web server: TLS is the front's")
#define NO_EFFECT      "no effect here: it is Caddy's, and belongs to your web server"
/* Names that any program may have given to a variable of its own are said, and not refused. */
#define MEANT(name) "no effect: no variable of that name is known; did you mean " name "?"
#define MAYBE(successor)                                                                           \
    "no effect here; if it is meant as that of the old stand-alone hub, use " successor

static const struct sentence variables[] = {
    {"MERCURE_LICENSE", FOREIGN_REFUSED, "nothing here needs a licence"},
    {"MERCURE_ANONYMOUS", FOREIGN_ACCEPTED, MEANT("MERCURE_ALLOW_ANONYMOUS")},
    {"MERCURE_ADDR", FOREIGN_ACCEPTED, MEANT("MERCURE_LISTEN_ADDR")},
    {"MERCURE_JWT_KEY", FOREIGN_ACCEPTED,
     MEANT("MERCURE_PUBLISHER_JWT_KEY, and MERCURE_SUBSCRIBER_JWT_KEY")},
    {"MERCURE_PUBLISHER_KEY", FOREIGN_ACCEPTED, MEANT("MERCURE_PUBLISHER_JWT_KEY")},
    {"MERCURE_SUBSCRIBER_KEY", FOREIGN_ACCEPTED, MEANT("MERCURE_SUBSCRIBER_JWT_KEY")},
    {"MERCURE_CORS_ALLOWED_ORIGINS", FOREIGN_ACCEPTED, MEANT("MERCURE_CORS_ORIGINS")},
    {"MERCURE_PUBLISH_ALLOWED_ORIGINS", FOREIGN_ACCEPTED, MEANT("MERCURE_PUBLISH_ORIGINS")},
    {"MERCURE_SERVER_NAME", FOREIGN_ACCEPTED, MEANT("SERVER_NAME, or MERCURE_LISTEN_ADDR")},
    {"JWT_KEY", FOREIGN_REFUSED, OLD("MERCURE_PUBLISHER_JWT_KEY and MERCURE_SUBSCRIBER_JWT_KEY")},
    {"JWT_ALGORITHM", FOREIGN_REFUSED,
     OLD("MERCURE_PUBLISHER_JWT_ALG and MERCURE_SUBSCRIBER_JWT_ALG")},
    {"PUBLISHER_JWT_KEY", FOREIGN_REFUSED, OLD("MERCURE_PUBLISHER_JWT_KEY")},
    {"PUBLISHER_JWT_ALGORITHM", FOREIGN_REFUSED, OLD("MERCURE_PUBLISHER_JWT_ALG")},
    {"SUBSCRIBER_JWT_KEY", FOREIGN_REFUSED, OLD("MERCURE_SUBSCRIBER_JWT_KEY")},
    {"SUBSCRIBER_JWT_ALGORITHM", FOREIGN_REFUSED, OLD("MERCURE_SUBSCRIBER_JWT_ALG")},
    {"ADDR", FOREIGN_REFUSED, OLD("MERCURE_LISTEN_ADDR")},
    {"ALLOW_ANONYMOUS", FOREIGN_REFUSED, OLD("MERCURE_ALLOW_ANONYMOUS")},
    {"CORS_ALLOWED_ORIGINS", FOREIGN_REFUSED, OLD("MERCURE_CORS_ORIGINS")},
    {"PUBLISH_ALLOWED_ORIGINS", FOREIGN_REFUSED, OLD("MERCURE_PUBLISH_ORIGINS")},
    {"HEARTBEAT_INTERVAL", FOREIGN_REFUSED, EXTRA("heartbeat 4s")},
    {"DISPATCH_TIMEOUT", FOREIGN_REFUSED, OLD("none: a slow reader never holds a dispatch up")},
    {"TRANSPORT_URL", FOREIGN_REFUSED, OLD("MERCURE_TRANSPORT_URL, or a volume at its folder")},
    {"USE_FORWARDED_HEADERS", FOREIGN_REFUSED, EXTRA("forwarded x-forwarded")},
    {"ACME_CERT_DIR", FOREIGN_REFUSED, TLS},
    {"ACME_HOSTS", FOREIGN_REFUSED, TLS},
    {"ACME_HTTP01_ADDR", FOREIGN_REFUSED, TLS},
    {"CERT_FILE", FOREIGN_ACCEPTED, MAYBE("your web server: TLS is the front's")},
    {"KEY_FILE", FOREIGN_ACCEPTED, MAYBE("your web server: TLS is the front's")},
    {"COMPRESS", FOREIGN_ACCEPTED, MAYBE("your web server")},
    {"DEBUG", FOREIGN_ACCEPTED, MAYBE("MERCURE_DEBUG")},
    {"DEMO", FOREIGN_ACCEPTED, MAYBE("the page in examples/: there is no demo here")},
    {"LOG_FORMAT", FOREIGN_ACCEPTED, MAYBE("MERCURE_EXTRA_DIRECTIVES='log json'")},
    {"METRICS", FOREIGN_ACCEPTED, MAYBE("MERCURE_EXTRA_DIRECTIVES='metrics_listen :9180'")},
    {"METRICS_LOGIN", FOREIGN_ACCEPTED, MAYBE("a metrics_listen that others do not reach")},
    {"METRICS_PASSWORD", FOREIGN_ACCEPTED, MAYBE("a metrics_listen that others do not reach")},
    {"READ_TIMEOUT", FOREIGN_ACCEPTED, MAYBE("MERCURE_EXTRA_DIRECTIVES='body_timeout 30s'")},
    {"READ_HEADER_TIMEOUT", FOREIGN_ACCEPTED, MAYBE("MERCURE_EXTRA_DIRECTIVES='head_timeout 10s'")},
    {"WRITE_TIMEOUT", FOREIGN_ACCEPTED, MAYBE("MERCURE_EXTRA_DIRECTIVES='write_timeout 10m'")},
    {"SUBSCRIPTIONS", FOREIGN_ACCEPTED, MAYBE("MERCURE_EXTRA_DIRECTIVES='subscriptions'")},
    {"EXTRA_DIRECTIVES", FOREIGN_ACCEPTED,
     "no effect here; did you mean MERCURE_EXTRA_DIRECTIVES?"},
    {"server_name", FOREIGN_ACCEPTED, "no effect here; did you mean SERVER_NAME?"},
    {"GLOBAL_OPTIONS", FOREIGN_ACCEPTED, NO_EFFECT},
    {"CADDY_GLOBAL_OPTIONS", FOREIGN_ACCEPTED, NO_EFFECT},
    {"CADDY_EXTRA_CONFIG", FOREIGN_ACCEPTED, NO_EFFECT},
    {"CADDY_SERVER_EXTRA_DIRECTIVES", FOREIGN_ACCEPTED, NO_EFFECT},
};

/* Of applications that publish, and of Kubernetes. */
static const struct slice of_others[] = {
    SLICE_INIT("MERCURE_URL"),          SLICE_INIT("MERCURE_PUBLIC_URL"),
    SLICE_INIT("MERCURE_JWT_SECRET"),   SLICE_INIT("MERCURE_JWT_TOKEN"),
    SLICE_INIT("MERCURE_SERVICE_HOST"), SLICE_INIT("MERCURE_SERVICE_PORT"),
    SLICE_INIT("MERCURE_PORT")};

enum foreign_kind
foreign_variable(struct slice name, const char **ret_text)
{
    for (size_t i = 0; i < COUNT_OF(of_others); i++)
        if (slice_starts(name, of_others[i]))
            return FOREIGN_OTHERS;
    for (size_t i = 0; i < COUNT_OF(variables); i++) {
        if (!slice_eq(name, slice_of(variables[i].name)))
            continue;
        *ret_text = variables[i].text;
        return variables[i].kind;
    }
    return FOREIGN_UNKNOWN;
}

/* --- what was meant --------------------------------------------------------------------------- */

static unsigned
distance(struct slice a, struct slice b)
{
    unsigned row[LONGEST + 1];
    if (a.len > LONGEST || b.len > LONGEST)
        return LONGEST;
    for (unsigned j = 0; j <= b.len; j++)
        row[j] = j;
    for (unsigned i = 1; i <= a.len; i++) {
        unsigned corner = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            unsigned change = corner + (a.ptr[i - 1] != b.ptr[j - 1]);
            unsigned other = (row[j] < row[j - 1] ? row[j] : row[j - 1]) + 1;
            corner = row[j];
            row[j] = change < other ? change : other;
        }
    }
    return row[b.len];
}

/* A name that was begun is near, but not as near as one with a letter too many or too few. */
const char *
foreign_nearest(struct slice name, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    unsigned best = 4;
    for (size_t i = 0; i < count; i++) {
        bool is_begun = name.len >= SHORTEST_BEGINNING && slice_starts(slice_of(names[i]), name);
        unsigned d = distance(name, slice_of(names[i]));
        if (is_begun && d > 2)
            d = 2;
        if (d >= best || d >= name.len)
            continue;
        best = d;
        nearest = names[i];
    }
    return nearest;
}

/* --- a whole Caddyfile ------------------------------------------------------------------------ */

bool
foreign_caddyfile(struct slice text, unsigned *ret_first, unsigned *ret_last)
{
    struct lexer l;
    enum lexeme kind;
    unsigned depth = 0, words = 0, inside = 0;
    bool is_mercure = false;
    *ret_first = 0;
    lexer_init(&l, text);
    while ((kind = lexer_next(&l)) != LEX_END && kind != LEX_ERROR) {
        if (kind == LEX_OPEN && is_mercure && words == 1 && depth && *ret_first == 0) {
            *ret_first = l.line;
            inside = depth;
        }
        depth += kind == LEX_OPEN;
        depth -= kind == LEX_CLOSE && depth;
        if (kind == LEX_CLOSE && *ret_first && depth == inside) {
            *ret_last = l.line;
            break;
        }
        words = kind == LEX_WORD ? words + 1 : 0;
        if (kind == LEX_WORD)
            is_mercure = slice_eq(buf_slice(&l.word), SLICE("mercure"));
    }
    lexer_fini(&l);
    return *ret_first && kind == LEX_CLOSE;
}
