/* atomics.so - APR's atomics as ThreadSanitizer can see them, under an Apache that was built
 * without it.
 *
 * What passes from one worker to the next goes by these: the memory of a connection that is over is
 * taken by another one from a list without a lock. libapr's own are instructions that a sanitizer
 * does not know of, so each second use of such memory would count as a race. These come before
 * libapr's (LD_PRELOAD), do the same, and are compiled with it. */

#include <stdint.h>

#define ORDER __ATOMIC_SEQ_CST

uint32_t apr_atomic_read32(volatile uint32_t *at);
void apr_atomic_set32(volatile uint32_t *at, uint32_t value);
uint32_t apr_atomic_add32(volatile uint32_t *at, uint32_t value);
void apr_atomic_sub32(volatile uint32_t *at, uint32_t value);
uint32_t apr_atomic_inc32(volatile uint32_t *at);
int apr_atomic_dec32(volatile uint32_t *at);
uint32_t apr_atomic_cas32(volatile uint32_t *at, uint32_t with, uint32_t seen);
uint32_t apr_atomic_xchg32(volatile uint32_t *at, uint32_t with);
void *apr_atomic_casptr(void *volatile *at, void *with, const void *seen);
void *apr_atomic_xchgptr(void *volatile *at, void *with);

uint32_t
apr_atomic_read32(volatile uint32_t *at)
{
    return __atomic_load_n(at, ORDER);
}

void
apr_atomic_set32(volatile uint32_t *at, uint32_t value)
{
    __atomic_store_n(at, value, ORDER);
}

uint32_t
apr_atomic_add32(volatile uint32_t *at, uint32_t value)
{
    return __atomic_fetch_add(at, value, ORDER);
}

void
apr_atomic_sub32(volatile uint32_t *at, uint32_t value)
{
    __atomic_fetch_sub(at, value, ORDER);
}

uint32_t
apr_atomic_inc32(volatile uint32_t *at)
{
    return __atomic_fetch_add(at, 1, ORDER);
}

/* Not 0: it is not 0 now. */
int
apr_atomic_dec32(volatile uint32_t *at)
{
    return __atomic_sub_fetch(at, 1, ORDER) != 0;
}

uint32_t
apr_atomic_cas32(volatile uint32_t *at, uint32_t with, uint32_t seen)
{
    __atomic_compare_exchange_n(at, &seen, with, 0, ORDER, ORDER);
    return seen;
}

uint32_t
apr_atomic_xchg32(volatile uint32_t *at, uint32_t with)
{
    return __atomic_exchange_n(at, with, ORDER);
}

void *
apr_atomic_casptr(void *volatile *at, void *with, const void *seen)
{
    void *found = (void *)(uintptr_t)seen;
    __atomic_compare_exchange_n(at, &found, with, 0, ORDER, ORDER);
    return found;
}

void *
apr_atomic_xchgptr(void *volatile *at, void *with)
{
    return __atomic_exchange_n(at, with, ORDER);
}
