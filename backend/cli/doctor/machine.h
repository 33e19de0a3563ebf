#ifndef CLI_DOCTOR_MACHINE_H
#define CLI_DOCTOR_MACHINE_H

/* The hub's process, its socket, its descriptors, and the disk under its history. */

#include "cli/doctor/patient.h"

doctor_check machine_check_hub, machine_check_socket, machine_check_descriptors,
    machine_check_history;

#endif
