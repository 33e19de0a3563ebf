/* segment_scan - the walk through a segment's records that tells a tear from damage. */

#include "transport/disk/segment_scan.h"

struct walk {
    struct slice file; /* to its accepted length, where that is known */
    const struct segment_header *header;
    uint64_t at;
    uint64_t sequence; /* the least that may come next */
    uint32_t previous;
};

static bool
is_in_order(const struct walk *w, uint64_t sequence)
{
    return sequence >= w->sequence && sequence - w->header->first.sequence < UINT32_MAX;
}

/* Is there the record that must come next? */
static bool
next_is_good(const struct walk *w, struct disk_record *r)
{
    return disk_record_read(slice_from(w->file, w->at), w->header->salt, r) == DISK_RECORD_OK &&
           is_in_order(w, r->sequence) && r->previous == w->previous;
}

/* Could a record begin here? A peer's bytes pass for one no more often than they are guessed. */
static bool
begins_one(const struct walk *w, uint64_t at)
{
    if (w->file.len - at < DISK_RECORD_HEAD)
        return false;
    const char *head = w->file.ptr + at;
    struct disk_record_claim c = disk_record_peek(head);
    return c.length >= DISK_RECORD_HEAD && c.length % DISK_RECORD_ALIGN == 0 &&
           c.length <= w->file.len - at && is_in_order(w, c.sequence) &&
           disk_record_has_seal(SLICE_OF(head, DISK_RECORD_HEAD), w->header->salt);
}

/* What lies at w->at does not check. True: behind it stands a record that was written when this was
 * known to be on the disk, and the walk goes on there. False: nothing that matters, so it is the
 * end, or a tear. Heads are our own and records do not overlap, so no byte is summed twice. */
static bool
find_behind(struct walk *w, bool is_accepted)
{
    struct disk_record r;
    uint64_t gap = w->at, at = gap + DISK_RECORD_ALIGN;
    while (at < w->file.len) {
        if (!begins_one(w, at)) {
            at += DISK_RECORD_ALIGN;
            continue;
        }
        bool checks =
            disk_record_read(slice_from(w->file, at), w->header->salt, &r) == DISK_RECORD_OK;
        if (checks && (is_accepted || r.synced > gap)) {
            w->at = at;
            w->sequence = r.sequence;
            w->previous = r.previous;
            return true;
        }
        at += disk_record_peek(w->file.ptr + at).length;
    }
    return false;
}

void
segment_scan(struct slice file, const struct segment_header *h, uint64_t accepted,
             void (*each)(void *, const struct disk_record *, struct block), void *context,
             struct segment_scan *ret)
{
    struct walk w = {.file = accepted ? slice_head(file, accepted) : file,
                     .header = h,
                     .at = SEGMENT_HEADER,
                     .sequence = h->first.sequence,
                     .previous = h->crc};
    struct disk_record r;
    *ret = (struct segment_scan){.length = SEGMENT_HEADER, .valid = {0, SEGMENT_HEADER}};
    while (w.at < w.file.len) {
        if (next_is_good(&w, &r)) {
            struct block here = {(uint32_t)(w.sequence - h->first.sequence), (uint32_t)w.at};
            if (each)
                each(context, &r, here);
            ret->last = r;
            ret->last_offset = here.offset;
            ret->count++;
            w.at += r.length;
            w.sequence = r.sequence + 1;
            ret->span = (uint32_t)(w.sequence - h->first.sequence);
            w.previous = r.crc;
            ret->length = w.at;
            continue;
        }
        bool found = find_behind(&w, accepted != 0);
        if (!found && accepted == 0)
            return;
        ret->damaged = true;
        ret->valid =
            found ? (struct block){(uint32_t)(w.sequence - h->first.sequence), (uint32_t)w.at}
                  : (struct block){ret->span, (uint32_t)ret->length};
        if (!found)
            return;
    }
    if (file.len < accepted && !ret->damaged) { /* cut short */
        ret->damaged = true;
        ret->valid = (struct block){ret->span, (uint32_t)ret->length};
    }
}
