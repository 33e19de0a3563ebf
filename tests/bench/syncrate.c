/* syncrate - what the disk itself does: records of one size into a file that was filled with zeros,
 * each followed by fdatasync(), as a commit of the history is.
 *
 *     syncrate FOLDER RECORD_BYTES SECONDS     prints syncs a second, and CPU seconds used
 *
 * The file, FOLDER/syncrate, is made where it is missing and left for the next time: a disk that
 * has just taken 16 MiB is slower for a while. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum {
    FILE_BYTES = 16 * 1024 * 1024,
    STEP = 256 * 1024,
};

static double
now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
die(const char *what)
{
    perror(what);
    exit(1);
}

int
main(int argc, char **argv)
{
    static char zeros[STEP], record[FILE_BYTES];
    char path[4096];
    if (argc != 4) {
        fputs("usage: syncrate FOLDER RECORD_BYTES SECONDS\n", stderr);
        return 2;
    }
    size_t size = strtoul(argv[2], NULL, 10);
    double seconds = strtod(argv[3], NULL);
    if (size == 0 || size > FILE_BYTES)
        die("the record's size");
    memset(record, 'x', size);
    snprintf(path, sizeof path, "%s/syncrate", argv[1]);
    int fd = open(path, O_RDWR | O_CREAT, 0600);
    if (fd < 0)
        die(path);
    if (lseek(fd, 0, SEEK_END) != FILE_BYTES) {
        for (size_t at = 0; at < FILE_BYTES; at += STEP)
            if (pwrite(fd, zeros, STEP, (off_t)at) != STEP)
                die(path);
        if (fsync(fd) != 0)
            die(path);
    }
    uint64_t count = 0;
    size_t at = 4096;
    double begin = now();
    for (; now() - begin < seconds; count++, at += size) {
        if (at + size > FILE_BYTES)
            at = 4096;
        if (pwrite(fd, record, size, (off_t)at) != (ssize_t)size || fdatasync(fd) != 0)
            die(path);
    }
    double took = now() - begin;
    struct rusage use;
    getrusage(RUSAGE_SELF, &use);
    close(fd);
    printf("{\"syncs_per_s\":%.0f,\"cpu_s\":%.3f}\n", (double)count / took,
           (double)(use.ru_utime.tv_sec + use.ru_stime.tv_sec) +
               (double)(use.ru_utime.tv_usec + use.ru_stime.tv_usec) / 1e6);
    return 0;
}
