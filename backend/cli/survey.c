/* survey - what the files of a history hold, and what is wrong with them.
 *
 * The store, opened for reading, gives the files; each is then walked through with what its
 * successor's header says of its length. A tear is what a crash leaves of a commit that nobody was
 * told of: it costs nothing. Damage is bytes that were on the disk and do not check: replay begins
 * behind the youngest, and what lies before is lost to it, but still there to be dumped. */

#include "cli/survey.h"

#include "base/alloc.h"
#include "cli/progress.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool
has_header(const struct segment *s)
{
    return s->header.crc != 0;
}

static bool
read_file(const struct survey *v, const struct survey_file *f, const char *suffix, char **ret,
          size_t *ret_len)
{
    return segment_read_file(f->segment, &v->store->segments.folder, suffix, 0, ret, ret_len);
}

static bool
is_zero(struct slice s)
{
    while (s.len && s.ptr[0] == 0)
        s = slice_from(s, 1);
    return s.len == 0;
}

static void
count_good(void *context, const struct disk_record *r, struct block here)
{
    (void)r;
    (void)here;
    ++*(uint32_t *)context;
}

static void
judge_records(struct survey *v, struct survey_file *f, struct slice bytes)
{
    struct segment_scan scan;
    segment_scan(bytes, &f->segment->header, f->accepted, count_good, &f->good, &scan);
    f->length = scan.length;
    f->span = scan.span;
    f->valid = scan.valid;
    if (f->accepted > bytes.len)
        f->verdict = SURVEY_CUT;
    else if (scan.damaged)
        f->verdict = SURVEY_DAMAGED;
    else if (!(v->is_live && f->is_last) && !is_zero(slice_from(bytes, scan.length)))
        f->verdict = SURVEY_TORN;
}

static void
judge_index(struct survey *v, struct survey_file *f)
{
    char *bytes;
    size_t len;
    struct segment_index x;
    if (!read_file(v, f, ".idx", &bytes, &len))
        return;
    f->has_index = true;
    bool ok = segment_index_read(SLICE_OF(bytes, len), &x);
    f->index_is_bad = !ok || position_cmp(x.first, f->segment->header.first) != 0 ||
                      x.salt != f->segment->header.salt || x.span != f->span ||
                      x.length != f->length;
    if (ok)
        free((void *)x.blocks);
    free(bytes);
}

static void
judge_file(struct survey *v, struct survey_file *f)
{
    char *bytes;
    size_t len;
    if (!has_header(f->segment)) {
        f->verdict = SURVEY_HEADERLESS;
        return;
    }
    if (!read_file(v, f, ".log", &bytes, &len)) {
        f->error = errno;
        f->verdict = errno == ENOENT && v->is_live ? SURVEY_REMOVED : SURVEY_UNREADABLE;
        return;
    }
    judge_records(v, f, SLICE_OF(bytes, len));
    free(bytes);
    judge_index(v, f);
}

/* The file of that name among the first `count`; SIZE_MAX: none. */
static size_t
find_file(const struct survey *v, size_t count, struct position first)
{
    while (count-- > 0)
        if (position_cmp(v->files[count].segment->header.first, first) == 0)
            return count;
    return SIZE_MAX;
}

/* What each header says of the file before it. A file that none names held nothing that counts, or
 * its successor is not the one that was written then. */
static void
judge_chain(struct survey *v)
{
    for (size_t i = v->count; i-- > 1;) {
        const struct segment_header *h = &v->files[i].segment->header;
        if (!has_header(v->files[i].segment) || h->before_file.sequence == 0)
            continue;
        size_t named = find_file(v, i, h->before_file);
        v->files[i].follows_a_gap = named == SIZE_MAX;
        if (named == SIZE_MAX)
            continue;
        v->files[named].accepted = h->before_length;
        for (; i - 1 > named; i--)
            v->files[i - 1].verdict = SURVEY_UNNAMED;
    }
    if (v->count) {
        struct survey_file *last = &v->files[v->count - 1];
        last->is_last = true;
        if (v->is_live)
            last->accepted = last->segment->length;
    }
}

bool
survey_is_damage(enum survey_verdict verdict)
{
    return verdict == SURVEY_DAMAGED || verdict == SURVEY_CUT || verdict == SURVEY_HEADERLESS ||
           verdict == SURVEY_UNREADABLE || verdict == SURVEY_UNNAMED;
}

/* Is anything behind the damage of this file? */
static bool
has_valid(const struct survey_file *f)
{
    return f->verdict == SURVEY_DAMAGED && f->valid.index < f->span;
}

static void
find_first(struct survey *v)
{
    v->first_file = v->count;
    for (size_t i = v->count; i-- > 0;) {
        struct survey_file *f = &v->files[i];
        if (survey_is_damage(f->verdict) && !has_valid(f))
            return;
        v->first_file = i;
        if (survey_is_damage(f->verdict) || f->follows_a_gap)
            return;
    }
}

struct survey *
survey_open(const char *path, struct error *err)
{
    const struct store_settings settings = {
        .path = path, .max_bytes = UINT64_MAX, .max_events = UINT64_MAX, .only_reads = true};
    struct store *store = store_open(&settings, err);
    if (store == NULL)
        return NULL;
    struct survey *v = xalloc(sizeof *v);
    v->store = store;
    v->is_live = folder_is_in_use(&store->segments.folder);
    LIST_EACH(node, after, &store->segments.held)
    {
        v->count++;
    }
    v->files = xalloc((v->count + 1) * sizeof *v->files);
    size_t i = 0;
    LIST_EACH(node, after, &store->segments.held)
    {
        v->files[i++].segment = segments_at(node);
    }
    judge_chain(v);
    progress_begin("checked", "files", v->count);
    for (i = 0; i < v->count; i++) {
        progress_at(i, i);
        enum survey_verdict named = v->files[i].verdict;
        judge_file(v, &v->files[i]);
        if (named == SURVEY_UNNAMED &&
            (v->files[i].verdict == SURVEY_TORN || v->files[i].verdict == SURVEY_UNNAMED))
            v->files[i].verdict = v->files[i].good ? SURVEY_UNNAMED : SURVEY_OK;
    }
    progress_end();
    find_first(v);
    return v;
}

void
survey_free(struct survey **ref)
{
    struct survey *v = *ref;
    *ref = NULL;
    if (v == NULL)
        return;
    store_close(&v->store);
    free(v->files);
    free(v);
}

bool
survey_open_beside(const struct survey *v, struct survey **ret, struct error *err)
{
    *ret = NULL;
    if (!store_has_beside(v->store))
        return true;
    char *path = folder_beside(&v->store->segments.folder);
    *ret = survey_open(path, err);
    free(path);
    return *ret != NULL;
}

static void
note_place(void *context, const struct disk_record *r, struct block here)
{
    struct survey_records *records = context;
    (void)r;
    if (records->count == records->cap) {
        records->cap = records->cap ? records->cap * 2 : 1024;
        records->at = xrealloc(records->at, records->cap * sizeof *records->at);
    }
    records->at[records->count++] = here.offset;
}

bool
survey_read(const struct survey *v, const struct survey_file *f, struct survey_records *ret)
{
    struct segment_scan scan;
    *ret = (struct survey_records){.bytes = NULL};
    if (!read_file(v, f, ".log", &ret->bytes, &ret->len))
        return false;
    segment_scan(SLICE_OF(ret->bytes, ret->len), &f->segment->header, f->accepted, note_place, ret,
                 &scan);
    return true;
}

void
survey_records_free(struct survey_records *records)
{
    free(records->bytes);
    free(records->at);
    *records = (struct survey_records){.bytes = NULL};
}
