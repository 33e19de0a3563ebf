#ifndef CLI_DOCTOR_OUTSIDE_H
#define CLI_DOCTOR_OUTSIDE_H

/* What a client of the public URL gets, without a stream. */

#include "cli/doctor/patient.h"

/* The URL, and tokens: before the checks. False: there is no URL. */
bool outside_prepare(struct patient *, struct error *);

doctor_check outside_check_address, outside_check_http, outside_check_slashes, outside_check_cors,
    outside_check_cookie, outside_check_away;

#endif
