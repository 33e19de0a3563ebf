#ifndef BASE_DIALECT_H
#define BASE_DIALECT_H

/* The two dialects of the protocol, and the two roles that a token may have in each. */

enum dialect {
    DIALECT_0X,
    DIALECT_1_0,
    DIALECTS,
};

enum role {
    ROLE_PUBLISH,
    ROLE_SUBSCRIBE,
    ROLES,
};

const char *dialect_name(enum dialect); /* "0.x", "1.0" */
const char *role_name(enum role);       /* "publish", "subscribe": what tokens call it */

#endif
