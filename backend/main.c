/* main - the signals of the one that serves, and the only exit(); other commands stand in
 * cli/command_line.c. */

#include "auth/fetcher.h"
#include "base/log.h"
#include "base/standalone.h"
#include "cli/command_line.h"
#include "process.h"
#include "threads.h"

#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

enum {
    LARGE_BYTES = 131072 /* from here on memory is mapped for one object alone */
};

/* Before there is a second thread: all others inherit it. */
static void
block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGHUP);
    sigaddset(signals, SIGUSR1);
    sigaddset(signals, SIGUSR2);
    pthread_sigmask(SIG_BLOCK, signals, NULL);
    signal(SIGPIPE, SIG_IGN);
    signal(SIGXFSZ, SIG_IGN); /* a file-size limit is an error of a write */
}

/* Returns the signal that ends it. */
static int
obey_signals(const sigset_t *signals)
{
    for (;;) {
        int number;
        while (sigwait(signals, &number) != 0)
            ;
        if (number == SIGHUP)
            process_reload();
        else if (number == SIGUSR1)
            process_reopen_log();
        else if (number == SIGUSR2)
            process_rotate_log();
        else
            return number;
    }
}

static int
serve(const struct launch *launch)
{
    sigset_t signals;
    /* Memory fresh from the system is zero, and calloc() does not touch it; of the 128 KiB that
     * glibc takes in reserve it no longer knows that: workers' tables would be written at once. */
    mallopt(M_TOP_PAD, 0);
    threads_save_space();
    if (!process_load(launch))
        return 1;
    block_signals(&signals);
    /* Large bodies and updates go back to the system when they are freed: left to itself, glibc
     * raises the threshold with the largest one freed and keeps twice the bound (measured). */
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    if (!process_start())
        return 1;
    process_stop(obey_signals(&signals));
    return 0;
}

/* Who was begun with one of them closed would have a lock, a socket or the history in its place. */
static void
fill_streams(void)
{
    int fd;
    do
        fd = open("/dev/null", O_RDWR);
    while (fd >= 0 && fd <= STDERR_FILENO);
    if (fd >= 0)
        close(fd);
}

int
main(int argc, char **argv)
{
    standalone_begin();
    fill_streams();
    log_open(LOG_LOGFMT, LOG_INFO, STDERR_FILENO); /* until a configuration says otherwise */
    int status = command_line(argc, argv, serve);
    if (!fetcher_left_behind())
        return status;
    fflush(NULL);
    _exit(status);
}
