/* ids - UUIDs, version 7 (time, then a counter of 12 bits seeded at random, then random) and
 * version 4. Random bytes are fetched a page at a time: a system call an id would cost more
 * than the rest of a publish. */

#include "base/ids.h"

#include "base/alloc.h"
#include "base/clock.h"

#include <string.h>
#include <sys/random.h>

void
id_source_init(struct id_source *s)
{
    memset(s, 0, sizeof *s);
}

static void
take_random(struct id_source *s, void *out, size_t len)
{
    if (s->left < len) {
        size_t have = 0;
        while (have < sizeof s->pool) {
            ssize_t n = getrandom(s->pool + have, sizeof s->pool - have, 0);
            if (n > 0)
                have += (size_t)n;
        }
        s->left = sizeof s->pool;
    }
    unsigned char *from = s->pool + sizeof s->pool - s->left;
    memcpy(out, from, len);
    memset(from, 0, len);
    s->left -= len;
}

uint64_t
id_random(struct id_source *s)
{
    uint64_t value;
    take_random(s, &value, sizeof value);
    return value;
}

static void
write_urn(const unsigned char b[16], char *out)
{
    static const char hex[] = "0123456789abcdef";
    memcpy(out, "urn:uuid:", 9);
    char *p = out + 9;
    for (int i = 0; i < 16; i++) {
        if (i == 4 || i == 6 || i == 8 || i == 10)
            *p++ = '-';
        *p++ = hex[b[i] >> 4];
        *p++ = hex[b[i] & 15];
    }
    *p = 0;
}

void
id_uuid7(struct id_source *s, char out[IDS_URN_LEN + 1])
{
    unsigned char b[16];
    take_random(s, b + 6, 10);
    uint64_t now = clock_wall_ms();
    if (now > s->last_ms) {
        s->last_ms = now;
        s->counter = ((uint32_t)b[6] << 8 | b[7]) & 0x7ff; /* the top bit is room to count */
    } else if (++s->counter > 0xfff) {
        s->last_ms++;
        s->counter = 0;
    }
    for (int i = 0; i < 6; i++)
        b[i] = (unsigned char)(s->last_ms >> (40 - 8 * i));
    b[6] = (unsigned char)(0x70 | s->counter >> 8);
    b[7] = (unsigned char)s->counter;
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    write_urn(b, out);
}

void
id_uuid4(struct id_source *s, char out[IDS_URN_LEN + 1])
{
    unsigned char b[16];
    take_random(s, b, sizeof b);
    b[6] = (unsigned char)(0x40 | (b[6] & 0x0f));
    b[8] = (unsigned char)(0x80 | (b[8] & 0x3f));
    write_urn(b, out);
}
