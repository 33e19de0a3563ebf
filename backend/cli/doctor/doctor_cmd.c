/* doctor_cmd - all checks, in order: inside first, then through the public URL.
 *
 * Nothing is changed but that a few private updates of a topic that nobody asks for are published.
 * A check whose ground is missing says that it is left out, and why. */

#include "cli/doctor/doctor_cmd.h"

#include "base/alloc.h"
#include "cli/doctor/fronts.h"
#include "cli/doctor/machine.h"
#include "cli/doctor/outside.h"
#include "cli/doctor/papers.h"
#include "cli/doctor/talk.h"

#include <signal.h>
#include <string.h>

static const struct check {
    const char *name;
    doctor_check *run;
} inside[] = {
    {"configuration", papers_check_configuration},
    {"keys", papers_check_keys},
    {"clock", papers_check_clock},
    {"history", machine_check_history},
    {"hub", machine_check_hub},
    {"descriptors", machine_check_descriptors},
};

/* These look at the fronts' files. */
static const struct check between[] = {
    {"socket", machine_check_socket},
    {"front", fronts_check_files},
    {"capacity", fronts_check_capacity},
};

static const struct check outside[] = {
    {"address", outside_check_address},
    {"http", outside_check_http},
    {"publish", talk_check_publish},
    {"subscription", talk_check_subscription},
    {"compression", talk_check_compression},
    {"streaming", talk_check_streaming},
    {"heartbeat", talk_check_heartbeat},
    {"slashes", outside_check_slashes},
    {"cors", outside_check_cors},
    {"cookie", outside_check_cookie},
    {"away", outside_check_away},
};

static void
run(struct patient *p, struct report *r, const struct check *checks, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        report_begin(r, checks[i].name);
        checks[i].run(p, r);
    }
}

static size_t
examine(struct patient *p, struct report *r)
{
    struct error why;
    run(p, r, inside, COUNT_OF(inside));
    fronts_read(p);
    run(p, r, between, COUNT_OF(between));
    if (outside_prepare(p, &why)) {
        run(p, r, outside, COUNT_OF(outside));
    } else {
        report_begin(r, "address");
        report_skip(r, "%s: the way in is not looked at", why.text);
    }
    return report_end(r);
}

int
doctor_cmd(const struct call *call)
{
    struct patient p;
    patient_init(&p);
    p.conf = call_value(call, "-c");
    p.ca_file = call_value(call, "--ca");
    p.token_file = call_value(call, "--token");
    p.root = call_value(call, "--root");
    p.url = call->word_count ? call->words[0] : NULL;
    signal(SIGPIPE, SIG_IGN);
    struct report *r = report_new(stdout, call_has(call, "--json"));
    size_t bad = examine(&p, r);
    report_free(&r);
    patient_fini(&p);
    return bad ? 1 : 0;
}
