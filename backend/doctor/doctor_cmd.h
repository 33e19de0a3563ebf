#ifndef DOCTOR_DOCTOR_CMD_H
#define DOCTOR_DOCTOR_CMD_H

/* `alipes doctor`: 0 where nothing is bad, 1 where something is, 2 where the call is wrong. */
int doctor_cmd(int argc, char **argv);

#endif
