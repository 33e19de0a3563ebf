#ifndef CONFIG_KEY_SETTING_H
#define CONFIG_KEY_SETTING_H

/* A key as configured: `jwt KEY [ALG]`, or a place from which sets of keys are fetched. Whether
 * key and algorithm fit is auth's to say. */

#include "base/error.h"
#include "config/key_text.h"
#include "config/string_list.h"

struct key_setting {
    struct string text;      /* secret, PEM or JWK; a file is read already; len 0: none */
    char *url;               /* of a JWK set, https:// or file://; NULL: none */
    struct string_list algs; /* as written; empty: the default of the kind of key */
    bool may_guess_alg;      /* a PEM without algorithm: its kind decides */
    size_t source;           /* number of the url among all, from 0 */
    char *place;             /* "FILE:LINE: NAME", the beginning of every sentence about it */
};

void key_setting_clear(struct key_setting *); /* frees; fine twice */
bool key_setting_is_empty(const struct key_setting *);
/* KEY [ALG]; KEY is the key itself or file:PATH. `place` begins what is said of it. What is odd is
 * said in *ret_note (empty: nothing). Neither holds a part of the key, and err does not name the
 * setting. */
MUST_CHECK bool key_setting_set_key(struct key_setting *, const char *place, bool may_read_files,
                                    const struct slice *args, size_t count, struct error *ret_note,
                                    struct error *);
/* URL [ALG…] */
MUST_CHECK bool key_setting_set_url(struct key_setting *, const char *place,
                                    const struct slice *args, size_t count, struct error *);

#endif
