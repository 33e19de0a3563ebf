/* history_cmd - looks into a history, beside a hub or without one, and fills an empty one.
 *
 * Which folder is said by its path, by a configuration, or by the environment's; nothing here asks
 * the hub, so a history can be looked at whose hub does not start. */

#include "cli/history_cmd.h"

#include "base/buf.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "cli/event_line.h"
#include "cli/restore.h"
#include "cli/survey.h"
#include "config/config.h"
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
show_position(const char *name, struct position p)
{
    printf("%s %llu-%llu\n", name, (unsigned long long)p.run, (unsigned long long)p.sequence);
}

static void
show_age(const char *name, uint64_t ms)
{
    char text[40];
    uint64_t now = clock_wall_ms();
    printf("%s %s (%llu s ago)\n", name, show_time(text, ms),
           (unsigned long long)(now > ms ? (now - ms) / 1000 : 0));
}

static int
show_stat(const struct store_settings *settings)
{
    struct error err;
    struct figures f = {.segments = 0};
    struct store_settings reading = *settings;
    char id[200];
    reading.only_reads = true;
    struct store *st = store_open(&reading, &err);
    if (st == NULL)
        return complain(err.text);
    const struct segments *h = &st->segments;
    LIST_EACH(node, after, &h->held)
    {
        add_segment(h, segments_at(node), &f);
    }
    printf("folder %s\n", h->folder.path);
    printf("in use %s\n", folder_is_in_use(&h->folder) ? "yes" : "no");
    printf("events %llu\n", (unsigned long long)h->events);
    printf("bytes %llu\n", (unsigned long long)f.bytes);
    printf("segments %llu\n", (unsigned long long)f.segments);
    printf("lost segments %llu\n", (unsigned long long)f.lost);
    printf("runs %llu\n", (unsigned long long)f.runs);
    if (f.has_oldest) {
        show_age("oldest", f.oldest_ms);
        show_age("youngest", f.youngest_ms);
    }
    show_position("last", writer_last(&st->writer));
    show_position("removed up to", h->removed.position);
    if (h->removed.id)
        printf("removed id %s\n",
               log_slice(id, sizeof id, SLICE_OF(h->removed.id, h->removed.id_len)));
    bool lost = f.lost > 0;
    store_close(&st);
    return lost ? FOUND : DONE;
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

static int
show_check(const struct store_settings *settings)
{
    struct error err;
    struct survey *v = survey_open(settings->path, &err);
    char name[SEGMENT_NAME], text[300];
    bool damaged = false;
    if (v == NULL)
        return complain(err.text);
    for (size_t i = 0; i < v->count; i++) {
        const struct survey_file *f = &v->files[i];
        segment_name(name, f->segment->header.first, ".log");
        if (f->follows_a_gap)
            printf("%s: DAMAGED: the file before it is missing\n", name);
        printf("%s: %u updates, %s%s%s\n", name, f->good, explain(text, v, f),
               f->index_is_bad                               ? ", its index is to be rebuilt"
               : !f->has_index && !f->is_last && f->good > 0 ? ", without an index"
                                                             : "",
               i < v->first_file ? ", before what replay can reach" : "");
        damaged |= f->follows_a_gap || survey_is_damage(f->verdict);
    }
    printf("%zu files, %s\n", v->count, damaged ? "DAMAGED" : "ok");
    survey_free(&v);
    return damaged ? FOUND : DONE;
}

/* --- dump ---------------------------------------------------------------------------------------
 */

struct dump {
    struct buf line;
    uint64_t run, strange;
    uint32_t lost_before; /* records that begin before are lost; UINT32_MAX: all */
    bool any, failed;
};

static void
dump_record(void *context, const struct disk_record *r, struct block here)
{
    struct dump *d = context;
    if (d->failed)
        return;
    buf_clear(&d->line);
    if (!event_line_write(&d->line, r, d->run, here.offset < d->lost_before)) {
        d->strange++;
        return;
    }
    d->any = true;
    d->failed = fwrite(d->line.ptr, 1, d->line.len, stdout) != d->line.len;
}

static int
write_dump(const struct store_settings *settings)
{
    struct error err;
    struct survey *v = survey_open(settings->path, &err);
    struct dump d = {.run = 0};
    bool left_out = false, overtaken = false;
    if (v == NULL)
        return complain(err.text);
    buf_init(&d.line, SIZE_MAX);
    for (size_t i = 0; i < v->count && !d.failed; i++) {
        const struct survey_file *f = &v->files[i];
        bool is_there = f->verdict != SURVEY_HEADERLESS && f->verdict != SURVEY_UNREADABLE;
        d.run = f->segment->header.first.run;
        d.lost_before = i < v->first_file              ? UINT32_MAX
                        : f->verdict == SURVEY_DAMAGED ? f->valid.offset
                                                       : 0;
        if (!is_there)
            left_out = true;
        else if (f->verdict == SURVEY_REMOVED || !survey_walk(v, f, dump_record, &d))
            overtaken |= d.any || !v->is_live; /* what was dumped has a hole now */
    }
    d.failed |= fflush(stdout) != 0;
    buf_fini(&d.line);
    survey_free(&v);
    if (d.failed)
        complain("the dump cannot be written");
    else if (overtaken)
        complain("files were removed meanwhile, so there is a hole in it: dump again");
    else if (left_out || d.strange)
        complain("some of it cannot be read; alipes history check tells more");
    return d.failed || overtaken || left_out || d.strange ? FOUND : DONE;
}

/* --- restore ------------------------------------------------------------------------------------
 */

static int
restore(const struct store_settings *settings)
{
    struct error err;
    struct restored r;
    bool ok = restore_from(stdin, settings, &r, &err);
    if (r.updates || ok)
        fprintf(stderr, "restored: %llu updates, of which max_events and max_bytes keep %llu%s\n",
                (unsigned long long)r.updates, (unsigned long long)r.kept,
                r.lost ? "; lost ones were left out" : "");
    const struct passwd *owner = r.owner ? getpwuid(r.owner) : NULL;
    if (r.owner)
        fprintf(stderr, "its files belong to %s (%u), as the folder does\n",
                owner ? owner->pw_name : "user", (unsigned)r.owner);
    if (ok)
        return DONE;
    complain(err.text);
    return r.updates ? FOUND : WRONG;
}

/* --- which folder -------------------------------------------------------------------------------
 */

static const struct command {
    const char *name;
    int (*run)(const struct store_settings *);
} commands[] = {
    {"stat", show_stat}, {"check", show_check}, {"dump", write_dump}, {"restore", restore}};

static int
usage(void)
{
    fputs("usage: alipes history stat|check|dump|restore [-c FILE | FOLDER]\n"
          "\n"
          "    stat      what the history holds\n"
          "    check     every file: whole, torn (nothing is lost) or damaged\n"
          "    dump      every update as a line of JSON, oldest first\n"
          "    restore   such lines, from standard input, into an empty folder\n"
          "\n"
          "Which folder: that of FILE, else that of the environment's configuration. All but\n"
          "restore work beside a running hub. Exit status: 1 damage, 2 it could not be done.\n",
          stderr);
    return WRONG;
}

static bool
configure(int argc, char **argv, struct config **ret, struct error *err)
{
    if (argc != 1)
        return config_load(argc ? argv[1] : NULL, ret, err);
    *ret = config_new();
    free((*ret)->history_path);
    (*ret)->history_path = strdup(argv[0]);
    return true;
}

int
history_cmd(int argc, char **argv)
{
    struct config *c = NULL;
    struct error err = {""};
    const struct command *command = NULL;
    bool with_file = argc == 4 && strcmp(argv[2], "-c") == 0;
    for (size_t i = 0; argc >= 2 && i < COUNT_OF(commands); i++)
        if (strcmp(argv[1], commands[i].name) == 0)
            command = &commands[i];
    if (command == NULL || (argc > 3 && !with_file) || (argc == 3 && argv[2][0] == '-'))
        return usage();
    log_open(LOG_LOGFMT, LOG_ERROR, open("/dev/null", O_WRONLY | O_CLOEXEC));
    hash_seed();
    /* Files are read one after another, each a little larger than the last: without this the heap
     * grows to the size of all of them (measured). */
    mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
    int status = WRONG;
    if (!configure(argc - 2, argv + 2, &c, &err)) {
        complain(err.text);
    } else if (c->in_memory) {
        complain("transport memory: there is no history on the disk");
    } else {
        const struct store_settings settings = {.path = c->history_path,
                                                .max_events = c->max_events,
                                                .max_bytes = c->max_bytes,
                                                .max_age_ms = c->max_age_ms,
                                                .cache_bytes = c->tail,
                                                .unsafe_filesystem = c->unsafe_filesystem};
        status = command->run(&settings);
    }
    config_free(&c);
    return status;
}
