#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>

uint64_t clock_mono_ms(void); /* CLOCK_MONOTONIC, for timers */
uint64_t clock_mono_ns(void); /* the same clock, for what is measured */
uint64_t clock_wall_ms(void); /* CLOCK_REALTIME since 1970, for ids, exp and log lines */
uint64_t clock_boot_ms(void); /* CLOCK_BOOTTIME: goes on while the machine sleeps, never jumps */

#endif
