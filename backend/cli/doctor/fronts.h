#ifndef CLI_DOCTOR_FRONTS_H
#define CLI_DOCTOR_FRONTS_H

/* The web servers in front, as their files have them. */

#include "cli/doctor/patient.h"

/* Reads them: before whatever looks at p->fronts. */
void fronts_read(struct patient *);

doctor_check fronts_check_files, fronts_check_capacity;

#endif
