/* remedy - the rows of remedy.def. */

#include "cli/doctor/remedy.h"

#include "base/compiler.h"

const struct remedy remedies[] = {
#define REMEDY(front, symptom, where, has, add) {FRONT_##front, SYMPTOM_##symptom, where, has, add},
#include "cli/doctor/remedy.def"
};
const size_t remedy_count = COUNT_OF(remedies);

const struct idle_rule idle_rules[] = {
#define IDLE(front, directive, standard) {FRONT_##front, directive, standard},
#include "cli/doctor/remedy.def"
};
const size_t idle_rule_count = COUNT_OF(idle_rules);

const char *
symptom_cause(enum symptom s)
{
    static const char *const causes[SYMPTOMS] = {
#define SYMPTOM(name, cause) [SYMPTOM_##name] = cause,
#include "cli/doctor/remedy.def"
    };
    return causes[s];
}

const char *
remedy_line(enum front_kind front, enum symptom symptom)
{
    for (size_t i = 0; i < remedy_count; i++)
        if (remedies[i].front == front && remedies[i].symptom == symptom)
            return remedies[i].add;
    return NULL;
}
