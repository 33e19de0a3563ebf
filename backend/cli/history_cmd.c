/* history_cmd - looks into a history, beside a hub or without one, and fills an empty one.
 *
 * Which folder is said by its path, by a configuration, or by the environment's; nothing here asks
 * the hub, so a history can be looked at whose hub does not start. */

#include "cli/history_cmd.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/log.h"
#include "cli/dump.h"
#include "cli/restore.h"
#include "cli/shared_history.h"
#include "cli/survey.h"
#include "config/config.h"
#include "config/judge.h"
#include "transport/disk/file.h"
#include "transport/disk/segment_name.h"

#include <fcntl.h>
#include <malloc.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum {
    DONE = 0,
    FOUND = 1, /* damage, or something was left undone */
    WRONG = 2,
    LARGE_BYTES = 131072, /* from here on memory is mapped for one object alone */
};

static int
complain(const char *what)
{
    fprintf(stderr, "alipes: %s\n", what);
    return WRONG;
}

static const char *
show_time(char out[40], uint64_t ms)
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm tm;
    gmtime_r(&seconds, &tm);
    size_t n = strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &tm);
    snprintf(out + n, 40 - n, ".%03uZ", (unsigned)(ms % 1000));
    return out;
}

/* --- stat ---------------------------------------------------------------------------------------
 */

struct figures {
    uint64_t segments, lost, runs, bytes, oldest_ms, youngest_ms, last_run;
    bool has_oldest;
};

/* When its first record came, as its head says. */
static bool
first_time(const struct segments *h, const struct segment *s, uint64_t *ret)
{
    char head[DISK_RECORD_HEAD];
    int fd = segment_open_file(s, &h->folder, ".log", O_RDONLY);
    bool ok = fd >= 0 && file_read_at(fd, head, sizeof head, s->valid.offset) == DISK_RECORD_HEAD;
    if (fd >= 0)
        close(fd);
    if (ok)
        *ret = disk_record_peek(head).time_ms;
    return ok;
}

static void
add_segment(const struct segments *h, const struct segment *s, struct figures *f)
{
    f->segments++;
    f->lost += s->lost;
    f->runs += f->last_run != s->header.first.run;
    f->last_run = s->header.first.run;
    f->bytes += segment_file_size(s, &h->folder, ".log") + segment_file_size(s, &h->folder, ".idx");
    if (s->lost || s->count == 0)
        return;
    if (!f->has_oldest)
        f->has_oldest = first_time(h, s, &f->oldest_ms);
    f->youngest_ms = s->last_time_ms;
}

static void
show_position(const char *whose, const char *name, struct position p)
{
    printf("%s%s %llu-%llu\n", whose, name, (unsigned long long)p.run,
           (unsigned long long)p.sequence);
}

static void
show_number(const char *whose, const char *name, uint64_t n)
{
    printf("%s%s %llu\n", whose, name, (unsigned long long)n);
}

static void
show_age(const char *whose, const char *name, uint64_t ms)
{
    char text[40];
    uint64_t now = clock_wall_ms();
    printf("%s%s %s (%llu s ago)\n", whose, name, show_time(text, ms),
           (unsigned long long)(now > ms ? (now - ms) / 1000 : 0));
}

/* True: some of it is lost. */
static bool
show_figures(const struct store *st, const char *whose, const char *events)
{
    struct figures f = {.segments = 0};
    const struct segments *h = &st->segments;
    char id[200];
    LIST_EACH(node, after, &h->held)
    {
        add_segment(h, segments_at(node), &f);
    }
    show_number(whose, events, h->events);
    show_number(whose, "bytes", f.bytes);
    show_number(whose, "segments", f.segments);
    show_number(whose, "lost segments", f.lost);
    show_number(whose, "runs", f.runs);
    if (f.has_oldest) {
        show_age(whose, "oldest", f.oldest_ms);
        show_age(whose, "youngest", f.youngest_ms);
    }
    show_position(whose, "last", writer_last(&st->writer));
    show_position(whose, "removed up to", h->removed.position);
    if (h->removed.id)
        printf("%sremoved id %s\n", whose,
               log_slice(id, sizeof id, SLICE_OF(h->removed.id, h->removed.id_len)));
    return f.lost > 0;
}

static struct store *
open_to_read(const struct store_settings *settings, const char *path)
{
    struct error err;
    struct store_settings reading = *settings;
    reading.only_reads = true;
    reading.path = path;
    struct store *st = store_open(&reading, &err);
    if (st == NULL)
        complain(err.text);
    return st;
}

static int
show_stat(const struct call *call, const struct store_settings *settings)
{
    (void)call;
    struct store *st = open_to_read(settings, settings->path), *beside = NULL;
    if (st == NULL)
        return WRONG;
    char *path = store_has_beside(st) ? folder_beside(&st->segments.folder) : NULL;
    if (path)
        beside = open_to_read(settings, path);
    printf("folder %s\n", settings->path);
    printf("in use %s\n", folder_is_in_use(&st->segments.folder) ? "yes" : "no");
    bool lost = show_figures(st, "", "events");
    if (beside)
        lost |= show_figures(beside, "subscriptions ", "records");
    bool failed = path && beside == NULL;
    store_close(&beside);
    store_close(&st);
    free(path);
    return failed ? WRONG : lost ? FOUND : DONE;
}

/* --- check --------------------------------------------------------------------------------------
 */

static const char *
explain(char out[300], const struct survey *v, const struct survey_file *f)
{
    unsigned long long length = f->length, valid = f->valid.offset, accepted = f->accepted;
    switch (f->verdict) {
    case SURVEY_OK:
        snprintf(out, 300, "ok%s", f->is_last && v->is_live ? ", being written" : "");
        break;
    case SURVEY_TORN:
        snprintf(out, 300, "ok, torn at byte %llu: a commit that was never confirmed", length);
        break;
    case SURVEY_DAMAGED:
        snprintf(out, 300, "DAMAGED before byte %llu, where replay %s", valid,
                 f->valid.index < f->span ? "begins" : "would begin, but nothing follows");
        break;
    case SURVEY_CUT:
        snprintf(out, 300, "DAMAGED: cut, and good up to byte %llu of %llu", length, accepted);
        break;
    case SURVEY_HEADERLESS:
        snprintf(out, 300, "DAMAGED: its header does not check");
        break;
    case SURVEY_UNNAMED:
        snprintf(out, 300, "DAMAGED: the file behind it does not follow it");
        break;
    case SURVEY_UNREADABLE:
        snprintf(out, 300, "DAMAGED: cannot be read: %s", strerror(f->error));
        break;
    case SURVEY_REMOVED:
        snprintf(out, 300, "removed meanwhile");
        break;
    }
    return out;
}

/* Says what is wrong with each file. True: one is damaged. */
static bool
show_files(const struct survey *v, const char *folder, const char *records)
{
    char name[SEGMENT_NAME], text[300];
    bool damaged = false;
    for (size_t i = 0; i < v->count; i++) {
        const struct survey_file *f = &v->files[i];
        segment_name(name, f->segment->header.first, ".log");
        if (f->follows_a_gap)
            printf("%s%s: DAMAGED: the file before it is missing\n", folder, name);
        printf("%s%s: %u %s, %s%s%s\n", folder, name, f->good, records, explain(text, v, f),
               f->index_is_bad                               ? ", its index is to be rebuilt"
               : !f->has_index && !f->is_last && f->good > 0 ? ", without an index"
                                                             : "",
               i < v->first_file ? ", before what replay can reach" : "");
        damaged |= f->follows_a_gap || survey_is_damage(f->verdict);
    }
    return damaged;
}

static int
show_check(const struct call *call, const struct store_settings *settings)
{
    (void)call;
    struct error err;
    struct survey *v = survey_open(settings->path, &err), *beside = NULL;
    if (v == NULL || !survey_open_beside(v, &beside, &err)) {
        survey_free(&v);
        return complain(err.text);
    }
    size_t files = v->count + (beside ? beside->count : 0);
    bool damaged = show_files(v, "", "updates");
    if (beside)
        damaged |= show_files(beside, "subscriptions/", "records");
    printf("%zu files, %s\n", files, damaged ? "DAMAGED" : "ok");
    survey_free(&beside);
    survey_free(&v);
    return damaged ? FOUND : DONE;
}

/* --- dump ---------------------------------------------------------------------------------------
 */

static int
write_dump(const struct call *call, const struct store_settings *settings)
{
    struct error err;
    struct sieve sieve;
    enum dump_end end = DUMP_REFUSED;
    if (sieve_open(&sieve, call, &err))
        end = dump_history(settings->path, &sieve, stdout, &err);
    sieve_fini(&sieve);
    if (end == DUMP_DONE)
        return DONE;
    complain(err.text);
    return end == DUMP_REFUSED ? WRONG : FOUND;
}

/* --- restore ------------------------------------------------------------------------------------
 */

static int
restore(const struct call *call, const struct store_settings *settings)
{
    (void)call;
    struct error err;
    struct restored r;
    bool ok = restore_from(stdin, settings, &r, &err);
    if (ok)
        fprintf(stderr, "restored: %llu updates, of which max_events and max_bytes keep %llu%s%s\n",
                (unsigned long long)r.updates, (unsigned long long)r.kept,
                r.lost ? "; lost ones were left out" : "",
                r.begins_and_ends ? "; begins and ends of subscriptions were left out" : "");
    const struct passwd *owner = r.owner ? getpwuid(r.owner) : NULL;
    if (ok && r.owner)
        fprintf(stderr, "its files belong to %s (%u), as the folder does\n",
                owner ? owner->pw_name : "user", (unsigned)r.owner);
    if (ok)
        return DONE;
    complain(err.text);
    if (r.was_undone)
        complain("nothing was restored: what was begun is removed again");
    return r.lines ? FOUND : WRONG;
}

/* --- which folder -------------------------------------------------------------------------------
 */

static const struct command_of {
    const char *name;
    int (*run)(const struct call *, const struct store_settings *);
} commands[] = {{"history stat", show_stat},
                {"history check", show_check},
                {"history dump", write_dump},
                {"history restore", restore}};

static bool
dump_shared(const struct call *call, const struct config *c, bool *ret_any, struct error *err)
{
    struct sieve sieve;
    bool ok = sieve_open(&sieve, call, err) && shared_history_dump(c, &sieve, stdout, ret_any, err);
    sieve_fini(&sieve);
    return ok;
}

/* Of a store that several hubs share. */
static int
run_shared(const struct call *call, const struct config *c)
{
    const char *command = call->command->name;
    struct error err;
    bool ok, any = false;
    uint64_t updates = 0;
    if (strcmp(command, "history check") == 0)
        return complain("transport redis: there are no files here; redis-check-aof and "
                        "redis-check-rdb look at those of Redis");
    if (strcmp(command, "history stat") == 0)
        ok = shared_history_stat(c, &err);
    else if (strcmp(command, "history dump") == 0)
        ok = dump_shared(call, c, &any, &err);
    else
        ok = shared_history_restore(c, stdin, &updates, &err);
    if (strcmp(command, "history restore") == 0 && (ok || updates))
        fprintf(stderr, "restored: %llu updates\n", (unsigned long long)updates);
    if (ok)
        return DONE;
    complain(err.text);
    return any || updates ? FOUND : WRONG;
}

static bool
configure(const struct call *call, struct config **ret, struct error *err)
{
    if (call->word_count == 0)
        return config_load(call_value(call, "-c"), ret, err);
    *ret = config_new();
    free((*ret)->history_path);
    (*ret)->history_path = strdup(call->words[0]);
    judge_history_size(*ret);
    return true;
}

static const struct command_of *
find(const struct call *call)
{
    size_t i = 0;
    while (strcmp(call->command->name, commands[i].name) != 0)
        i++;
    return &commands[i];
}

int
history_cmd(const struct call *call)
{
    struct config *c = NULL;
    struct error err = {""};
    const struct command_of *command = find(call);
    log_open(LOG_LOGFMT, LOG_ERROR, open("/dev/null", O_WRONLY | O_CLOEXEC));
    /* Files are read one after another, each a little larger than the last: without this the heap
     * grows to the size of all of them (measured). */
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    int status = WRONG;
    if (!configure(call, &c, &err)) {
        complain(err.text);
    } else if (c->transport == TRANSPORT_MEMORY) {
        complain("transport memory: there is no history on the disk");
    } else if (c->transport == TRANSPORT_REDIS) {
        status = run_shared(call, c);
    } else {
        const struct store_settings settings = {.path = c->history_path,
                                                .max_events = c->max_events,
                                                .max_bytes = c->max_bytes,
                                                .max_age_ms = c->max_age_ms,
                                                .cache_bytes = c->tail,
                                                .unsafe_filesystem = c->unsafe_filesystem};
        status = command->run(call, &settings);
    }
    config_free(&c);
    return status;
}
