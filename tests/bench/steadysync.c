/* steadysync - a disk whose syncs all take the same time, for comparisons that a busy one spoils.
 *
 * Preloaded (STEADYSYNC_US=270, with the files in memory): fdatasync() and fsync() sleep so long
 * and do nothing else. 270 is what the syncs took beside which the established hub was measured. */
#define _GNU_SOURCE
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

static int
wait_for_disk(void)
{
    static long us;
    struct timespec t;
    if (us == 0) {
        const char *text = getenv("STEADYSYNC_US");
        us = text ? strtol(text, NULL, 10) : 270;
    }
    prctl(PR_SET_TIMERSLACK, 1000UL);
    clock_gettime(CLOCK_MONOTONIC, &t);
    t.tv_nsec += us * 1000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL) != 0)
        ;
    return 0;
}

int
fdatasync(int fd)
{
    (void)fd;
    return wait_for_disk();
}

int
fsync(int fd)
{
    (void)fd;
    return wait_for_disk();
}
