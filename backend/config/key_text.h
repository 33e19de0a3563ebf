#ifndef CONFIG_KEY_TEXT_H
#define CONFIG_KEY_TEXT_H

/* A key out of the bytes of a directive, a variable or a file: the one place that knows what
 * belongs to it, for the hub and for `alipes token`. */

#include "base/error.h"
#include "base/slice.h"

struct string {
    char *ptr; /* owns; NUL-terminated beyond len */
    size_t len;
};

enum key_source_kind {
    KEY_IN_PLACE, /* a directive or a variable: nothing around it is usual */
    KEY_IN_FILE,  /* one line end at its end is what editors make */
};

/* Without a byte order mark and line ends around; a PEM with its lines restored. What is odd, but
 * may be meant, is said in *ret_note (empty: nothing). False: it is no key, err says what it looks
 * like. Neither holds a byte of the text. The caller owns ret->ptr. */
MUST_CHECK bool key_text_read(struct slice raw, enum key_source_kind, struct string *ret,
                              struct error *ret_note, struct error *err);

#endif
