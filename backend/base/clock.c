/* clock - the clocks, in milliseconds and nanoseconds. */

#include "base/clock.h"

#include <time.h>

static uint64_t
read_ms(clockid_t which)
{
    struct timespec t;
    clock_gettime(which, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

uint64_t
clock_mono_ms(void)
{
    return read_ms(CLOCK_MONOTONIC);
}

uint64_t
clock_mono_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

uint64_t
clock_wall_ms(void)
{
    return read_ms(CLOCK_REALTIME);
}

uint64_t
clock_boot_ms(void)
{
    return read_ms(CLOCK_BOOTTIME);
}
