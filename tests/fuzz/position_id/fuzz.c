/* Ids of positions: any text is one, and then it is written the same, or is none; any position that
 * can be written is read again. */

#include "base/alloc.h"
#include "transport/position_id.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len);

int
LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t len)
{
    static const struct hash_key key = {{1, 2}};
    struct position p, again;
    char id[POSITION_ID_LEN + 1];
    struct slice text = SLICE_OF((const char *)bytes, len), written = SLICE_OF(id, POSITION_ID_LEN);
    if (position_id_read(&key, text, &p))
        ENSURE(position_id_write(&key, p, id) && slice_eq(text, written));
    if (len < sizeof p)
        return 0;
    memcpy(&p, bytes, sizeof p);
    if (position_id_write(&key, p, id))
        ENSURE(position_id_read(&key, written, &again) && again.run == p.run);
    return 0;
}
