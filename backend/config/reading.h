#ifndef CONFIG_READING_H
#define CONFIG_READING_H

/* What is known while a configuration is read: where one is, and what is kept until the end. */

#include "config/settings.h"

struct config_reading {
    struct config *config; /* borrowed; it owns this */
    bool may_read_files;
    const char *file; /* borrowed; a file, or the name of a variable; NULL: nowhere */
    unsigned line;    /* 0: a variable */

    struct string_list seen;            /* directives that this source has given, as BLOCK/NAME */
    struct string_list trusted_issuers; /* MERCURE_TRUSTED_ISSUERS: with the keys of the roles */
    char *compatibility;                /* protocol_version_compatibility; NULL: not said */
};

struct config_reading *reading_new(struct config *); /* the caller gives it to the configuration */
void reading_free(struct config_reading **);

/* What is there by now is somebody's default: the lists of the next source replace it. */
void reading_yield(struct config_reading *);
/* `block` NULL: a directive of its own. True: this source has given it before. */
bool reading_sees(struct config_reading *, const char *block, const char *name);
bool reading_has_seen(const struct config_reading *, const char *block, const char *name);

/* The directive `name` stands here. */
void reading_place(struct config_reading *, struct slice name);
/* Why what stands here cannot be used: FILE:LINE: TEXT, or VARIABLE: TEXT. */
void reading_complain(struct config_reading *, const char *text);

/* A key of `name` that stands here; what is odd about it is noted. As in key_setting.h. */
MUST_CHECK bool reading_set_key(struct config_reading *, struct key_setting *, const char *name,
                                const struct slice *args, size_t count, struct error *);
MUST_CHECK bool reading_set_url(struct config_reading *, struct key_setting *, const char *name,
                                const struct slice *args, size_t count, struct error *);

#endif
