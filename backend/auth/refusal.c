/* refusal - the words, and the one line. Whoever sends bad tokens by the thousand gets a count. */

#include "auth/refusal.h"

#include "base/log.h"

static const char *const fault_names[] = {
#define X(name, word) word,
    TOKEN_FAULTS(X)
#undef X
};

const char *
token_fault_name(enum token_fault fault)
{
    return fault_names[fault];
}

static void
add(struct buf *line, const char *name, const char *text)
{
    char quoted[300];
    if (text[0])
        buf_addf(line, " %s=%s", name, log_slice(quoted, sizeof quoted, slice_of(text)));
}

void
token_refusal_write(struct buf *line, const struct token_refusal *r)
{
    buf_addf(line, "reason=%s dialect=%s role=%s", token_fault_name(r->fault),
             dialect_name(r->dialect), role_name(r->role));
    add(line, "iss", r->iss);
    add(line, "kid", r->kid);
    add(line, "alg", r->alg);
    add(line, "expected_aud", r->expected_aud);
    add(line, "received_aud", r->received_aud);
    add(line, "origin", r->origin);
    add(line, "topic", r->topic);
    add(line, "granted", r->granted);
    add(line, "detail", r->detail);
}

void
token_refusal_log(const struct token_refusal *r, uint64_t conn, unsigned status)
{
    static struct log_limit limits[TOKEN_FAULT_COUNT];
    uint64_t more;
    struct buf line;
    if (!log_allowed(&limits[r->fault], &more))
        return;
    buf_init(&line, 3000);
    buf_addf(&line, "conn=%llu status=%u ", (unsigned long long)conn, status);
    token_refusal_write(&line, r);
    if (more)
        buf_addf(&line, " suppressed=%llu", (unsigned long long)more);
    log_line(LOG_WARN, "refused", SLICE_FMT, SLICE_ARG(buf_slice(&line)));
    buf_fini(&line);
}
