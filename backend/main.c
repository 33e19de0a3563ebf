/* main - the commands, the signals of the one that serves, and the only exit(). */

#include "auth/fetcher.h"
#include "base/alloc.h"
#include "base/log.h"
#include "base/version.h"
#include "cli/ask_cmd.h"
#include "cli/config_cmd.h"
#include "cli/history_cmd.h"
#include "cli/token_cmd.h"
#include "config/config.h"
#include "doctor/doctor_cmd.h"
#include "process.h"

#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum {
    LARGE_BYTES = 131072 /* from here on memory is mapped for one object alone */
};

static void
usage(FILE *out)
{
    fputs("alipes: a hub for the Mercure protocol, behind the web server you already run\n"
          "\n"
          "    alipes -c FILE             run with this configuration\n"
          "    alipes                     run with what the environment says (MERCURE_…)\n"
          "    alipes health [-c FILE]    is the hub of this configuration ready? (exit status)\n"
          "    alipes stat [-c FILE]      what it counts, for people (needs metrics_listen)\n"
          "    alipes history …           stat, check, dump, restore: what is on the disk\n"
          "    alipes token …             makes a token; alipes token inspect judges one\n"
          "    alipes config check FILE   is this configuration right?\n"
          "    alipes config --help       every directive\n"
          "    alipes --version\n",
          out);
}

/* Before there is a second thread: all others inherit it. */
static void
block_signals(sigset_t *signals)
{
    sigemptyset(signals);
    sigaddset(signals, SIGTERM);
    sigaddset(signals, SIGINT);
    sigaddset(signals, SIGHUP);
    sigaddset(signals, SIGUSR1);
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
        else
            return number;
    }
}

static int
serve(const char *file)
{
    sigset_t signals;
    /* Memory fresh from the system is zero, and calloc() does not touch it; of the 128 KiB that
     * glibc takes in reserve it no longer knows that: workers' tables would be written at once. */
    mallopt(M_TOP_PAD, 0);
    if (!process_load(file))
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

static const struct {
    const char *name;
    int (*run)(int argc, char **argv);
} commands[] = {
    {"config", config_cmd}, {"history", history_cmd}, {"token", token_cmd},
    {"health", ask_cmd},    {"stat", ask_cmd},        {"doctor", doctor_cmd},
};

/* A command that failed with a configuration that nobody named says which it was. */
static int
run_command(size_t at, int argc, char **argv)
{
    int status = commands[at].run(argc - 1, argv + 1);
    if (status && config_found())
        fprintf(stderr,
                "alipes: the configuration was %s, since there is no -c, no ALIPES_CONFIG and no "
                "MERCURE_ variable\n",
                config_found());
    return status;
}

static int
run(int argc, char **argv)
{
    for (size_t i = 0; argc >= 2 && i < COUNT_OF(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            return run_command(i, argc, argv);
    if (argc == 1)
        return serve(NULL);
    if (argc == 3 && strcmp(argv[1], "-c") == 0)
        return serve(argv[2]);
    if (argc == 2 && strcmp(argv[1], "--version") == 0) {
        puts("alipes " VERSION);
        return 0;
    }
    bool help = argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0);
    usage(help ? stdout : stderr);
    return help ? 0 : 2;
}

int
main(int argc, char **argv)
{
    log_open(LOG_LOGFMT, LOG_INFO, STDERR_FILENO); /* until a configuration says otherwise */
    int status = run(argc, argv);
    if (!fetcher_left_behind())
        return status;
    fflush(NULL);
    _exit(status);
}
