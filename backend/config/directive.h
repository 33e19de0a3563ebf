#ifndef CONFIG_DIRECTIVE_H
#define CONFIG_DIRECTIVE_H

/* Directives out of words, one after another, each put into the configuration. */

#include "config/config.h"
#include "config/lexer.h"

/* `text` is of config->reading_file. What is wrong is added to config->errors, each with its line.
 */
void directive_apply_all(struct config *, struct slice text);

#endif
