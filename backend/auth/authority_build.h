#ifndef AUTH_AUTHORITY_BUILD_H
#define AUTH_AUTHORITY_BUILD_H

/* From the configuration to an authority. */

#include "auth/authority.h"
#include "config/config.h"

/* `sources`: one for each of config->sources, in their order; NULL where there are none. What an
 * operator should hear (weak secrets, a guessed algorithm) is added to `notes` (may be NULL).
 * NULL: what is wrong was added to `errors`, each beginning with the setting's place. Caller owns.
 */
struct authority *authority_build(const struct config *, struct key_source *const *sources,
                                  struct string_list *notes, struct string_list *errors);

#endif
