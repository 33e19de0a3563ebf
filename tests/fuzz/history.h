#ifndef FUZZ_HISTORY_H
#define FUZZ_HISTORY_H

/* What the targets of the history have in common: CRCs and seals made right, without which no
 * changed byte would get any further, and a folder with one segment. */

#include "base/alloc.h"
#include "base/hash.h"
#include "base/le.h"
#include "transport/disk/crc.h"
#include "transport/disk/disk_record.h"
#include "transport/disk/segment_scan.h"

#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of `length` bytes, at least DISK_RECORD_HEAD; they are left alone where the length in them is
 * another.
 */
static inline void
sign_record(char *at, size_t length, uint64_t salt)
{
    uint32_t crc = crc_add((uint32_t)salt, SLICE_OF(at, 4));
    crc = crc_add(crc, SLICE_OF(at + 8, DISK_RECORD_SEALED - 8));
    if (le32_get(at) != length)
        return;
    le32_put(at + 4, crc_add(crc, SLICE_OF(at + DISK_RECORD_HEAD, length - DISK_RECORD_HEAD)));
    le64_put(at + DISK_RECORD_SEALED,
             hash_keyed(&(struct hash_key){{salt, 0}}, SLICE_OF(at, DISK_RECORD_SEALED)));
}

/* A header, and behind it `records`, each of which follows on the one before as far as their
 * lengths can be believed, with the gaps between sequences that they claim. Caller frees. */
static inline char *
make_segment_of(struct slice records, struct segment_header *h)
{
    char *file = xalloc(SEGMENT_HEADER + records.len);
    *h = (struct segment_header){.first = {1, 1}};
    segment_header_write(file, h);
    if (records.len)
        memcpy(file + SEGMENT_HEADER, records.ptr, records.len);
    size_t at = SEGMENT_HEADER, end = at + records.len, length;
    uint32_t before = h->crc;
    for (uint64_t n = 1, claim; end - at >= DISK_RECORD_HEAD; n++, at += length) {
        if ((length = le32_get(file + at)) < DISK_RECORD_HEAD || length > end - at)
            break;
        le32_put(file + at + 8, before);
        if ((claim = le64_get(file + at + 16)) > n && claim >> 34 == 0)
            n = claim;
        le64_put(file + at + 16, n);
        sign_record(file + at, length, 0);
        before = le32_get(file + at + 4);
    }
    return file;
}

/* The path of a folder that holds this segment alone. */
static inline const char *
make_folder_of(const char *file, size_t size)
{
    static const char path[] = "build/fuzz/folder";
    static int fd = -1;
    if (fd < 0) {
        mkdir(path, 0700);
        int folder = open(path, O_DIRECTORY);
        fd = openat(folder, "0000000000000001-0000000000000001.log", O_CREAT | O_WRONLY, 0600);
    }
    ENSURE(pwrite(fd, file, size, 0) == (ssize_t)size && ftruncate(fd, (off_t)size) == 0);
    return path;
}

#endif
