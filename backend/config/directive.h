#ifndef CONFIG_DIRECTIVE_H
#define CONFIG_DIRECTIVE_H

/* Directives out of words, one after another, each put into the configuration. */

#include "config/config.h"
#include "config/lexer.h"

/* On failure config->reading_line is the line that is wrong. */
MUST_CHECK bool directive_apply_all(struct config *, struct lexer *, struct error *);

#endif
