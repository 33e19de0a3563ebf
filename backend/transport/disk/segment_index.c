/* segment_index - which record begins each block, and which each id's first. */

#include "transport/disk/segment_index.h"

#include "base/alloc.h"
#include "transport/disk/crc.h"
#include "transport/disk/file.h"
#include "transport/disk/le_position.h"
#include "transport/disk/segment_header.h"

#include <stdlib.h>

static const struct slice magic = SLICE_INIT("ALIPESIX");

enum {
    HEAD = 80,
    BLOCK = 8,
    ENTRY = 12,
    WINDOW = 512, /* entries that a search reads at once */
};

uint64_t
segment_index_size(uint64_t blocks, uint64_t entries)
{
    return HEAD + blocks * BLOCK + entries * ENTRY + 4;
}

struct segment_entries
segment_index_entries(const struct segment_index *x)
{
    return (struct segment_entries){HEAD + (uint64_t)x->block_count * BLOCK, x->entry_count};
}

char *
segment_index_make(const struct segment_index *x, const struct id_entry *entries)
{
    size_t size = segment_index_size(x->block_count, x->entry_count);
    char *out = try_alloc(size), *at;
    if (out == NULL)
        return NULL;
    memcpy(out, magic.ptr, magic.len);
    le32_put(out + 8, SEGMENT_VERSION);
    le_position_put(out + 16, x->first);
    le64_put(out + 32, x->length);
    le64_put(out + 40, x->last_time_ms);
    le32_put(out + 48, x->count);
    le32_put(out + 52, x->last_offset);
    le32_put(out + 56, x->block_count);
    le32_put(out + 60, x->entry_count);
    le64_put(out + 64, x->salt);
    le32_put(out + 72, x->span);
    at = out + HEAD;
    for (uint32_t i = 0; i < x->block_count; i++, at += BLOCK) {
        le32_put(at, x->blocks[i].index);
        le32_put(at + 4, x->blocks[i].offset);
    }
    for (uint32_t i = 0; i < x->entry_count; i++, at += ENTRY) {
        le64_put(at, entries[i].hash);
        le32_put(at + 8, entries[i].offset);
    }
    le32_put(at, crc_add(~0u, SLICE_OF(out, (size_t)(at - out))));
    return out;
}

bool
segment_index_read(struct slice s, struct segment_index *x)
{
    uint32_t version = s.len < HEAD ? 0 : le32_get(s.ptr + 8);
    if (s.len < HEAD + 4 || !slice_eq(slice_head(s, magic.len), magic) ||
        (version != SEGMENT_VERSION && version != SEGMENT_VERSION_DENSE))
        return false;
    x->first = le_position_get(s.ptr + 16);
    x->length = le64_get(s.ptr + 32);
    x->last_time_ms = le64_get(s.ptr + 40);
    x->count = le32_get(s.ptr + 48);
    x->last_offset = le32_get(s.ptr + 52);
    x->block_count = le32_get(s.ptr + 56);
    x->entry_count = le32_get(s.ptr + 60);
    x->salt = le64_get(s.ptr + 64);
    x->span = version == SEGMENT_VERSION_DENSE ? x->count : le32_get(s.ptr + 72);
    if (segment_index_size(x->block_count, x->entry_count) != s.len ||
        crc_add(~0u, slice_head(s, s.len - 4)) != le32_get(s.ptr + s.len - 4))
        return false;
    struct block *blocks = try_alloc((x->block_count + 1) * sizeof *blocks);
    if (blocks == NULL)
        return false;
    const char *at = s.ptr + HEAD;
    bool ok = true;
    for (uint32_t i = 0; i < x->block_count; i++, at += BLOCK) {
        blocks[i] = (struct block){le32_get(at), le32_get(at + 4)};
        ok &= blocks[i].offset < x->length && blocks[i].index < x->span &&
              (i == 0 ||
               (blocks[i].offset > blocks[i - 1].offset && blocks[i].index > blocks[i - 1].index));
    }
    ok &= x->count <= x->span && (x->count == 0) == (x->block_count == 0);
    if (!ok)
        free(blocks);
    else
        x->blocks = blocks;
    return ok;
}

/* --- entries ------------------------------------------------------------------------------------
 */

static struct id_entry
read_entry(const char *at)
{
    return (struct id_entry){le64_get(at), le32_get(at + 8)};
}

bool
segment_index_filter(struct slice file, const struct segment_index *x, struct id_filter *ret)
{
    if (!id_filter_init(ret, x->entry_count))
        return false;
    const char *at = file.ptr + segment_index_entries(x).at;
    for (uint32_t i = 0; i < x->entry_count; i++, at += ENTRY)
        id_filter_add(ret, read_entry(at).hash);
    return true;
}

/* The hash is uniform, so its place is guessed, and one read mostly suffices. */
bool
segment_index_search(int fd, const struct segment_entries *e, uint64_t hash, uint32_t *ret)
{
    char window[WINDOW * ENTRY];
    uint32_t low = 0, high = e->count;
    *ret = 0;
    while (low < high) {
        uint32_t guess = (uint32_t)((double)hash / 18446744073709551616.0 * e->count);
        uint32_t from = guess > WINDOW / 2 ? guess - WINDOW / 2 : 0;
        if (from < low || from >= high) /* the guess was used up: halve what is left */
            from = high - low > WINDOW ? low + (high - low) / 2 : low;
        uint32_t count = high - from < WINDOW ? high - from : WINDOW;
        size_t len = (size_t)count * ENTRY;
        if (file_read_at(fd, window, len, e->at + (uint64_t)from * ENTRY) != (ssize_t)len)
            return false;
        if (hash < read_entry(window).hash) {
            high = from;
        } else if (hash > read_entry(window + len - ENTRY).hash) {
            low = from + count;
        } else {
            for (uint32_t i = 0; i < count && *ret == 0; i++)
                if (read_entry(window + (size_t)i * ENTRY).hash == hash)
                    *ret = read_entry(window + (size_t)i * ENTRY).offset;
            break;
        }
    }
    return true;
}
