#ifndef CONFIG_STRING_LIST_H
#define CONFIG_STRING_LIST_H

/* Texts in the order in which they were given. */

#include "base/slice.h"

struct string_list {
    char **items; /* owns, each one too */
    size_t count;
};

void string_list_add(struct string_list *, struct slice text); /* copies */
void string_list_clear(struct string_list *);                  /* frees; fine twice */
bool string_list_has(const struct string_list *, struct slice text);

#endif
