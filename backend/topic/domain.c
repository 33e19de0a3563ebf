/* domain - names of hosts in ASCII.
 *
 * A domain that is ASCII is only lower-cased, whatever its labels decode to: the standard says so
 * (an `xn--` label that decodes to nothing good included), and so nearly every hub never opens
 * ICU. The others go through UTS #46, whose object is opened at the first of them and kept: it is
 * immutable and any thread may use it. */

#include "topic/domain.h"

#include "base/ascii.h"
#include "base/byteset.h"
#include "topic/unicode.h"

/* What ToASCII records although CheckHyphens and VerifyDnsLength are false. */
#define PASSED_OVER                                                                                \
    (UIDNA_ERROR_EMPTY_LABEL | UIDNA_ERROR_LABEL_TOO_LONG | UIDNA_ERROR_DOMAIN_NAME_TOO_LONG |     \
     UIDNA_ERROR_LEADING_HYPHEN | UIDNA_ERROR_TRAILING_HYPHEN | UIDNA_ERROR_HYPHEN_3_4)

static pthread_once_t once = PTHREAD_ONCE_INIT;
static UIDNA *uts46; /* owned by the process; NULL: ICU's data are not there */

static void
open_uts46(void)
{
    UErrorCode status = U_ZERO_ERROR;
    uts46 = unicode()->uidna_openUTS46(UIDNA_CHECK_BIDI | UIDNA_CHECK_CONTEXTJ |
                                           UIDNA_NONTRANSITIONAL_TO_ASCII |
                                           UIDNA_NONTRANSITIONAL_TO_UNICODE,
                                       &status);
    if (U_FAILURE(status))
        uts46 = NULL;
}

static bool
is_ascii(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if ((unsigned char)s.ptr[i] >= 0x80)
            return false;
    return true;
}

static bool
lower_case(struct arena *arena, struct slice domain, struct slice *ret)
{
    char *out = arena_alloc(arena, domain.len);
    if (out == NULL)
        return false;
    for (size_t i = 0; i < domain.len; i++)
        out[i] = ascii_lower(domain.ptr[i]);
    *ret = SLICE_OF(out, domain.len);
    return true;
}

static bool
unicode_to_ascii(struct arena *arena, struct slice domain, struct slice *ret)
{
    if (domain.len > DOMAIN_MAX_UNICODE)
        return false;
    const struct unicode *u = unicode();
    if (u == NULL)
        return false;
    pthread_once(&once, open_uts46);
    if (uts46 == NULL)
        return false;
    UErrorCode status = U_ZERO_ERROR;
    UIDNAInfo found = UIDNA_INFO_INITIALIZER;
    /* Punycode and the mappings may both lengthen; what does not fit here is measured by ICU. */
    int32_t room = (int32_t)domain.len * 3 + 16;
    char *out = arena_alloc(arena, (size_t)room);
    if (out == NULL)
        return false;
    int32_t len = u->uidna_nameToASCII_UTF8(uts46, domain.ptr, (int32_t)domain.len, out, room,
                                            &found, &status);
    if (status == U_BUFFER_OVERFLOW_ERROR) {
        status = U_ZERO_ERROR;
        found = (UIDNAInfo)UIDNA_INFO_INITIALIZER;
        room = len;
        out = arena_alloc(arena, (size_t)room);
        if (out == NULL)
            return false;
        len = u->uidna_nameToASCII_UTF8(uts46, domain.ptr, (int32_t)domain.len, out, room, &found,
                                        &status);
    }
    if (U_FAILURE(status) || (found.errors & ~(uint32_t)PASSED_OVER))
        return false;
    *ret = SLICE_OF(out, (size_t)len);
    return true;
}

/* Section 3.2: a forbidden host code point, a C0 control, `%` or DEL. */
static const struct byteset forbidden = {
    BYTESET_C0 | BYTESET_LOW(' ') | BYTESET_LOW('#') | BYTESET_LOW('%') | BYTESET_LOW('/') |
        BYTESET_LOW(':') | BYTESET_LOW('<') | BYTESET_LOW('>') | BYTESET_LOW('?'),
    BYTESET_HIGH('@') | BYTESET_HIGH('[') | BYTESET_HIGH('\\') | BYTESET_HIGH(']') |
        BYTESET_HIGH('^') | BYTESET_HIGH('|') | BYTESET_HIGH(0x7F),
};

static bool
holds_forbidden(struct slice s)
{
    for (size_t i = 0; i < s.len; i++)
        if (byteset_has(&forbidden, (unsigned char)s.ptr[i]))
            return true;
    return false;
}

bool
domain_to_ascii(struct arena *arena, struct slice domain, struct slice *ret)
{
    struct slice ascii;
    if (!(is_ascii(domain) ? lower_case : unicode_to_ascii)(arena, domain, &ascii))
        return false;
    if (ascii.len == 0 || holds_forbidden(ascii))
        return false;
    *ret = ascii;
    return true;
}
