#ifndef MOD_ALIPES_SETTINGS_H
#define MOD_ALIPES_SETTINGS_H

/* The directives. */

#include "mod_alipes/hub.h"

#include "httpd.h"

#include "http_config.h"

/* Of the server as a whole. */
struct settings {
    unsigned max_streams; /* a child's */
    unsigned threads;     /* pollers of a child */
    uint64_t drain_ms;    /* how long a child that ends gracefully takes for its streams */
    const char *log;      /* NULL: Apache's error log */
    bool is_used;         /* some AlipesSocket stands somewhere */
};

extern struct settings settings;
extern const command_rec settings_commands[];

void settings_reset(void); /* before a configuration is read */
/* The hub for this request; NULL: none. */
const struct hub *settings_hub(const request_rec *);

void *settings_make(apr_pool_t *, char *path);
void *settings_merge(apr_pool_t *, void *outer, void *inner);

#endif
