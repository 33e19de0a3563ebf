#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

/* The configuration, as read. Fields are named as the directives (options.def). */

#include "base/buf.h"
#include "base/cidr.h"
#include "base/error.h"
#include "base/log.h"
#include "config/key_setting.h"
#include "config/string_list.h"

enum config_role {
    CONFIG_PUBLISHER,
    CONFIG_SUBSCRIBER,
    CONFIG_ROLES,
};

/* The header that our own front overwrites, and that is believed from trusted_proxies. */
enum forwarded {
    FORWARDED_NONE,
    FORWARDED_X_FORWARDED,
    FORWARDED_FORWARDED,
};

/* Who may sign tokens of 1.0. A role without a key is refused for this issuer. */
struct issuer_setting {
    char *id, *place;
    bool authorization_server;
    struct key_setting keys[CONFIG_ROLES];
};

enum {
    CONFIG_QUERY_SHARE = 4 /* of max_pending_bytes: the part that bodies of QUERYs may take */
};

struct config {
    struct string_list listen, metrics_listen, cors_origins, publish_origins;
    uint64_t workers, max_connections, max_streams, max_streams_per_token, max_streams_per_address;
    uint64_t max_matcher_length, max_patterns, max_unfixed_patterns, max_pattern_bases,
        max_match_steps, max_index_bytes, client_share;
    uint64_t max_form_fields, max_topics_per_publish, max_id_length, max_matchers,
        max_requests_per_connection;
    uint64_t token_cache, max_token_selectors, max_authorization_details;
    char *path, *healthz, *name, *log_file;
    char *cookie_name;                     /* NULL: each dialect has its own */
    struct key_setting keys[CONFIG_ROLES]; /* of 0.x */
    struct key_setting jwks[CONFIG_ROLES]; /* while it is read; config_judge() moves it to keys */
    struct issuer_setting *issuers;        /* of 1.0 */
    size_t issuer_count;
    struct string_list sources;     /* the URLs of all JWK sets, each once */
    char *resource_identifier;      /* NULL: from each request */
    struct string_list public_urls; /* scheme://host[:port]; empty: any */
    struct string_list trusted_proxies;
    struct cidr *proxies; /* the same, as config_judge() read it */
    size_t proxy_count;
    unsigned forwarded; /* enum forwarded */
    uint64_t leeway_ms, jwks_refresh_ms, jwks_cooldown_ms, jwks_max_age_ms;
    uint64_t key_wait_timeout_ms, max_key_waits;
    char *jwks_ca; /* NULL: the system's */
    bool anonymous, debug, id_format_uuid4, busy_503, fastcgi_multiplexing;
    uint64_t heartbeat_ms, write_timeout_ms, shutdown_timeout_ms, head_timeout_ms, body_timeout_ms;
    uint64_t idle_timeout_ms, keepalive_timeout_ms, reply_timeout_ms, linger_timeout_ms;
    bool update_size_follows; /* max_update_size is worked out from body and history */
    uint64_t tail, max_request_head, max_request_body_size, max_query_body_size, max_update_size;
    uint64_t max_pending_bytes, max_held_bytes, max_batch_bytes;
    char *history_path;
    uint64_t max_events, max_bytes, max_age_ms; /* of the history */
    uint64_t sync_interval_ms;                  /* 0: durability commit */
    bool in_memory, unsafe_filesystem, history_is_set;
    enum log_format log_format;
    enum log_level log_level;
    struct string_list notes;  /* sentences to say at start */
    struct string_list errors; /* why it cannot be used, each with its place; empty: fine */
    struct string_list trusted_issuers; /* MERCURE_TRUSTED_ISSUERS: with the keys of the roles */

    /* Where each directive stood last: FILE:LINE or a variable; names and places in one order. */
    struct string_list placed, places;

    /* While it is read. */
    bool body_size_is_set, reads_files;
    struct string_list yielding; /* lists that the next word of theirs replaces (config_yield()) */
    struct string_list seen;     /* directives of this source, to notice a second one */
    const char *reading_file;    /* borrowed */
    unsigned reading_line;       /* 0: not a file */
    char *compatibility;         /* protocol_version_compatibility */
};

struct config *config_new(void); /* the defaults; caller owns */
void config_free(struct config **);
/* Adds what `text` says. What is wrong is added to config->errors; false: something was, and err
 * is the first of it. */
MUST_CHECK bool config_parse(struct config *, struct slice text, const char *file, struct error *);
/* What only the whole tells: warnings go to notes. As config_parse(). */
MUST_CHECK bool config_judge(struct config *, struct error *);

/* What the hub would run with: this file, or NULL: the one that ALIPES_CONFIG names where it is
 * there, else the MERCURE_… variables (alipes.conf(5)). Before both, the file that ALIPES_DEFAULTS
 * names: what a package says where its user says nothing. Judged; unusable where config->errors
 * says something. Caller owns. */
struct config *config_read(const char *path);
/* For commands beside the hub: where nothing says which configuration is meant (no path, no
 * ALIPES_CONFIG, no MERCURE_… variable) the packaged file counts, if it is there. */
MUST_CHECK bool config_load(const char *path, struct config **ret, struct error *);
/* That file, where config_load() took it by itself; else NULL. */
const char *config_found(void);

/* Which dialects of the protocol follow from the keys. */
bool config_speaks_0x(const struct config *);
bool config_speaks_1_0(const struct config *);

/* For what reads a configuration. The directive `name` stands where it is reading now. */
void config_place(struct config *, struct slice name);
const char *config_place_of(const struct config *, struct slice name); /* NULL: a default */
/* A sentence to say at start, "NAME: TEXT", with the directive's place before it. */
void config_note(struct config *, const char *name, const char *text);
void config_say(struct config *, const char *place, const char *text); /* "PLACE: TEXT" */
/* Why it cannot be used: the whole sentence; or NAME: …, with the directive's place before it. */
void config_complain(struct config *, const char *fmt, ...) PRINTF_LIKE(2, 3);
void config_refuse(struct config *, const char *name, const char *fmt, ...) PRINTF_LIKE(3, 4);
bool config_has_enough(const struct config *); /* so many mistakes that further ones help nobody */
/* What is there by now is somebody's default: the next source's lists replace it. */
void config_yield(struct config *);
/* A file of at most `max` bytes into `out` (initialised here; empty on failure). A regular one
 * alone: a FIFO would be waited for, and a device has no end. */
MUST_CHECK bool config_read_file(const char *path, size_t max, struct buf *out, struct error *);
/* The same for a person who may interrupt: whatever can be read. */
MUST_CHECK bool config_read_pipe(const char *path, size_t max, struct buf *out, struct error *);

#endif
