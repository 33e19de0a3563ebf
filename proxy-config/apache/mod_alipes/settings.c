/* settings - what the directives say, judged as they are read, so that `configtest` tells.
 *
 * AlipesSocket and AlipesReattach hold where they stand, a <Location> or a virtual host; the others
 * stand once, outside of both. The path that is the hub's own, under which a GET is for a stream,
 * is the <Location>'s; outside of one it is the protocol's. */

#include "mod_alipes/settings.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "http_core.h"

#include "apr_strings.h"

extern module AP_MODULE_DECLARE_DATA alipes_module;

#define HUB_PATH "/.well-known/mercure"

enum {
    MAX_STREAMS = 20000,
    MAX_STREAMS_MOST = 500000,
    THREADS = 2,
    THREADS_MOST = 16,
    DRAIN_S = 5,
    DRAIN_MOST_S = 600,
    REATTACH_S = 60,
    REATTACH_MOST_S = 86400,
};

struct settings settings;

/* Of a place in the configuration: -1 and NULL are what is not said there. */
struct local {
    struct hub hub;
    int reattach_s;
};

void
settings_reset(void)
{
    settings = (struct settings){
        .max_streams = MAX_STREAMS, .threads = THREADS, .drain_ms = DRAIN_S * 1000};
}

void *
settings_make(apr_pool_t *pool, char *path)
{
    struct local *l = apr_pcalloc(pool, sizeof *l);
    l->hub.path = path && path[0] == '/' ? apr_pstrdup(pool, path) : path ? "" : HUB_PATH;
    l->reattach_s = -1;
    return l;
}

void *
settings_merge(apr_pool_t *pool, void *outer, void *inner)
{
    const struct local *out = outer, *in = inner;
    struct local *l = apr_pmemdup(pool, in->hub.name ? in : out, sizeof *l);
    l->reattach_s = in->reattach_s >= 0 ? in->reattach_s : out->reattach_s;
    l->hub.reattach_ms = (uint64_t)(l->reattach_s >= 0 ? l->reattach_s : REATTACH_S) * 1000;
    return l;
}

const struct hub *
settings_hub(const request_rec *r)
{
    const struct local *l = ap_get_module_config(r->per_dir_config, &alipes_module);
    return l && l->hub.name ? &l->hub : NULL;
}

/* --- AlipesSocket ----------------------------------------------------------------------------- */

static const char *
read_unix(struct hub *h, const char *path)
{
    struct sockaddr_un *to = (struct sockaddr_un *)&h->to;
    if (strlen(path) >= sizeof to->sun_path)
        return "AlipesSocket: the path is longer than that of a socket may be (107 bytes)";
    to->sun_family = AF_UNIX;
    apr_cpystrn(to->sun_path, path, sizeof to->sun_path);
    h->length = sizeof *to;
    return NULL;
}

static const char *
read_tcp(struct hub *h, const char *text, apr_pool_t *pool)
{
    char *host, *scope;
    apr_port_t port;
    apr_sockaddr_t *found;
    if (apr_parse_addr_port(&host, &scope, &port, text, pool) || !host || !port)
        return "AlipesSocket takes the path of a Unix socket, or host:port";
    apr_status_t failed = apr_sockaddr_info_get(&found, host, APR_UNSPEC, port, 0, pool);
    if (failed || (size_t)found->salen > sizeof h->to)
        return apr_psprintf(pool, "AlipesSocket: nobody knows the address of %s", host);
    memcpy(&h->to, &found->sa, found->salen);
    h->length = found->salen;
    return NULL;
}

static const char *
set_socket(cmd_parms *cmd, void *place, const char *text)
{
    struct local *l = place;
    const char *path = strncmp(text, "unix:", 5) ? text : text + 5;
    const char *wrong = ap_check_cmd_context(cmd, NOT_IN_HTACCESS);
    if (wrong)
        return wrong;
    l->hub.name = text;
    l->hub.reattach_ms = REATTACH_S * 1000;
    settings.is_used = true;
    memset(&l->hub.to, 0, sizeof l->hub.to);
    return path[0] == '/' ? read_unix(&l->hub, path) : read_tcp(&l->hub, text, cmd->pool);
}

/* --- numbers ---------------------------------------------------------------------------------- */

static const char *
read_number(cmd_parms *cmd, const char *text, long least, long most, long *ret)
{
    char *end;
    size_t digits = strspn(text, "0123456789");
    *ret = strtol(text, &end, 10);
    if (digits && digits < 10 && (*end == 0 || (end[0] == 's' && end[1] == 0)) && *ret >= least &&
        *ret <= most)
        return NULL;
    return apr_psprintf(cmd->pool, "%s takes a number from %ld to %ld, not \"%s\"", cmd->cmd->name,
                        least, most, text);
}

static const char *
set_reattach(cmd_parms *cmd, void *place, const char *text)
{
    struct local *l = place;
    long number;
    const char *wrong = read_number(cmd, text, 0, REATTACH_MOST_S, &number);
    if (wrong)
        return wrong;
    l->reattach_s = (int)number;
    l->hub.reattach_ms = (uint64_t)number * 1000;
    return NULL;
}

static const char *
set_global(cmd_parms *cmd, const char *text, long least, long most, long *ret)
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    return wrong ? wrong : read_number(cmd, text, least, most, ret);
}

static const char *
set_max_streams(cmd_parms *cmd, void *place, const char *text)
{
    long number;
    const char *wrong = set_global(cmd, text, 1, MAX_STREAMS_MOST, &number);
    (void)place;
    if (!wrong)
        settings.max_streams = (unsigned)number;
    return wrong;
}

static const char *
set_threads(cmd_parms *cmd, void *place, const char *text)
{
    long number;
    const char *wrong = set_global(cmd, text, 1, THREADS_MOST, &number);
    (void)place;
    if (!wrong)
        settings.threads = (unsigned)number;
    return wrong;
}

static const char *
set_drain(cmd_parms *cmd, void *place, const char *text)
{
    long number;
    const char *wrong = set_global(cmd, text, 0, DRAIN_MOST_S, &number);
    (void)place;
    if (!wrong)
        settings.drain_ms = (uint64_t)number * 1000;
    return wrong;
}

static const char *
set_log(cmd_parms *cmd, void *place, const char *text)
{
    const char *wrong = ap_check_cmd_context(cmd, GLOBAL_ONLY);
    (void)place;
    if (!wrong)
        settings.log = text;
    return wrong;
}

#define PLACES (RSRC_CONF | ACCESS_CONF)

const command_rec settings_commands[] = {
    AP_INIT_TAKE1("AlipesSocket", set_socket, NULL, PLACES,
                  "the hub: path of its Unix socket, or host:port (FastCGI)"),
    AP_INIT_TAKE1("AlipesReattach", set_reattach, NULL, PLACES,
                  "seconds for which streams outlive their hub (60)"),
    AP_INIT_TAKE1("AlipesMaxStreams", set_max_streams, NULL, RSRC_CONF,
                  "streams that a child holds (20000)"),
    AP_INIT_TAKE1("AlipesThreads", set_threads, NULL, RSRC_CONF,
                  "threads of a child that hold its streams (2)"),
    AP_INIT_TAKE1("AlipesDrain", set_drain, NULL, RSRC_CONF,
                  "seconds that a child which ends gracefully takes to end its streams (5)"),
    AP_INIT_TAKE1("AlipesLog", set_log, NULL, RSRC_CONF,
                  "a line for each stream that is over: a file, or \"|program\""),
    {NULL},
};
