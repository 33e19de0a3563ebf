/* fronts - what the files of the fronts lack for the hub: modules, lines, time, and room. */

#include "cli/doctor/fronts.h"

#include "base/alloc.h"
#include "cli/doctor/front_text.h"
#include "cli/doctor/program.h"

#include <string.h>

static const char standard_path[] = "/.well-known/mercure";

void
fronts_read(struct patient *p)
{
    const char *root = p->root ? p->root : "";
    for (size_t kind = 0; kind < FRONTS; kind++) {
        struct front *f = &p->fronts[kind];
        front_read(f, (enum front_kind)kind, root, p->config ? p->config->path : standard_path,
                   &p->sockets);
        if (f->is_there && root[0] == 0 &&
            !program_line(f->type->program, f->type->version_argument, f->version,
                          sizeof f->version))
            f->version[0] = 0;
    }
    p->has_fronts = true;
}

static enum front_kind
kind_of(const struct front *f)
{
    return (enum front_kind)(f->type - front_types);
}

static void
say_it_is_there(struct report *r, const struct front *f)
{
    report_ok(r, "%s%s%s%s: the hub stands in %s", f->type->name, f->version[0] ? " (" : "",
              f->version, f->version[0] ? ")" : "", f->paths.items[0]);
    for (size_t i = 0; i < f->copies.count; i++)
        report_note(r, "the file under /usr/share/alipes/proxy-config itself: an upgrade keeps it",
                    "%s: %s is a copy of the project's file", f->type->name, f->copies.items[i]);
}

static bool
judge_modules(struct report *r, const struct front *f)
{
    const char *module;
    size_t i = 0;
    for (; (module = front_missing_module(f, i)) != NULL; i++) {
        struct error add;
        error_set(&add, "a2enmod %s && systemctl restart apache2", module);
        report_bad(r, add.text, "Apache has not loaded the module %s", module);
    }
    if (front_text_has(&f->own, "AlipesSocket") &&
        front_text_has(&f->all, "LoadModule mpm_prefork_module")) {
        i++;
        report_bad(r, "a2dismod mpm_prefork, a2enmod mpm_event, and PHP by php-fpm",
                   "Apache's module for the hub does not go with mpm_prefork");
    }
    return i == 0;
}

static bool
judge_lines(struct report *r, const struct front *f)
{
    bool ok = true;
    for (size_t i = 0; i < remedy_count; i++) {
        const struct remedy *m = &remedies[i];
        if (m->front != kind_of(f) || m->has[0] == 0 ||
            (m->where[0] && !front_text_has(&f->own, m->where)) || front_text_has(&f->own, m->has))
            continue;
        ok = false;
        report_bad(r, m->add, "%s %s", f->type->name, symptom_cause(m->symptom));
    }
    return ok;
}

static bool
judge_idle(const struct patient *p, struct report *r, const struct front *f)
{
    double idle = front_idle(f), beat = p->config ? (double)p->config->heartbeat_ms / 1000 : 0;
    if (idle == 0 || (beat > 0 && idle >= 2 * beat))
        return true;
    if (beat == 0)
        report_bad(r, "heartbeat 4s", "%s cuts a silent stream after %.0f s, and heartbeat is off",
                   f->type->name, idle);
    else
        report_bad(r, remedy_line(kind_of(f), SYMPTOM_IDLE_TIMEOUT),
                   "%s cuts a silent stream after %.0f s, and heartbeat is %.3g s", f->type->name,
                   idle, beat);
    return false;
}

/* None names the hub: the one that is there is to do so; of several any may be meant. */
static void
say_unnamed(const struct patient *p, struct report *r)
{
    const struct front *only = NULL;
    size_t there = 0;
    for (size_t kind = 0; kind < FRONTS; kind++) {
        if (!p->fronts[kind].is_there)
            continue;
        only = &p->fronts[kind];
        there++;
    }
    if (there == 1)
        report_bad(r, remedy_line(kind_of(only), SYMPTOM_UNREACHED),
                   "%s is here, and its files do not name the hub", only->type->name);
    else
        report_skip(r, "%zu on this machine, and the files of none name the hub", there);
}

void
fronts_check_files(struct patient *p, struct report *r)
{
    bool named = false;
    for (size_t kind = 0; kind < FRONTS; kind++) {
        const struct front *f = &p->fronts[kind];
        if (f->paths.count == 0)
            continue;
        named = true;
        say_it_is_there(r, f);
        bool ok = judge_modules(r, f);
        ok &= judge_lines(r, f);
        if (judge_idle(p, r, f) && ok)
            report_ok(r, "%s: nothing is missing", f->type->name);
    }
    if (!named)
        say_unnamed(p, r);
}

/* --- how many streams ------------------------------------------------------------------------- */

/* Streams that a front without the hub's module serves, by the number in its files. */
static const struct {
    enum front_kind front;
    const char *word;
    double standard, each; /* of them a stream takes */
    const char *add;
} rooms[] = {
    {FRONT_APACHE, "MaxRequestWorkers ", 400, 1,
     "the hub's module for Apache (libapache2-mod-alipes), or more MaxRequestWorkers and "
     "ServerLimit"},
    {FRONT_NGINX, "worker_connections ", 512, 2, "worker_connections in the block events"},
};

void
fronts_check_capacity(struct patient *p, struct report *r)
{
    bool any = false;
    for (size_t i = 0; i < COUNT_OF(rooms); i++) {
        const struct front *f = &p->fronts[rooms[i].front];
        double has = rooms[i].standard;
        if (f->paths.count == 0)
            continue;
        any = true;
        front_text_number(&f->all, rooms[i].word, &has);
        has /= rooms[i].each;
        bool said = p->config && settings_place_of(p->config, "max_streams");
        if (front_text_has(&f->own, "AlipesSocket") &&
            front_text_has(&f->all, "LoadModule http2_module") &&
            !front_text_has(&f->own, "Protocols http/1.1"))
            report_note(r, "Protocols http/1.1, in a <VirtualHost> of the hub's own",
                        "Apache: over HTTP/2 a stream holds a worker in spite of the hub's module");
        else if (front_text_has(&f->own, "AlipesSocket"))
            report_ok(r, "%s: no stream holds a worker", f->type->name);
        else if (p->config && has >= (double)p->config->max_streams)
            report_ok(r, "%s has room for %.0f streams", f->type->name, has);
        else if (said)
            report_bad(r, rooms[i].add, "max_streams is %llu, and %s serves %.0f, and then nothing",
                       (unsigned long long)p->config->max_streams, f->type->name, has);
        else
            report_note(r, rooms[i].add,
                        "%s serves %.0f streams (%s%.0f), and then no page of the site either",
                        f->type->name, has, rooms[i].word, has * rooms[i].each);
    }
    if (!any)
        report_skip(r, "no front of this machine has a bound that is known");
}
