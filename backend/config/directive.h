#ifndef CONFIG_DIRECTIVE_H
#define CONFIG_DIRECTIVE_H

/* Directives out of words, one after another, each put into the configuration. */

#include "config/reading.h"

enum {
    DIRECTIVE_TEXT_MAX = 1024 * 1024,
};

/* `text` is of `file`, or of the variable of that name. What is wrong is added to the errors of the
 * configuration, each with its line. */
void directive_read(struct config_reading *, struct slice text, const char *file);

#endif
