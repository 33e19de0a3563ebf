#ifndef CLI_DOCTOR_FRONT_H
#define CLI_DOCTOR_FRONT_H

/* The web servers of this machine, as their files have them. */

#include "base/buf.h"
#include "cli/doctor/remedy.h"
#include "config/string_list.h"

struct front_type {
    const char *name;
    const char *server; /* how its Server header begins; NULL: it sends none */
    const char *user;   /* whom it runs as on Debian */
    const char *program, *version_argument;
    const char *unit;
    const char *files[3]; /* patterns, to NULL; what they include comes along */
};

extern const struct front_type front_types[FRONTS];

struct front {
    const struct front_type *type;
    bool is_there;
    char version[120];   /* as it says itself; empty: it was not asked */
    struct buf all, own; /* without comments, a blank for many: all its files; those of the hub */
    struct string_list paths;  /* of `own` */
    struct string_list copies; /* of them, the project's files that stand somewhere else */
};

/* `root`: what stands before its paths, "" for this machine, whose programs are then asked for
 * their version. A file is the hub's where it names the hub's path or one of its sockets. */
void front_read(struct front *, enum front_kind, const char *root, const char *path,
                const struct string_list *sockets);
void front_fini(struct front *);

/* After how many seconds it cuts a silent stream; 0: never. */
double front_idle(const struct front *);
/* The nth module (from 0) that the hub's files of Apache need and none loads; NULL: none. */
const char *front_missing_module(const struct front *, size_t nth);

#endif
