#ifndef REQUEST_PROBLEM_H
#define REQUEST_PROBLEM_H

/* Errors for programs: problem details (RFC 9457), where the request accepts them. */

#include "request/exchange.h"

/* Does an Accept header of the request take application/problem+json (or application/json, whose
 * readers can read it)? Without one: no, and a sentence of text is what people get. */
bool problem_is_accepted(const struct request *);
/* {"type":"about:blank","title":…,"status":…,"detail":…}, in the arena; empty: no room. */
struct slice problem_document(struct arena *, unsigned status, struct slice detail);

#endif
