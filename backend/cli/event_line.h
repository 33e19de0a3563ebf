#ifndef CLI_EVENT_LINE_H
#define CLI_EVENT_LINE_H

/* An update of the history as a line of JSON, and back: what `alipes history dump` writes and
 * `restore` reads (alipes(8)).
 *
 *     {"position":"2-17","time":1764036794123,"id":"…","topics":["…"],"data":"…"}
 *
 * and, where they are so, "type":"…", "retry":N, "private":true, "chosen":true (the id is the
 * publisher's), "repeated":true (an earlier update had this id), "lost":true (replay begins behind
 * it: before damage); "subscription":"begin" or "end", with "dialect":"0.x" or "1.0", where it is
 * the hub's own and says so of an active subscription. Bytes that are not UTF-8 stand as
 * {"base64":"…"} in place of a string; a retry past 2^53 stands as a string. */

#include "base/buf.h"
#include "base/error.h"
#include "transport/disk/disk_record.h"
#include "transport/disk/writer.h"

/* Adds a line with its newline. False: the event is not one that update_new() makes. */
MUST_CHECK bool event_line_write(struct buf *out, const struct disk_record *, uint64_t run,
                                 bool is_lost);

struct event_line {
    struct update *update; /* the caller owns the reference */
    struct writer_past past;
    bool is_lost, is_hub_s; /* the hub's own: a begin or an end */
};

/* "position" is not read; no "time" is `now_ms`. False: err says what is wrong. */
MUST_CHECK bool event_line_read(struct slice line, uint64_t now_ms, struct event_line *ret,
                                struct error *);

#endif
