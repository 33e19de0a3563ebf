#ifndef CLI_DOCTOR_BLAME_H
#define CLI_DOCTOR_BLAME_H

/* A symptom that a client sees, laid at the front's door. */

#include "cli/doctor/patient.h"

/* "Apache", or "the front" where nothing tells. */
const char *blame_name(const struct patient *);
/* Who answers there, by its Server header, or by the files of this machine. */
void blame_find(struct patient *, const struct transfer *);
/* `detail` stands behind the cause. */
void blame_bad(const struct patient *, struct report *, enum symptom, const char *detail);
void blame_note(const struct patient *, struct report *, enum symptom, const char *detail);

#endif
