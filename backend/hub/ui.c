/* ui - the page for people: the files of backend/ui/, as they are, within the program.
 *
 * The page stands on the origin of the site, beside the site's own cookies, so it is kept on the
 * shortest leash a browser has: scripts and styles of these files alone, no request but to this
 * origin, no frame around it, no string that becomes a script. Whoever wants it for another hub has
 * a web server send the same files; then that server says what holds.
 *
 * What one gets wrong: a browser that keeps a file of an older program beside a page of a newer
 * one. So each is asked for anew, and the tag, a digest of the bytes, answers 304. */

#include "hub/ui.h"

#include "base/alloc.h"
#include "hub/access.h"
#include "hub/home.h"
#include "hub/scrape.h"
#include "request/etag.h"
#include "request/reply.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>

#define NAME SLICE("/ui")

/* A constant of the file's bytes. The path is that of the Makefile's folder. */
#define EMBED(name, file)                                                                          \
    __asm__(".pushsection .rodata\n"                                                               \
            "ui_" #name "_bytes: .incbin \"" file "\"\n"                                           \
            "ui_" #name "_end: .byte 0\n"                                                          \
            ".popsection\n");                                                                      \
    extern const char ui_##name##_bytes[], ui_##name##_end[];

#define HTML "text/html; charset=utf-8"
#define CSS  "text/css; charset=utf-8"
#define JS   "text/javascript; charset=utf-8"
#define TEXT "text/plain; charset=utf-8"

/* Which file, where it is below H/ui/, and what it is. */
#define FILES(X)                                                                                   \
    X(page, "backend/ui/index.html", "", HTML)                                                     \
    X(style, "backend/ui/ui.css", "ui.css", CSS)                                                   \
    X(icon, "backend/ui/icon.svg", "icon.svg", "image/svg+xml")                                    \
    X(ui, "backend/ui/ui.js", "ui.js", JS)                                                         \
    X(hub, "backend/ui/hub.js", "hub.js", JS)                                                      \
    X(stream, "backend/ui/stream.js", "stream.js", JS)                                             \
    X(subscribe, "backend/ui/subscribe.js", "subscribe.js", JS)                                    \
    X(publish, "backend/ui/publish.js", "publish.js", JS)                                          \
    X(recipes, "backend/ui/recipes.js", "recipes.js", JS)                                          \
    X(events, "backend/ui/events.js", "events.js", JS)                                             \
    X(token, "backend/ui/token.js", "token.js", JS)                                                \
    X(connected, "backend/ui/connected.js", "connected.js", JS)                                    \
    X(now, "backend/ui/now.js", "now.js", JS)                                                      \
    X(uplot, "backend/ui/uplot/uPlot.iife.min.js", "uplot/uPlot.iife.min.js", JS)                  \
    X(uplot_style, "backend/ui/uplot/uPlot.min.css", "uplot/uPlot.min.css", CSS)                   \
    X(uplot_licence, "backend/ui/uplot/LICENSE", "uplot/LICENSE", TEXT)                            \
    X(readme, "README.md", "README.md", TEXT)

#define X(name, file, path, type) EMBED(name, file)
FILES(X)
#undef X

static const struct {
    struct slice path, type;
    const char *bytes, *end;
} files[] = {
#define X(name, file, path, type)                                                                  \
    {SLICE_INIT(path), SLICE_INIT(type), ui_##name##_bytes, ui_##name##_end},
    FILES(X)
#undef X
};

static const struct header guards[] = {
    {SLICE_INIT("Content-Security-Policy"),
     SLICE_INIT("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
                "require-trusted-types-for 'script'; trusted-types 'none'")},
    {SLICE_INIT("X-Content-Type-Options"), SLICE_INIT("nosniff")},
    {SLICE_INIT("Referrer-Policy"), SLICE_INIT("no-referrer")},
    {SLICE_INIT("Cross-Origin-Opener-Policy"), SLICE_INIT("same-origin")},
    {SLICE_INIT("Cache-Control"), SLICE_INIT("no-cache")},
};

enum {
    TAG_BYTES = 16 /* of the digest: enough that no two files have one */
};

static char tags[COUNT_OF(files)][2 * TAG_BYTES + 3];
static pthread_once_t digested = PTHREAD_ONCE_INIT;

static struct slice
bytes_of(size_t file)
{
    return SLICE_OF(files[file].bytes, (size_t)(files[file].end - files[file].bytes));
}

static void
digest_all(void)
{
    for (size_t f = 0; f < COUNT_OF(files); f++) {
        unsigned char digest[EVP_MAX_MD_SIZE];
        struct slice bytes = bytes_of(f);
        char *out = tags[f];
        ENSURE(EVP_Digest(bytes.ptr, bytes.len, digest, NULL, EVP_sha256(), NULL) == 1);
        *out++ = '"';
        for (size_t i = 0; i < TAG_BYTES; i++)
            out += snprintf(out, 3, "%02x", digest[i]);
        *out = '"';
    }
}

/* Behind H/ui; ptr NULL: it is not there. */
static struct slice
behind(struct slice hub, struct slice path)
{
    struct slice below = slice_from(path, hub.len), rest = slice_from(below, NAME.len);
    if (slice_starts(path, hub) && slice_starts(below, NAME) &&
        (rest.len == 0 || rest.ptr[0] == '/'))
        return rest;
    return SLICE_OF(NULL, 0);
}

bool
ui_path_is(struct slice hub, struct slice path)
{
    return behind(hub, path).ptr != NULL;
}

bool
ui_path_is_metrics(struct slice hub, struct slice path)
{
    return slice_eq(behind(hub, path), SLICE("/metrics"));
}

/* The page's links are relative, so it has a slash at its end. */
static void
answer_elsewhere(struct exchange *ex)
{
    struct reply r;
    reply_begin(ex, &r, 308);
    reply_add(&r, SLICE("Location"), SLICE("ui/"));
    exchange_reply(ex, &r);
}

static bool
is_known(const struct request *r, struct slice tag)
{
    for (size_t i = 0; i < r->header_count; i++)
        if (slice_eq_nocase(r->headers[i].name, SLICE("If-None-Match")) &&
            etag_is_listed(r->headers[i].value, tag, SLICE_OF(NULL, 0)))
            return true;
    return false;
}

static void
answer_file(struct exchange *ex, size_t file)
{
    struct reply r;
    struct slice tag = SLICE_OF(tags[file], sizeof tags[file] - 1);
    bool known = is_known(ex->request, tag);
    reply_begin(ex, &r, known ? 304 : 200);
    reply_add(&r, SLICE("ETag"), tag);
    for (size_t i = 0; i < COUNT_OF(guards); i++)
        reply_add(&r, guards[i].name, guards[i].value);
    if (!known) {
        reply_add(&r, SLICE("Content-Type"), files[file].type);
        r.body = bytes_of(file);
    }
    exchange_reply(ex, &r);
}

static bool
is_on(struct exchange *ex)
{
    if (!ex->config->ui)
        reply_text(ex, 404, SLICE("The directive ui is not set.\n"));
    return ex->config->ui;
}

static void
on_head(struct exchange *ex)
{
    struct slice rest = behind(slice_of(ex->config->path), ex->request->path);
    if (!is_on(ex))
        return;
    if (rest.len == 0) {
        answer_elsewhere(ex);
        return;
    }
    pthread_once(&digested, digest_all);
    for (size_t f = 0; f < COUNT_OF(files); f++) {
        if (slice_eq(slice_from(rest, 1), files[f].path)) {
            answer_file(ex, f);
            return;
        }
    }
    reply_text(ex, 404, SLICE("The page has no such file.\n"));
}

static void
on_metrics_head(struct exchange *ex)
{
    struct grant *grant = NULL;
    if (!is_on(ex))
        return;
    if (ex->config->ui_metrics == UI_METRICS_NONE) {
        reply_text(ex, 404,
                   SLICE("The hub keeps its metrics to itself: ui_metrics is none; with token it "
                         "shows them to whose token grants this path.\n"));
        return;
    }
    if (ex->config->ui_metrics == UI_METRICS_TOKEN &&
        !access_read(ex, ROLE_SUBSCRIBE, true, &grant))
        return;
    if (grant == NULL || access_allow_path(ex, grant))
        scrape_handler.on_head(ex);
    grant_unref(&grant);
}

const struct exchange_handler ui_handler = {.on_head = on_head};
const struct exchange_handler ui_metrics_handler = {.on_head = on_metrics_head};
