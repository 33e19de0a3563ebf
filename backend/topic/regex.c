/* regex - ECMAScript's regular expressions, run by PCRE2.
 *
 * A subject is ASCII, since every component of a URL is: so the translation needs no Unicode and
 * PCRE2 runs on bytes. Its interpreter is used, not the JIT compiler, whose match limit does not
 * count the same things and whose stack is a further bound.
 *
 * What one match may use: as many of PCRE2's steps as the caller has, and MATCH_HEAP_KIB of
 * memory, which its thread keeps. What it took is told in time: PCRE2 does not say its steps. */

#include "topic/regex.h"

#include "base/alloc.h"
#include "topic/regex_write.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

enum {
    MATCH_HEAP_KIB = 2048,
    PATTERN_MOST = 1 << 18, /* of the translation; PCRE2 itself gives up at 64 KiB compiled */
    /* Compiled, and so many bytes more for each of the text: a repetition of repetitions is
     * compiled as often as it repeats. */
    SIZE_FREE = 4096,
    SIZE_PER_BYTE = 16,
    NS_PER_STEP = 10,
};

struct regex {
    pcre2_code *code;
};

/* --- what a thread needs to match ------------------------------------------------------------- */

struct room {
    pcre2_match_data *data;
    pcre2_match_context *context;
};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t room_of_thread;

static void
room_free(void *of)
{
    struct room *room = of;
    pcre2_match_data_free(room->data);
    pcre2_match_context_free(room->context);
    free(room);
}

static void
make_key(void)
{
    ENSURE(pthread_key_create(&room_of_thread, room_free) == 0);
}

/* NULL: no memory. */
static struct room *
room_get(void)
{
    pthread_once(&once, make_key);
    struct room *room = pthread_getspecific(room_of_thread);
    if (room)
        return room;
    room = try_alloc(sizeof *room);
    if (room == NULL)
        return NULL;
    room->data = pcre2_match_data_create(1, NULL);
    room->context = pcre2_match_context_create(NULL);
    if (room->data == NULL || room->context == NULL ||
        pthread_setspecific(room_of_thread, room) != 0) {
        room_free(room);
        return NULL;
    }
    pcre2_set_heap_limit(room->context, MATCH_HEAP_KIB);
    return room;
}

/* --- compiling -------------------------------------------------------------------------------- */

static struct regex *
compile(struct slice pattern, struct error *err)
{
    int code;
    PCRE2_SIZE at;
    unsigned char text[128];
    struct regex *regex = try_alloc(sizeof *regex);
    if (regex == NULL) {
        error_set(err, "no memory");
        return NULL;
    }
    regex->code =
        pcre2_compile((PCRE2_SPTR)pattern.ptr, pattern.len, REGEX_WRITE_OPTIONS, &code, &at, NULL);
    if (regex->code)
        return regex;
    free(regex);
    pcre2_get_error_message(code, text, sizeof text);
    error_set(err, "cannot be translated: %s", (const char *)text);
    return NULL;
}

struct regex *
regex_new(struct slice text, struct error *err)
{
    struct arena arena;
    struct buf pattern;
    struct regex_tree tree;
    struct regex *regex = NULL;
    arena_init(&arena, 65536 + 512 * text.len);
    buf_init(&pattern, PATTERN_MOST);
    if (regex_parse(&arena, text, &tree, err) && regex_write(&tree, &pattern, err))
        regex = compile(pattern.len ? buf_slice(&pattern) : SLICE(""), err);
    if (regex && regex_size(regex) > SIZE_FREE + SIZE_PER_BYTE * text.len) {
        error_set(err, "too large to be translated");
        regex_free(&regex);
    }
    buf_fini(&pattern);
    arena_fini(&arena);
    return regex;
}

void
regex_free(struct regex **regex)
{
    if (*regex == NULL)
        return;
    pcre2_code_free((*regex)->code);
    free(*regex);
    *regex = NULL;
}

size_t
regex_size(const struct regex *regex)
{
    size_t size = 0;
    pcre2_pattern_info(regex->code, PCRE2_INFO_SIZE, &size);
    return sizeof *regex + size;
}

/* --- matching --------------------------------------------------------------------------------- */

static uint64_t
now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

enum match
regex_match(const struct regex *regex, struct slice subject, uint64_t *steps)
{
    struct room *room = room_get();
    uint32_t limit = *steps < UINT32_MAX ? (uint32_t)*steps : UINT32_MAX;
    if (room == NULL || limit == 0)
        return MATCH_LIMIT;
    uint64_t start = now_ns();
    pcre2_set_match_limit(room->context, limit);
    pcre2_set_depth_limit(room->context, limit);
    int matched = pcre2_match(regex->code, (PCRE2_SPTR)(subject.ptr ? subject.ptr : ""),
                              subject.len, 0, 0, room->data, room->context);
    uint64_t cost = (now_ns() - start) / NS_PER_STEP;
    *steps -= cost < *steps ? cost : *steps;
    if (matched >= 0)
        return MATCH_YES;
    if (matched == PCRE2_ERROR_NOMATCH)
        return MATCH_NO;
    *steps = 0;
    return MATCH_LIMIT;
}
