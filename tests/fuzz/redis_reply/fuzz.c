/* What a server answers, whole and in pieces: it is the same, lies inside, and keeps to the bounds.
 */

#include "base/alloc.h"
#include "transport/redis/resp.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

static const struct resp_bounds bounds = {.bulk = 4096, .answer = 65536, .items = 512};

static void
look_at(const struct resp *r, struct buf *seen)
{
    buf_add_byte(seen, (char)('a' + r->kind));
    buf_add(seen, r->text);
    if (r->text.ptr)
        ENSURE(r->text.ptr[r->text.len] == '\0');
    if (r->kind == RESP_INTEGER)
        buf_add(seen, SLICE_OF((const char *)&r->integer, sizeof r->integer));
    ENSURE(r->kind == RESP_ARRAY || r->count == 0);
    ENSURE(r->text.len <= 65536 && r->count <= bounds.items);
    for (uint32_t i = 0; i < r->count; i++)
        look_at(&r->items[i], seen);
}

/* All that is told by pieces of that size. */
static void
read_in_pieces(struct slice s, size_t piece, struct buf *seen)
{
    struct resp_reader *reader = resp_reader_new(&bounds);
    enum parse said = PARSE_MORE;
    while (said != PARSE_BAD && s.len) {
        const struct resp *answer;
        size_t n = piece < s.len ? piece : s.len;
        resp_reader_feed(reader, slice_head(s, n));
        s = slice_from(s, n);
        while ((said = resp_reader_next(reader, &answer)) == PARSE_OK)
            look_at(answer, seen);
    }
    if (said == PARSE_BAD) {
        const struct resp *answer;
        ENSURE(resp_reader_error(reader)[0] != '\0');
        ENSURE(resp_reader_next(reader, &answer) == PARSE_BAD);
    }
    resp_reader_free(&reader);
    ENSURE(reader == NULL);
}

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct buf whole, parts;
    struct error err;
    if (len == 0)
        return 0;
    ENSURE(resp_prepare(&err));
    buf_init(&whole, 1 << 24);
    buf_init(&parts, 1 << 24);
    size_t piece = 1 + (unsigned char)bytes[0] % 64;
    struct slice s = SLICE_OF(bytes + 1, len - 1);
    read_in_pieces(s, s.len, &whole);
    read_in_pieces(s, piece, &parts);
    ENSURE(slice_eq(buf_slice(&whole), buf_slice(&parts)));
    buf_fini(&whole);
    buf_fini(&parts);
    return 0;
}
