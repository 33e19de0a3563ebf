#ifndef CLI_DOCTOR_REMEDY_H
#define CLI_DOCTOR_REMEDY_H

/* Which line helps against which symptom behind which front. */

#include <stddef.h>

enum front_kind {
    FRONT_APACHE,
    FRONT_NGINX,
    FRONT_CADDY,
    FRONT_HAPROXY,
    FRONT_LIGHTTPD,
    FRONTS,
};

enum symptom {
#define SYMPTOM(name, cause) SYMPTOM_##name,
#include "cli/doctor/remedy.def"
    SYMPTOMS
};

struct remedy {
    enum front_kind front;
    enum symptom symptom;
    const char *where, *has, *add;
};

struct idle_rule {
    enum front_kind front;
    const char *directive;
    unsigned standard;
};

extern const struct remedy remedies[];
extern const size_t remedy_count;
extern const struct idle_rule idle_rules[];
extern const size_t idle_rule_count;

const char *symptom_cause(enum symptom);
/* NULL: there is none for this front. */
const char *remedy_line(enum front_kind, enum symptom);

#endif
