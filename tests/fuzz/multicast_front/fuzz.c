/* What a hub may send to the module for Apache: records of any bytes. What is taken for one names
 * nothing beyond it, and a head of a reply is the same in one piece or two. */

#include "base/alloc.h"
#include "gateway/fastcgi/record.h"
#include "mod_alipes/head.h"
#include "mod_alipes/wire.h"

int LLVMFuzzerTestOneInput(const char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const char *bytes, size_t len)
{
    struct slice rest = SLICE_OF(bytes, len);
    struct record r;
    while (record_read(rest, &r) == PARSE_OK && rest.len >= RECORD_HEAD + (size_t)r.length) {
        struct slice content = slice_head(slice_from(rest, RECORD_HEAD), r.length);
        struct multicast m = {0};
        struct values v;
        struct place p;
        struct head h;
        if (wire_multicast(content, &m)) {
            ENSURE(m.text.len + m.ids.len + WIRE_PLACE + 4 == content.len);
            for (unsigned i = 0; i < m.count; i++)
                ENSURE(wire_id(&m, i) <= UINT16_MAX);
        }
        ENSURE(wire_place(content, &p) == (content.len >= WIRE_PLACE));
        ENSURE(!wire_values(content, &v) || v.multiplexes || !v.multiplexes);
        if (head_read(content, &h) == PARSE_OK)
            ENSURE(h.size <= content.len && h.status >= 100 && (!h.is_stream || h.status == 200));
        rest = slice_from(rest, RECORD_HEAD + (size_t)r.length + r.padding);
    }
    return 0;
}
