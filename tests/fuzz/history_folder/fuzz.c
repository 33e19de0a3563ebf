/* A folder whose one segment holds arbitrary bytes behind a good header, read by whoever only
 * reads: what comes is in order, and it ends. */

#include "base/alloc.h"
#include "base/log.h"
#include "transport/log/store.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    static const char path[] = "build/fuzz/folder";
    static char header[SEGMENT_HEADER];
    static int folder = -1, fd;
    const struct store_settings s = {path, 1000, 1 << 20, 1000, 0, 1 << 20, .only_reads = true};
    struct segment_header h = {.first = {1, 1}};
    struct position at = {0};
    struct batch *piece;
    bool gone, first = true;
    if (folder < 0) {
        log_open(LOG_LOGFMT, LOG_ERROR, open("/dev/null", O_WRONLY));
        mkdir(path, 0700);
        ENSURE((folder = open(path, O_DIRECTORY)) >= 0);
        fd = openat(folder, "0000000000000001-0000000000000001.log", O_CREAT | O_WRONLY, 0600);
    }
    segment_header_write(header, &h);
    ENSURE(pwrite(fd, header, sizeof header, 0) == sizeof header && ftruncate(fd, 4096) == 0 &&
           pwrite(fd, bytes, len, SEGMENT_HEADER) == (ssize_t)len);
    struct store *st = store_open(&s, NULL);
    ENSURE(st);
    for (; store_read(st, first, &at, &gone, &piece), piece; first = false) {
        ENSURE(position_cmp(piece->after, at) <= 0 && position_cmp(piece->upto, at) > 0);
        at = piece->upto;
        batch_unref(&piece);
    }
    store_close(&st);
    return 0;
}
