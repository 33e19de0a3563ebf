#ifndef TOPIC_TEMPLATE_H
#define TOPIC_TEMPLATE_H

/* URI Templates (RFC 6570, level 4), read backwards: could this topic have come from that
 * template? (PROTOCOL.md, "Subscribe".) Immutable once made: any thread. */

#include "base/error.h"
#include "base/slice.h"
#include "topic/match.h"

struct template;

/* NULL: not a valid template, or no memory; err says why. Copies the text. Caller owns. */
struct template *template_new(struct slice text, struct error *);
void template_free(struct template **); /* sets the pointer to NULL; NULL is fine */

/* Time is linear in the number of expressions times the topic's length, whatever they hold. */
enum match template_match(const struct template *, struct slice topic, uint64_t *steps);
/* What every topic that matches begins with; lies in the template. */
struct slice template_prefix(const struct template *);
/* The bytes that it holds: 32 for each expression and each literal, and the text. */
size_t template_size(const struct template *);

#endif
