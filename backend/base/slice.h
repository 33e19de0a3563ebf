#ifndef BASE_SLICE_H
#define BASE_SLICE_H

/* A borrowed run of bytes: not NUL-terminated, may hold NUL, ptr may be NULL only
 * where len is 0. Whoever keeps one knows who owns the bytes. */

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
    const char *ptr;
    size_t len;
};

#define SLICE(literal) ((struct slice){(literal), sizeof(literal) - 1})
#define SLICE_INIT(literal)                                                                        \
    {                                                                                              \
        (literal), sizeof(literal) - 1                                                             \
    } /* in static initialisers */
#define SLICE_OF(ptr_, len_) ((struct slice){(ptr_), (len_)})
#define SLICE_FMT            "%.*s"
#define SLICE_ARG(s)         (int)(s).len, (s).ptr

struct slice slice_of(const char *cstr); /* NULL gives the empty slice */
bool slice_eq(struct slice a, struct slice b);
int slice_cmp(struct slice a, struct slice b);        /* as memcmp, then the shorter first */
bool slice_eq_nocase(struct slice a, struct slice b); /* ASCII */
bool slice_starts(struct slice s, struct slice prefix);
bool slice_ends(struct slice s, struct slice suffix);
struct slice slice_from(struct slice s, size_t at); /* at beyond the end: empty */
struct slice slice_head(struct slice s, size_t len);
struct slice slice_trim(struct slice s); /* without blanks and tabs at both ends */

/* Index of the first `byte`, or s.len. */
size_t slice_index(struct slice s, char byte);
size_t slice_count(struct slice s, char byte); /* how often it is there */
/* As slice_index(), and what stands inside of "quotes" does not count, nor what a backslash there
 * precedes (RFC 9110, section 5.6.4). */
size_t slice_index_unquoted(struct slice s, char byte);
/* Index of the first control character (below 0x20, or 0x7f), or s.len. */
size_t slice_index_control(struct slice s);
/* Index of the first occurrence of `needle`, or s.len. An empty needle is at 0. */
size_t slice_find(struct slice s, struct slice needle);

/* Cuts what stands before the first `sep` off *rest into *ret_part (without `sep`). False once
 * nothing is left; "a,,b" gives "a", "", "b"; the empty slice gives nothing. */
bool slice_cut(struct slice *rest, char sep, struct slice *ret_part);

/* Decimal digits alone, no sign, no blank; false on anything else or beyond `max`. */
MUST_CHECK bool slice_u64(struct slice s, uint64_t max, uint64_t *ret_value);

/* The number's digits, lower case, at the end of `scratch`. base: 10 or 16. (printf takes ten times
 * as long, and several numbers stand in each reply.) */
enum {
    SLICE_DIGITS = 20
};
struct slice slice_of_number(char scratch[SLICE_DIGITS], uint64_t number, unsigned base);

/* Well-formed UTF-8 (no surrogates, no overlong forms, at most U+10FFFF). */
bool slice_is_utf8(struct slice s);
/* At most `len` bytes, and no piece of a character at the end: what is shown to people of a text
 * that is UTF-8 stays UTF-8. */
struct slice slice_head_utf8(struct slice s, size_t len);

#endif
