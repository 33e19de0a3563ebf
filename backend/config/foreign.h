#ifndef CONFIG_FOREIGN_H
#define CONFIG_FOREIGN_H

/* Names of other programs' configurations, and what to say of them. */

#include "base/slice.h"

enum foreign_kind {
    FOREIGN_UNKNOWN,
    FOREIGN_OTHERS,   /* somebody else's, and rightly there: nothing is to be said */
    FOREIGN_ACCEPTED, /* without effect, which is said */
    FOREIGN_REFUSED,
};

/* Of what is accepted or refused *ret_text is the sentence. */
enum foreign_kind foreign_variable(struct slice name, const char **ret_text);

/* The one of `names` that is nearest to a mistyped `name`; NULL: none is near. */
const char *foreign_nearest(struct slice name, const char *const *names, size_t count);

/* The line of a whole Caddyfile where its mercure block begins, and where it ends. False: the text
 * is none. */
bool foreign_caddyfile(struct slice text, unsigned *ret_first, unsigned *ret_last);

#endif
