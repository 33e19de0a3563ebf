#ifndef CLI_TOKEN_TEXT_H
#define CLI_TOKEN_TEXT_H

/* Tokens as people hand them over. */

#include "base/buf.h"
#include "base/compiler.h"
#include "base/error.h"

/* Does that look like a token, where the name of a file was expected? On a command line everybody
 * on the machine can read it. */
bool token_text_is(const char *word);
/* From a file, or standard input (NULL): the token in it, without what people paste around it; a
 * piece of `text`, which is initialised here. */
MUST_CHECK bool token_text_read(const char *path, struct buf *text, struct slice *ret,
                                struct error *);

#endif
