#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

/* The configuration, as read. Fields are named as the directives (options.def). */

#include "base/buf.h"
#include "base/error.h"
#include "base/log.h"
#include "config/string_list.h"

#include <stdio.h>

struct string {
    char *ptr; /* owns; NUL-terminated beyond len */
    size_t len;
};

struct config {
    struct string_list listen, cors_origins, publish_origins;
    uint64_t workers, max_connections, max_streams, max_streams_per_token, max_streams_per_address;
    uint64_t max_form_fields, max_topics_per_publish, max_matchers, max_requests_per_connection;
    uint64_t token_cache;
    char *path, *healthz, *name, *cookie_name, *log_file;
    struct string publisher_jwt_key, subscriber_jwt_key;
    char *publisher_jwt_alg, *subscriber_jwt_alg;
    bool anonymous, debug, id_format_uuid4, busy_503, fastcgi_multiplexing;
    uint64_t heartbeat_ms, write_timeout_ms, shutdown_timeout_ms, head_timeout_ms, body_timeout_ms;
    uint64_t idle_timeout_ms, keepalive_timeout_ms, reply_timeout_ms, linger_timeout_ms;
    uint64_t tail, max_request_head, max_request_body_size, max_update_size, max_pending_bytes;
    uint64_t max_batch_bytes;
    char *history_path;
    uint64_t max_events, max_bytes, max_age_ms; /* of the history */
    uint64_t sync_interval_ms;                  /* 0: durability commit */
    bool in_memory, unsafe_filesystem, history_is_set;
    enum log_format log_format;
    enum log_level log_level;
    bool listen_is_set, reads_files;
    struct string_list notes; /* sentences to say at start */
};

struct config *config_new(void); /* the defaults; caller owns */
void config_free(struct config **);
/* Adds what `text` says. On failure err has FILE:LINE and the configuration is to be dropped. */
MUST_CHECK bool config_parse(struct config *, struct slice text, const char *file, struct error *);
MUST_CHECK bool config_from_file(const char *path, struct config **ret, struct error *);
/* MERCURE_… variables (README). */
MUST_CHECK bool config_from_environment(struct config **ret, struct error *);
/* What only the whole tells: warnings go to notes. */
MUST_CHECK bool config_judge(struct config *, struct error *);
void config_help(FILE *);

/* For what reads a configuration: a sentence to say at start, "NAME: TEXT". */
void config_note(struct config *, const char *name, const char *text);
/* A file of at most `max` bytes into `out` (initialised here; empty on failure). */
MUST_CHECK bool config_read_file(const char *path, size_t max, struct buf *out, struct error *);

#endif
