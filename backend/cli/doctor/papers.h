#ifndef CLI_DOCTOR_PAPERS_H
#define CLI_DOCTOR_PAPERS_H

/* What stands in files, and what the time is. */

#include "cli/doctor/patient.h"

doctor_check papers_check_configuration, papers_check_keys, papers_check_clock;

#endif
