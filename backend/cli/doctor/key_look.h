#ifndef CLI_DOCTOR_KEY_LOOK_H
#define CLI_DOCTOR_KEY_LOOK_H

/* One key of the configuration: how strong it is. Nothing of it is said. */

#include "cli/doctor/report.h"
#include "config/key_setting.h"

/* A role that has none says nothing. */
void key_look(struct report *, const char *owner, const struct key_setting *);
/* Publisher and subscriber (an array of ROLES) with one key. */
void key_look_same(struct report *, const struct key_setting *keys);

#endif
