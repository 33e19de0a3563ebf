#ifndef CLI_DOCTOR_TALK_H
#define CLI_DOCTOR_TALK_H

/* An update, published and heard through the public URL. */

#include "cli/doctor/patient.h"

doctor_check talk_check_publish, talk_check_subscription, talk_check_streaming,
    talk_check_heartbeat, talk_check_compression;

#endif
