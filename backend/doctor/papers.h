#ifndef DOCTOR_PAPERS_H
#define DOCTOR_PAPERS_H

/* What stands in files, and what the time is. */

#include "doctor/patient.h"

doctor_check papers_check_configuration, papers_check_keys, papers_check_clock;

#endif
