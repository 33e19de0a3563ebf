#ifndef CLI_DOCTOR_PATIENT_H
#define CLI_DOCTOR_PATIENT_H

/* What is examined, and what one check has learned for the next. */

#include "base/dialect.h"
#include "cli/doctor/front.h"
#include "cli/doctor/report.h"
#include "cli/doctor/transfer.h"
#include "config/config.h"

#include <sys/types.h>

struct patient {
    /* As called; NULL: not said. */
    const char *conf, *root, *ca_file, *token_file, *url;

    /* The machine. */
    struct config *config;      /* owns; NULL: it cannot be used, or there is none */
    struct string_list sockets; /* paths of `listen` */
    struct front fronts[FRONTS];
    bool has_fronts;
    pid_t hub; /* 0: unknown */
    bool hub_answers;
    bool hub_is_hidden; /* from us: who may not ask it does not know whether it answers */

    /* The way in. */
    char *hub_url;           /* owns; NULL: none is known */
    struct buf token[ROLES]; /* what goes behind "Bearer "; empty: there is none */
    struct error no_token[ROLES];
    bool is_1_0; /* the tokens are */
    char topic[80];
    enum front_kind seen; /* FRONTS: nothing tells */
    bool is_reached;      /* the hub's own answer came through */
    bool bearer_is_lost;
    unsigned version; /* of HTTP */
    struct transfer stream;
    bool has_stream;
    uint64_t began_ms;
};

void patient_init(struct patient *);
void patient_fini(struct patient *);

typedef void doctor_check(struct patient *, struct report *);

#endif
