#ifndef CLI_HEARSAY_H
#define CLI_HEARSAY_H

/* What a token says of itself, before anybody has vouched for it: for `token inspect`, to ask the
 * right questions. */

#include "auth/refusal.h"

struct hearsay {
    bool names[ROLES]; /* does it name topics for that role? */
    bool is_access_token;
    char *aud;  /* owns; 1.0: the first one; NULL: none */
    double exp; /* 0: none, or no number */
};

/* Whatever cannot be read is absent. */
void hearsay_read(struct hearsay *, struct slice token);
void hearsay_fini(struct hearsay *);

#endif
