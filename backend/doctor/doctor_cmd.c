/* doctor_cmd - all checks, in order: inside first, then through the public URL.
 *
 * Nothing is changed but that a few private updates of a topic that nobody asks for are published.
 * A check whose ground is missing says that it is left out, and why. */

#include "doctor/doctor_cmd.h"

#include "base/alloc.h"
#include "base/hash.h"
#include "doctor/machine.h"
#include "doctor/outside.h"
#include "doctor/papers.h"
#include "doctor/fronts.h"
#include "doctor/talk.h"

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
usage(FILE *out)
{
    fputs("usage: alipes doctor [-c FILE] [--json] [--ca FILE] [--token FILE] [--root DIR] [URL]\n"
          "\n"
          "    URL           where pages find the hub; without it what public_urls or\n"
          "                  resource_identifier say, and without these the inside alone\n"
          "    -c FILE       the configuration\n"
          "    --json        one object, for programs\n"
          "    --ca FILE     the authorities (PEM) that sign the site's certificate\n"
          "    --token FILE  a token for all of it, where the configuration has no secret to sign\n"
          "    --root DIR    the fronts' files are looked for below it\n"
          "\n"
          "Looks at the hub from inside (configuration, keys, clock, history, socket, fronts) and\n"
          "through the URL (a publish and a subscription, streaming, heartbeat, CORS, cookie),\n"
          "and says of each check that it is well, or why not and which line to add. The exit\n"
          "status is 0 where nothing is bad, else 1.\n"
          "\n"
          "    alipes doctor https://example.com\n",
          out);
}

static bool
take_options(struct patient *p, bool *ret_json, int argc, char **argv)
{
    const struct {
        const char *name;
        const char **value;
    } options[] = {
        {"-c", &p->conf}, {"--ca", &p->ca_file}, {"--token", &p->token_file}, {"--root", &p->root}};
    for (int i = 1; i < argc; i++) {
        size_t k = 0;
        while (k < COUNT_OF(options) && strcmp(argv[i], options[k].name) != 0)
            k++;
        if (k < COUNT_OF(options)) {
            if (++i == argc)
                return false;
            *options[k].value = argv[i];
        } else if (strcmp(argv[i], "--json") == 0)
            *ret_json = true;
        else if (argv[i][0] != '-' && p->url == NULL)
            p->url = argv[i];
        else
            return false;
    }
    return true;
}

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
doctor_cmd(int argc, char **argv)
{
    struct patient p;
    bool as_json = false;
    patient_init(&p);
    hash_seed();
    signal(SIGPIPE, SIG_IGN);
    if (argc == 2 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
        usage(stdout);
        patient_fini(&p);
        return 0;
    }
    if (!take_options(&p, &as_json, argc, argv)) {
        usage(stderr);
        patient_fini(&p);
        return 2;
    }
    struct report *r = report_new(stdout, as_json);
    size_t bad = examine(&p, r);
    report_free(&r);
    patient_fini(&p);
    return bad ? 1 : 0;
}
