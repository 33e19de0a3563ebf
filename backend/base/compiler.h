#ifndef BASE_COMPILER_H
#define BASE_COMPILER_H

/* What every file may say to the compiler, and the word of every parser. */

#include <stddef.h>

#define MUST_CHECK                      __attribute__((warn_unused_result))
#define PRINTF_LIKE(fmt, va)            __attribute__((format(printf, fmt, va)))
#define CONTAINER_OF(ptr, type, member) ((type *)((char *)(ptr)-offsetof(type, member)))
#define COUNT_OF(array)                 (sizeof(array) / sizeof((array)[0]))

/* What a parser of bytes from a peer answers. */
enum parse {
    PARSE_OK,   /* the thing was read */
    PARSE_MORE, /* so far a prefix of something valid: come back with more bytes */
    PARSE_BAD,  /* no continuation can make this valid */
};

#endif
