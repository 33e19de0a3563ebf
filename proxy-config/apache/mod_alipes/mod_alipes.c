/* mod_alipes - Apache holds event streams of the hub without a thread or a backend connection each.
 *
 *     GET or QUERY of the hub's path, HTTP/1.x -> asked of the hub by a poller's connection -> the
 * head goes out by Apache -> the client's connection leaves Apache, and is the poller's
 *
 * All else is declined: mod_proxy has it (module-unix.conf). A reply that is no stream goes out as
 * any reply does. What Apache knows of ends here; what the poller knows begins with an arrival. */

#include "mod_alipes/arrival.h"
#include "mod_alipes/journal.h"
#include "mod_alipes/linger.h"
#include "mod_alipes/params.h"
#include "mod_alipes/poller.h"
#include "mod_alipes/report.h"
#include "mod_alipes/settings.h"
#include "mod_alipes/status.h"
#include "mod_alipes/steal.h"
#include "mod_alipes/tally.h"
#include "mod_alipes/tls.h"

#include <sys/resource.h>

#include "ap_mpm.h"
#include "http_core.h"
#include "http_log.h"
#include "http_protocol.h"
#include "mpm_common.h"
#include "util_script.h"

#include "apr_portable.h"
#include "apr_strings.h"

module AP_MODULE_DECLARE_DATA alipes_module;
APLOG_USE_MODULE(alipes);

enum {
    OTHER_FILES = 64, /* descriptors of a child that are no client's */
    CONNECTIONS = 4,  /* of a thread: its own, and what the MPM keeps alive or lets linger */
};

static int64_t max_streams; /* of this child; 0: it has no pollers */

/* --- a request -------------------------------------------------------------------------------- */

/* A browser may send the requests for this host over a connection of another one that has the same
 * certificate, and HTTP/2; it is told to open one of its own. */
static bool
is_misdirected(request_rec *r)
{
    return r->connection->master && !ap_is_allowed_protocol(r->connection, r, r->server, "h2");
}

/* A body that is not short, or does not say how long it is, is none of a subscription's. */
static bool
is_for_stream(request_rec *r, const struct hub *hub)
{
    bool is_query = strcmp(r->method, "QUERY") == 0;
    const char *length = apr_table_get(r->headers_in, "Content-Length");
    uint64_t bytes = 0;
    if (apr_table_get(r->headers_in, "Transfer-Encoding") || strcmp(r->uri, hub->path) ||
        (length && !slice_u64(slice_of(length), STREAM_BODY, &bytes)))
        return false;
    return is_query || (r->method_number == M_GET && !r->header_only && bytes == 0);
}

static bool
may_leave(request_rec *r)
{
    const char *why;
    if (steal_is_possible(r, &why))
        return true;
    if (why)
        ap_log_rerror(APLOG_MARK, APLOG_INFO, 0, r, "alipes: left to mod_proxy because of %s", why);
    return false;
}

static bool
read_body(request_rec *r, struct buf *body)
{
    char bytes[8192];
    long got = 0;
    if (ap_setup_client_block(r, REQUEST_CHUNKED_ERROR) != OK)
        return false;
    if (!ap_should_client_block(r))
        return true;
    while ((got = ap_get_client_block(r, bytes, sizeof bytes)) > 0)
        buf_add(body, SLICE_OF(bytes, (size_t)got));
    return got == 0 && !body->failed;
}

static struct stream *
make_stream(request_rec *r)
{
    struct stream *s = stream_new(r->proto_num >= HTTP_VERSION(1, 1));
    if (s == NULL)
        return NULL;
    params_write(r, &s->params, &s->cursor);
    s->is_browser = apr_table_get(r->headers_in, "Sec-Fetch-Mode") != NULL;
    if (!read_body(r, &s->body) || s->params.failed || s->cursor.failed)
        stream_free(&s);
    return s;
}

/* The hub's head becomes Apache's. */
static int
put_head(request_rec *r, const struct arrival *a)
{
    const char *last;
    int at;
    char *text = apr_pstrmemdup(r->pool, a->reply.ptr, a->head.size);
    int failed = ap_scan_script_header_err_strs(r, NULL, &last, &at, text, NULL);
    apr_table_unset(r->headers_out, "Alipes-Ticket");
    apr_table_unset(r->err_headers_out, "Alipes-Ticket");
    return failed;
}

static int
put_reply(request_rec *r, const struct arrival *a)
{
    struct slice body = slice_from(buf_slice(&a->reply), a->head.size);
    int failed = put_head(r, a);
    if (failed)
        return failed;
    ap_set_content_length(r, (apr_off_t)body.len);
    ap_rwrite(body.ptr, (int)body.len, r);
    return OK;
}

/* False: the client is gone. */
static bool
flush_head(request_rec *r)
{
    conn_rec *c = r->connection;
    apr_bucket_brigade *bb = apr_brigade_create(r->pool, c->bucket_alloc);
    APR_BRIGADE_INSERT_TAIL(bb, apr_bucket_flush_create(c->bucket_alloc));
    apr_status_t failed = ap_pass_brigade(r->output_filters, bb);
    apr_brigade_destroy(bb);
    return !failed && !c->aborted;
}

/* Its connection ends with it, and its body goes out in chunks that are made here, not by Apache.
 */
static int
put_stream(request_rec *r, struct arrival *a, bool *ret_taken)
{
    int failed = put_head(r, a);
    if (failed)
        return failed;
    apr_table_setn(r->subprocess_env, "no-gzip", "1");
    apr_table_setn(r->subprocess_env, "no-brotli", "1");
    r->connection->keepalive = AP_CONN_CLOSE;
    r->chunked = r->proto_num >= HTTP_VERSION(1, 1);
    if (!flush_head(r))
        return AP_FILTER_ERROR;
    *ret_taken = steal_take(r, a);
    return OK; /* where it is not taken: a stream without an event, that ends */
}

static int
answer(request_rec *r, struct arrival *a, bool *ret_taken)
{
    switch (arrival_wait(a, (uint64_t)apr_time_as_msec(r->server->timeout))) {
    case VERDICT_STREAM:
        return put_stream(r, a, ret_taken);
    case VERDICT_REPLY:
        return put_reply(r, a);
    case VERDICT_AWAY:
        return a->stream->body.len ? HTTP_SERVICE_UNAVAILABLE : DECLINED; /* it is read already */
    case VERDICT_BUSY:
        return HTTP_SERVICE_UNAVAILABLE;
    case VERDICT_BROKEN:
        return HTTP_BAD_GATEWAY;
    case VERDICT_NONE:
        break;
    }
    return HTTP_GATEWAY_TIME_OUT;
}

static int
on_request(request_rec *r)
{
    const struct hub *hub = settings_hub(r);
    bool is_taken = false;
    if (hub == NULL || max_streams == 0)
        return DECLINED;
    if (is_misdirected(r))
        return HTTP_MISDIRECTED_REQUEST;
    if (!is_for_stream(r, hub) || !may_leave(r))
        return DECLINED;
    if (tally_mine(TALLY_STREAMS) >= max_streams) {
        tally_add(TALLY_REFUSED, 1);
        return HTTP_SERVICE_UNAVAILABLE;
    }
    struct stream *s = make_stream(r);
    struct arrival *a = s ? pollers_post(hub, s) : NULL;
    if (a == NULL) {
        stream_free(&s);
        return HTTP_SERVICE_UNAVAILABLE;
    }
    int result = answer(r, a, &is_taken);
    if (!is_taken)
        pollers_give_back(a, INTENT_LEFT);
    return result;
}

/* --- the server ------------------------------------------------------------------------------- */

static int
on_pre_config(apr_pool_t *conf, apr_pool_t *log, apr_pool_t *temp)
{
    (void)conf, (void)log, (void)temp;
    settings_reset();
    return OK;
}

static int
on_check_config(apr_pool_t *conf, apr_pool_t *log, apr_pool_t *temp, server_rec *server)
{
    int threaded = 0;
    (void)conf, (void)log, (void)temp;
    ap_mpm_query(AP_MPMQ_IS_THREADED, &threaded);
    if (!settings.is_used || threaded)
        return OK;
    ap_log_error(
        APLOG_MARK, APLOG_CRIT, 0, server,
        "alipes: AlipesSocket needs mpm_event (or mpm_worker): mpm_prefork ends the processes "
        "that would hold the streams (a2dismod mpm_prefork; a2enmod mpm_event)");
    return HTTP_INTERNAL_SERVER_ERROR;
}

static bool
open_journal(apr_pool_t *conf, server_rec *server)
{
    apr_file_t *file = NULL;
    apr_os_file_t fd = -1;
    if (settings.log == NULL)
        return true;
    if (settings.log[0] == '|') {
        piped_log *program = ap_open_piped_log(conf, settings.log + 1);
        file = program ? ap_piped_log_write_fd(program) : NULL;
    } else {
        const char *path = ap_server_root_relative(conf, settings.log);
        (void)apr_file_open(&file, path, APR_WRITE | APR_APPEND | APR_CREATE | APR_LARGEFILE,
                            APR_OS_DEFAULT, conf);
    }
    if (file == NULL) {
        ap_log_error(APLOG_MARK, APLOG_CRIT, 0, server, "alipes: AlipesLog %s cannot be opened",
                     settings.log);
        return false;
    }
    apr_os_file_get(&fd, file);
    journal_open(fd);
    return true;
}

static int
on_open_logs(apr_pool_t *conf, apr_pool_t *log, apr_pool_t *temp, server_rec *server)
{
    (void)log, (void)temp;
    return open_journal(conf, server) ? OK : HTTP_INTERNAL_SERVER_ERROR;
}

static int
on_post_config(apr_pool_t *conf, apr_pool_t *log, apr_pool_t *temp, server_rec *server)
{
    const char *key = apr_psprintf(temp, "alipes %" APR_SIZE_T_FMT, tally_size());
    void **kept = ap_retained_data_get(key);
    (void)conf, (void)log;
    if (kept == NULL)
        kept = ap_retained_data_create(key, sizeof *kept);
    if (tally_open(kept))
        return OK;
    ap_log_error(APLOG_MARK, APLOG_CRIT, errno, server, "alipes: no shared memory");
    return HTTP_INTERNAL_SERVER_ERROR;
}

/* --- a child ---------------------------------------------------------------------------------- */

/* A child that meets the end of its descriptors as it accepts is ended by the MPM, with all its
 * streams; so these stay below. */
static int64_t
descriptors_allow(void)
{
    struct rlimit limit;
    int threads = 0;
    ap_mpm_query(AP_MPMQ_MAX_THREADS, &threads);
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 0;
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    if (getrlimit(RLIMIT_NOFILE, &limit))
        return 0;
    int64_t others = OTHER_FILES + CONNECTIONS * (int64_t)threads;
    int64_t most = limit.rlim_cur > INT32_MAX ? INT32_MAX : (int64_t)limit.rlim_cur;
    return most > others ? most - others : 0;
}

static apr_status_t
on_child_gone(void *unused)
{
    (void)unused;
    linger_wait();
    pollers_join();
    tls_end();
    tally_leave();
    return APR_SUCCESS;
}

static void
on_child(apr_pool_t *pool, server_rec *server)
{
    if (!settings.is_used)
        return;
    int64_t most = descriptors_allow();
    tally_enter();
    if (!tls_begin() || !pollers_start(settings.threads)) {
        ap_log_error(APLOG_MARK, APLOG_ERR, errno, server,
                     "alipes: no thread or memory for streams, which are left to mod_proxy");
        return;
    }
    max_streams = most < settings.max_streams ? most : settings.max_streams;
    apr_pool_pre_cleanup_register(pool, NULL, on_child_gone);
}

static void
on_child_stopping(apr_pool_t *pool, int graceful)
{
    (void)pool;
    if (max_streams)
        linger_begin(graceful, settings.drain_ms);
}

static void
on_register(apr_pool_t *pool)
{
    (void)pool;
    ap_hook_pre_config(on_pre_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_check_config(on_check_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_open_logs(on_open_logs, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_post_config(on_post_config, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_init(on_child, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_child_stopping(on_child_stopping, NULL, NULL, APR_HOOK_MIDDLE);
    ap_hook_handler(on_request, NULL, NULL, APR_HOOK_REALLY_FIRST);
    steal_hooks();
    status_hooks();
}

__attribute__((visibility("default"))) module AP_MODULE_DECLARE_DATA alipes_module = {
    STANDARD20_MODULE_STUFF,
    .create_dir_config = settings_make,
    .merge_dir_config = settings_merge,
    .cmds = settings_commands,
    .register_hooks = on_register,
};
