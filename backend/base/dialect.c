/* dialect - what both are called, in logs, tokens and manuals. */

#include "base/dialect.h"

const char *
dialect_name(enum dialect dialect)
{
    return dialect == DIALECT_0X ? "0.x" : "1.0";
}

const char *
role_name(enum role role)
{
    return role == ROLE_PUBLISH ? "publish" : "subscribe";
}
