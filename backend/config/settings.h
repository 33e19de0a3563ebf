#ifndef CONFIG_SETTINGS_H
#define CONFIG_SETTINGS_H

/* What a configuration says, and what there is to say about it. Fields are named as the directives
 * (options.def). */

#include "base/cidr.h"
#include "base/dialect.h"
#include "base/error.h"
#include "base/log.h"
#include "config/key_setting.h"
#include "config/redis_url.h"
#include "config/string_list.h"

struct config_reading;

/* The header that our own front overwrites, and that is believed from trusted_proxies. */
enum forwarded {
    FORWARDED_NONE,
    FORWARDED_X_FORWARDED,
    FORWARDED_FORWARDED,
};

/* Who hears as a stream begins where it stands (hub/stream_cursor.h). */
enum stream_cursor {
    STREAM_CURSOR_BROWSERS,
    STREAM_CURSOR_ALL,
    STREAM_CURSOR_OFF,
};

/* Whom the page shows the hub's metrics (hub/ui.h). */
enum ui_metrics {
    UI_METRICS_NONE,
    UI_METRICS_TOKEN,
    UI_METRICS_ALL,
};

/* Who may sign tokens of 1.0. A role without a key is refused for this issuer. */
struct issuer_setting {
    char *id, *place;
    bool authorization_server;
    struct key_setting keys[ROLES];
};

/* Where updates are kept. */
enum transport_kind {
    TRANSPORT_LOG,
    TRANSPORT_MEMORY,
    TRANSPORT_REDIS,
};

struct setting_place {
    char *directive;
    char *text;   /* FILE:LINE, or the name of a variable */
    bool is_line; /* of a file, or of a variable that holds directives */
};

enum {
    CONFIG_QUERY_SHARE = 4 /* of max_pending_bytes: the part that bodies of QUERYs may take */
};

struct config {
    /* As directives say: each is the field of a row of options.def. */
    struct string_list listen, metrics_listen, cors_origins, publish_origins;
    uint64_t workers, max_connections, max_streams, max_streams_per_token, max_streams_per_address;
    uint64_t max_matcher_length, max_patterns, max_unfixed_patterns, max_pattern_bases,
        max_match_steps, max_index_bytes, client_share;
    uint64_t max_form_fields, max_topics_per_publish, max_topics_size, max_id_length, max_matchers,
        max_requests_per_connection;
    uint64_t token_cache, max_token_selectors, max_authorization_details;
    char *path, *healthz, *name, *log_file, *pid_file;
    uint64_t log_max_size, log_files;
    char *cookie_name;              /* NULL: each dialect has its own */
    struct key_setting keys[ROLES]; /* of 0.x; once judged, a JWK set is one of them */
    struct key_setting jwks[ROLES]; /* as read; empty once judged */
    char *resource_identifier;      /* NULL: from each request */
    struct string_list public_urls; /* scheme://host[:port]; empty: any */
    struct string_list trusted_proxies;
    unsigned forwarded; /* enum forwarded */
    uint64_t leeway_ms, jwks_refresh_ms, jwks_cooldown_ms, jwks_max_age_ms;
    uint64_t key_wait_timeout_ms, max_key_waits;
    uint64_t max_subscription_lists, subscription_list_timeout_ms, max_traces, max_stream_pages;
    char *jwks_ca; /* NULL: the system's */
    bool anonymous, debug, fastcgi_multiplexing, ui;
    unsigned ui_metrics;                /* enum ui_metrics */
    unsigned id_format_uuid4, busy_503; /* 1: they do */
    unsigned stream_cursor;             /* enum stream_cursor */
    uint64_t heartbeat_ms, write_timeout_ms, shutdown_timeout_ms, head_timeout_ms, body_timeout_ms;
    uint64_t idle_timeout_ms, keepalive_timeout_ms, reply_timeout_ms, linger_timeout_ms;
    uint64_t tail, max_request_head, max_request_body_size, max_query_body_size, max_update_size,
        max_pending_bytes, max_held_bytes, multicast_backlog;
    uint64_t max_batch_bytes;
    char *history_path;
    uint64_t max_events, max_bytes, max_age_ms; /* of the history */
    uint64_t sync_interval_ms;                  /* 0: durability commit */
    unsigned transport;                         /* enum transport_kind */
    bool unsafe_filesystem;
    char *redis_url, *redis_sentinel, *redis_stream;
    char *redis_username, *redis_password, *redis_password_file;
    char *redis_sentinel_username, *redis_sentinel_password, *redis_sentinel_password_file;
    struct string_list redis_addresses;
    bool redis_tls, redis_tls_insecure, redis_sentinel_tls;
    char *redis_tls_ca, *redis_tls_cert, *redis_tls_key, *redis_tls_name;
    uint64_t redis_connect_timeout_ms, redis_timeout_ms, redis_publish_timeout_ms, redis_heal_ms;
    uint64_t redis_lease_ms;
    uint64_t redis_hold, redis_replicas;
    bool subscriptions;
    uint64_t subscriptions_max_bytes, subscriptions_max_age_ms, hold_back_ms, hold_back_return_ms;
    enum log_format log_format;
    enum log_level log_level;

    /* Of issuers, one after another. */
    struct issuer_setting *issuers; /* of 1.0 */
    size_t issuer_count;

    /* Worked out by the judgement. */
    bool speaks[DIALECTS];      /* follows from the keys */
    struct string_list sources; /* the URLs of all JWK sets, each once */
    struct cidr *proxies;       /* trusted_proxies */
    size_t proxy_count;
    bool update_size_follows;        /* max_update_size is worked out from body and history */
    struct redis_url *redis_servers; /* url, then addresses; user and password are the first's */
    size_t redis_server_count;

    /* What there is to say. */
    struct string_list notes;     /* sentences to say at start */
    struct string_list errors;    /* why it cannot be used, each with its place; empty: fine */
    struct setting_place *places; /* of each directive that was given, where it stood last */
    size_t place_count;

    struct config_reading *reading; /* owns; NULL: it is read and judged */
};

void settings_free(struct config **); /* all but `reading` */

/* The directive `name` stands there. */
void settings_place(struct config *, struct slice name, const char *text, bool is_line);
/* NULL: nothing gave it, so it is the default. */
const struct setting_place *settings_place_of(const struct config *, const char *name);

/* A sentence to say at start, "NAME: TEXT", with the directive's place before it. */
void settings_note(struct config *, const char *name, const char *text);
void settings_say(struct config *, const char *place, const char *text); /* "PLACE: TEXT" */
/* Why it cannot be used: the whole sentence; or NAME: …, with the directive's place before it. */
void settings_complain(struct config *, const char *fmt, ...) PRINTF_LIKE(2, 3);
void settings_refuse(struct config *, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool settings_has_enough(const struct config *); /* mistakes: further ones help nobody */

#endif
