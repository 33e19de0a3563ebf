#ifndef CONFIG_REFERENCE_H
#define CONFIG_REFERENCE_H

/* What there is to say of each directive, in the order of options.def. */

#include <stdbool.h>

struct directive_help {
    const char *group; /* the heading that it stands under */
    const char *name;  /* without its block */
    const char *signature;
    const char *standard; /* the default; "": none */
    const char *help;
    const char *past;    /* what happens past this bound; NULL: help says it, or it is no bound */
    const char *dialect; /* in which alone it means something; NULL: in both */
    bool takes_restart;  /* a reload goes on with the old value */
};

void reference_each(void (*each)(void *context, const struct directive_help *), void *context);

#endif
