/* dump - two stores, read file by file and merged by position.
 *
 * What one gets wrong: beside a hub, retention goes on. What it takes before anything of that store
 * was written is just older; what it takes behind that is a hole, and is said. */

#include "cli/dump.h"

#include "base/buf.h"
#include "cli/event_line.h"
#include "cli/progress.h"
#include "cli/survey.h"

#include <unistd.h>

/* One of the two, at one of its records. */
struct source {
    struct survey *survey; /* owns; NULL: there is none */
    size_t next_file;
    const struct survey_file *file; /* whose records these are */
    struct survey_records records;
    size_t next;
    struct disk_record record;
    struct position position;
    bool is_there;                 /* it stands at one; else it is at its end */
    bool any, left_out, overtaken; /* some was written, cannot be read, went meanwhile */
};

struct dump {
    FILE *out;
    const struct sieve *sieve;
    struct buf line;
    struct source sources[2];
    uint64_t strange;
    bool failed;
};

static void
next_file(struct source *s)
{
    const struct survey_file *f = &s->survey->files[s->next_file++];
    survey_records_free(&s->records);
    s->file = f;
    s->next = 0;
    if (f->verdict == SURVEY_HEADERLESS || f->verdict == SURVEY_UNREADABLE)
        s->left_out = true;
    else if (f->verdict == SURVEY_REMOVED || !survey_read(s->survey, f, &s->records))
        s->overtaken |= s->any || !s->survey->is_live; /* what was dumped has a hole now */
}

/* The next record of the file that is shown. */
static bool
next_record(struct source *s)
{
    const struct segment_header *h = s->file ? &s->file->segment->header : NULL;
    while (s->next < s->records.count) {
        uint32_t at = s->records.at[s->next++];
        struct slice bytes = slice_from(SLICE_OF(s->records.bytes, s->records.len), at);
        if (disk_record_read(bytes, h->salt, &s->record) != DISK_RECORD_OK ||
            disk_record_is_hidden(s->record.kind))
            continue;
        s->position = (struct position){h->first.run, s->record.sequence};
        return true;
    }
    return false;
}

static void
advance(struct source *s)
{
    while (!(s->is_there = next_record(s)) && s->survey && s->next_file < s->survey->count)
        next_file(s);
}

/* Replay begins behind it. */
static bool
is_lost(const struct source *s)
{
    size_t number = s->next_file - 1;
    return number < s->survey->first_file || (s->file->verdict == SURVEY_DAMAGED &&
                                              s->records.at[s->next - 1] < s->file->valid.offset);
}

static void
write_one(struct dump *d, struct source *s)
{
    if (!sieve_takes(d->sieve, &s->record))
        return;
    buf_clear(&d->line);
    if (!event_line_write(&d->line, &s->record, s->position.run, is_lost(s))) {
        d->strange++;
        return;
    }
    s->any = true;
    d->failed = fwrite(d->line.ptr, 1, d->line.len, d->out) != d->line.len;
}

static void
merge(struct dump *d)
{
    struct source *a = &d->sources[0], *b = &d->sources[1];
    uint64_t files = a->survey->count + (b->survey ? b->survey->count : 0), done = 0;
    if (!isatty(fileno(d->out))) /* it would tear the lines on the same terminal */
        progress_begin("dumped", "updates", files);
    advance(a);
    advance(b);
    while (!d->failed && (a->is_there || b->is_there)) {
        bool is_first = !b->is_there || (a->is_there && position_cmp(a->position, b->position) < 0);
        struct source *s = is_first ? a : b;
        write_one(d, s);
        progress_at(a->next_file + b->next_file - 1, ++done);
        advance(s);
    }
    progress_end();
    d->failed |= fflush(d->out) != 0;
}

static bool
open_both(struct dump *d, const char *path, struct error *err)
{
    struct source *s = d->sources;
    s[0].survey = survey_open(path, err);
    return s[0].survey && survey_open_beside(s[0].survey, &s[1].survey, err);
}

static enum dump_end
judge(const struct dump *d, struct error *err)
{
    const struct source *a = &d->sources[0], *b = &d->sources[1];
    if (d->failed)
        error_set(err, "the dump cannot be written");
    else if (a->overtaken || b->overtaken)
        error_set(err, "files were removed meanwhile, so there is a hole in it: dump again");
    else if (a->left_out || b->left_out || d->strange)
        error_set(err, "some of it cannot be read; alipes history check tells more");
    else
        return DUMP_DONE;
    return DUMP_FAILED;
}

enum dump_end
dump_history(const char *path, const struct sieve *sieve, FILE *out, struct error *err)
{
    struct dump d = {.out = out, .sieve = sieve};
    enum dump_end end = DUMP_REFUSED;
    buf_init(&d.line, SIZE_MAX);
    if (open_both(&d, path, err)) {
        merge(&d);
        end = judge(&d, err);
    }
    for (size_t i = 0; i < COUNT_OF(d.sources); i++) {
        survey_records_free(&d.sources[i].records);
        survey_free(&d.sources[i].survey);
    }
    buf_fini(&d.line);
    return end;
}
