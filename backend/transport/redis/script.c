/* script - the files beside this one, as they are, within the program.
 *
 * A server forgets scripts when it restarts, when it is promoted, and when it is told to; so the
 * first call of a session brings the text, and whoever is answered NOSCRIPT brings it again. */

#include "transport/redis/script.h"

#include "base/alloc.h"
#include "transport/redis/resp.h"

#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>

/* A constant of the file's bytes. The path is that of the Makefile's folder. */
#define EMBED(name)                                                                                \
    __asm__(".pushsection .rodata\n"                                                               \
            "script_" #name "_text: .incbin \"backend/transport/redis/" #name ".lua\"\n"           \
            "script_" #name "_end: .byte 0\n"                                                      \
            ".popsection\n");                                                                      \
    extern const char script_##name##_text[], script_##name##_end[];

EMBED(join)
EMBED(heal)
EMBED(open)
EMBED(publish)
EMBED(find)
EMBED(roll)
EMBED(lease)

enum {
    DIGEST_LEN = 40
};

#define ROW(name, keys)                                                                            \
    {                                                                                              \
        script_##name##_text, script_##name##_end, keys                                            \
    }
static const struct {
    const char *text, *end;
    unsigned keys;
} scripts[SCRIPTS] = {
    [SCRIPT_JOIN] = ROW(join, 2),       [SCRIPT_HEAL] = ROW(heal, 2), [SCRIPT_OPEN] = ROW(open, 1),
    [SCRIPT_PUBLISH] = ROW(publish, 2), [SCRIPT_FIND] = ROW(find, 2), [SCRIPT_ROLL] = ROW(roll, 1),
    [SCRIPT_LEASE] = ROW(lease, 1),
};

static char digests[SCRIPTS][DIGEST_LEN + 1];
static pthread_once_t digested = PTHREAD_ONCE_INIT;

static struct slice
text_of(enum script s)
{
    return SLICE_OF(scripts[s].text, (size_t)(scripts[s].end - scripts[s].text));
}

static void
digest_all(void)
{
    for (int s = 0; s < SCRIPTS; s++) {
        unsigned char bytes[EVP_MAX_MD_SIZE];
        unsigned len = 0;
        struct slice text = text_of((enum script)s);
        ENSURE(EVP_Digest(text.ptr, text.len, bytes, &len, EVP_sha1(), NULL) == 1 &&
               len == DIGEST_LEN / 2);
        for (unsigned i = 0; i < len; i++)
            snprintf(digests[s] + 2 * i, 3, "%02x", bytes[i]);
    }
}

void
script_name_keys(struct script_keys *k, const char *name)
{
    snprintf(k->head, sizeof k->head, "{%.128s}:h", name);
    snprintf(k->stream, sizeof k->stream, "{%.128s}:s", name);
    snprintf(k->roll, sizeof k->roll, "{%.128s}:r", name);
}

void
script_begin(struct buf *out, enum script s, const struct script_keys *k, bool whole, size_t args)
{
    pthread_once(&digested, digest_all);
    resp_begin(out, 3 + scripts[s].keys + args);
    resp_add(out, whole ? SLICE("EVAL") : SLICE("EVALSHA"));
    resp_add(out, whole ? text_of(s) : SLICE_OF(digests[s], DIGEST_LEN));
    resp_add_number(out, scripts[s].keys);
    resp_add(out, slice_of(k->head));
    if (scripts[s].keys == 2)
        resp_add(out, slice_of(k->stream));
}
