"""The scripts that a store is changed by, alone, against a list in Python: each is one step that nobody comes between."""
import random
import time

import pytest

from conftest import ROOT
from redis import Refused, start_redis  # noqa: F401

OVERHEAD = 64
CHOSEN, AGAIN, KNOWN = 2, 16, 64
KEY = b"0" * 32


class Store:
    """One stream, asked as a hub asks it. `bounds`: bytes, events, age in ms."""

    def __init__(self, server, bounds=(1 << 30, 1 << 30, 1 << 40)):
        self.server, self.bounds = server, bounds
        self.text = {name: (ROOT / f"backend/transport/redis/{name}.lua").read_bytes()
                     for name in ("join", "heal", "open", "publish", "find")}

    def run(self, name, *words):
        keys = ["{t}:h"] if name == "open" else ["{t}:h", "{t}:s"]
        return self.server.call("EVAL", self.text[name], len(keys), *keys, *words)

    def join(self, identity="one", heal=0, taken=(0, 0), key=KEY):
        return self.run("join", identity, heal, key, *taken)

    def open(self, identity="one", taken_run=0):
        state, run, end, left, _ = self.run("open", identity, taken_run)
        assert (state, left) == (b"open", 0)
        self.opened = int(run)
        return place(end)

    def begin(self):
        self.join()
        return self.open()

    def publish(self, node, first, updates, seen=0, run=None, bounds=None):
        """How many it wrote, the last position, whether there is more to cut; what is held: updates, bytes, since when."""
        words = [w for u in updates for w in u]
        *figures, removed = self.run("publish", run or self.opened, node, first, seen, *(bounds or self.bounds), *words)
        assert place(removed) == self.removed()
        return figures

    def find(self, id="", at=None):
        found = self.run("find", self.opened, id, f"{at[0]}-{at[1]}" if at else "")
        return place(found) if found else None

    def head(self, *names):
        return self.server.call("HMGET", "{t}:h", *names)

    def entries(self, begin="-", end="+", *more):
        return [Entry(*e) for e in self.server.call("XRANGE", "{t}:s", begin, end, *more)]

    def removed(self):
        return place(self.head("rem")[0])

    def save(self):
        """All of it, to be what is left after a crash."""
        return {key: self.server.call("DUMP", key) for key in self.server.call("KEYS", "*")}

    def restore(self, saved):
        self.server.call("FLUSHALL")
        for key, dump in saved.items():
            self.server.call("RESTORE", key, 0, dump)


class Entry:
    def __init__(self, at, fields):
        self.at = place(at)
        self.fields = f = dict(zip(fields[::2], fields[1::2]))
        self.id = f[b"i"]
        self.size = len(f[b"i"]) + len(f[b"t"]) + len(f[b"e"]) + OVERHEAD
        self.before = place(f[b"p"]) if b"p" in f else (self.at[0], self.at[1] - self.size)

    def offer(self):
        f = self.fields
        return [text(self.at), f[b"f"], f[b"b"], f[b"i"], f[b"t"], f[b"e"], text(self.before)]


def place(words):
    return tuple(map(int, words.split(b"-")))


def text(at):
    return b"%d-%d" % at


def update(id, event=b"x", flags=0):
    return (flags, id, b"1:t", event)


def heal(store, identity, entries, begin=None):
    words = [w for e in entries for w in e.offer()]
    added, end = store.run("heal", identity, text(begin or entries[0].before), 300, *words)
    return added, place(end)


@pytest.fixture
def store(start_redis):
    return Store(start_redis())


def known(store, entries, id):
    """Where a cursor of that id stands, by what PROTOCOL.md says: the earliest held, unless it was known when it came."""
    removed = store.removed()
    first = next((e for e in entries if e.at > removed and e.id == id), None)
    if first is None:
        return removed if id == store.head("remid")[0] else None
    return None if int(first.fields[b"f"]) & (AGAIN | KNOWN) else first.at


@pytest.mark.parametrize("bounds", [(40_000, 1 << 30), (1 << 30, 200), (40_000, 200)], ids=["bytes", "events", "both"])
def test_each_answer_is_that_of_a_list_whatever_is_published_twice_removed_and_looked_for(store, bounds):
    store.bounds = (*bounds, 1 << 40)
    store.begin()
    rnd, at, number, every = random.Random(7), 0, 1, []
    chosen = [b"c%d" % i for i in range(12)]
    most_bytes = most_events = 0
    for step in range(700):
        batch = []
        for _ in range(rnd.choice([1, 1, 1, 2, 5, 20])):
            flags, id = (CHOSEN, rnd.choice(chosen)) if rnd.random() < .15 else (0, b"%032x" % rnd.getrandbits(128))
            batch.append(update(id, b"x" * rnd.choice([10, 50, 200]), flags))
        wrote, end, more, events, held, _ = store.publish("a", number, batch)
        assert (wrote, more) == (len(batch), 0)
        if rnd.random() < .1:
            assert store.publish("a", number, batch)[:2] == [0, end], "what is sent again is not there again"
        number += len(batch)
        for flags, id, topics, event in batch:
            at += len(id) + len(topics) + len(event) + OVERHEAD
            every.append((store.opened, at))
        assert place(end) == every[-1]
        removed = store.removed()
        left = [e for e in every if e > removed]
        assert (events, held) == (len(left), at - removed[1])
        most_bytes, most_events = max(most_bytes, held), max(most_events, events)
        if step % 20:
            continue
        entries = store.entries()
        assert [e.at for e in entries if e.at > removed] == left
        for id in [rnd.choice(entries).id, rnd.choice(chosen), b"never"]:
            assert store.find(id) == known(store, entries, id)
        assert store.find(at=removed) == removed and store.find(at=every[-1]) == every[-1]
        assert store.find(at=(removed[0] - 1, at)) is None and store.find(at=(store.opened, at - 1)) is None
    # A segment goes whole: a sixteenth, and what one batch adds.
    assert most_bytes <= bounds[0] and most_events <= bounds[1]
    assert most_bytes > bounds[0] * .8 or most_events > bounds[1] * .8


def test_earliest_begins_at_what_was_removed_and_each_record_names_the_one_before(store):
    store.bounds = (20_000, 1 << 30, 1 << 40)
    store.begin()
    for i in range(200):
        store.publish("a", 1 + i, [update(b"u%d" % i, b"x" * (i % 7) * 100)])
    after, pieces, end = store.removed(), 0, place(store.head("end")[0])
    assert after > (store.opened, 0) and store.find(store.head("remid")[0]) == after
    while after != end:
        piece = store.entries(b"(" + text(after), text((after[0], after[1] + 2000)))
        piece = piece or store.entries(b"(" + text(after), "+", "COUNT", 1)
        for e in piece:
            assert e.before == after
            after = e.at
        assert sum(e.size for e in piece) <= 2000 or len(piece) == 1
        pieces += 1
    assert pieces > 5


def test_what_is_too_old_goes_without_a_publish_and_the_last_removed_is_still_found(store):
    store.begin()
    began, wait = time.monotonic(), (1 << 30, 1 << 30, 400)
    store.publish("a", 1, [update(b"old")])
    time.sleep(.03)
    assert store.publish("a", 2, [], bounds=wait)[3] == 1 or time.monotonic() - began > .4, "it is not too old yet"
    deadline = time.monotonic() + 30
    while store.publish("a", 2, [], bounds=wait)[3]:
        assert time.monotonic() < deadline
        time.sleep(.02)
    assert store.find(b"old") == store.removed() == place(store.head("end")[0])
    assert store.entries() == [] and store.find(b"never") is None
    assert store.publish("a", 2, [update(b"new")], bounds=wait)[0] == 1
    assert store.entries()[0].before == store.removed()


def test_what_was_sent_in_another_run_before_is_no_cursor(store):
    store.begin()
    store.publish("a", 1, [update(b"u", flags=AGAIN), update(b"v")])
    assert store.find(b"u") is None and store.find(b"v") is not None


def test_a_long_history_is_cut_in_slices_and_says_that_there_is_more(store):
    store.bounds = (4_200_000, 1 << 30, 1 << 40)
    store.begin()
    for i in range(46):
        store.publish("a", 1 + i, [update(b"u%d" % i, b"x" * 100_000)])
    assert store.removed()[0] == store.opened, "a cut across runs is made at once"
    removed, calls, more = None, 0, 1
    while more:
        _, _, more, events, held, _ = store.publish("a", 47, [], bounds=(400_000, 1 << 30, 1 << 40))
        assert held <= 400_000 and removed in (None, store.removed())
        removed, calls = store.removed(), calls + 1
    assert calls > 2 and [e.at for e in store.entries()][0] > removed and len(store.entries()) == events


def test_an_update_larger_than_the_bound_is_held_until_the_next(store):
    store.bounds = (100_000, 1 << 30, 1 << 40)
    store.begin()
    store.publish("a", 1, [update(b"small")])
    store.publish("a", 2, [update(b"big", b"x" * 10_000_000)])
    assert [e.id for e in store.entries() if e.at > store.removed()] == [b"small", b"big"]
    number = 3
    while store.publish("a", number, [update(b"next")] if number == 3 else [])[2]:
        number = 4
    assert [e.id for e in store.entries() if e.at > store.removed()] == [b"next"]


def filled(store, count=60, chosen=()):
    """Updates of two nodes, numbered for each, some with ids that come again."""
    store.begin()
    for i in range(count):
        id, flags = (chosen[i % len(chosen)], CHOSEN) if chosen and i % 3 == 0 else (b"u%d" % i, 0)
        store.publish("ab"[i % 2], 1 + i // 2, [update(id, flags=flags)])


@pytest.mark.parametrize("parts", [[(0, 60)], [(0, 45), (20, 60)], [(20, 60), (0, 45)], [(31, 32), (30, 60)]],
                         ids=["one", "two", "the later first", "a little"])
def test_a_lost_tail_is_put_back_by_whoever_has_what_part_of_it(store, parts):
    store.bounds = (1 << 30, 160, 1 << 40)  # several segments
    filled(store, 30, [b"c0", b"c1"])
    saved = store.save()
    for i in range(30, 60):
        store.publish("ab"[i % 2], 1 + i // 2, [update(b"c1", flags=CHOSEN) if i % 10 == 0 else update(b"u%d" % i)])
    every, first_run = store.entries(), store.opened
    ids = {e.id for e in every}
    found = {id: store.find(id) for id in ids}
    store.restore(saved)
    assert store.join("two", heal=60_000)[0] == b"healing" and len(store.entries()) == 30
    with pytest.raises(Refused, match="RUN"):
        store.publish("a", 31, [update(b"new")])
    for begin, end in parts * 2:
        heal(store, "two", every[begin:end])
    assert [(e.at, e.fields) for e in store.entries()] == [(e.at, e.fields) for e in every]
    store.server.call("HSET", "{t}:h", "until", 0)
    assert store.open("two") == every[-1].at and store.opened > first_run
    assert {id: store.find(id) for id in ids} == found
    # What was put back counts as had; what is new names what was put back.
    assert store.publish("a", 29, [update(b"u56"), update(b"u58"), update(b"fresh")])[0] == 1
    assert store.entries()[-1].before == every[-1].at and len(store.entries()) == 61


BEGIN, END, OTHER_DIALECT = 4, 8, 32


def active(store):
    return store.server.call("HGETALL", "{t}:r")


def test_who_is_active_changes_with_the_begin_and_the_end_and_an_end_of_nobody_is_none(store):
    store.begin()

    def tell(number, flags, topics, event=b"document"):
        return store.publish("a", number, [(flags, b"u%d" % number, topics, event)])[:2]

    wrote, at = tell(1, BEGIN, b"3:/s/mark")
    assert wrote == 1 and active(store) == [b"0/s/", at + b" a mark document"]
    wrote, other = tell(2, BEGIN | OTHER_DIALECT, b"3:/s/mark")
    assert wrote == 1 and dict(zip(active(store)[::2], active(store)[1::2]))[b"1/s/"] == other + b" a mark document"
    wrote, end = tell(3, END, b"3:/s/")
    assert wrote == 1 and active(store) == [b"1/s/", other + b" a mark document"]
    assert tell(4, END, b"3:/s/") == [0, end] and len(store.entries()) == 3, "somebody else has ended it"
    # A batch in which one is passed over has the rest, in order, and is had when it comes again.
    batch = [(END, b"v1", b"1:x", b"e"), (0, b"v2", b"1:t", b"e"), (END | OTHER_DIALECT, b"v3", b"3:/s/", b"e"), (END | OTHER_DIALECT, b"v4", b"3:/s/", b"e")]
    wrote, at, *_ = store.publish("a", 5, batch)
    assert wrote == 2 and [e.id for e in store.entries()][3:] == [b"v2", b"v3"] and active(store) == []
    assert store.publish("a", 5, batch)[:2] == [0, at]


def test_what_is_put_back_changes_who_is_active_as_it_did(store):
    store.begin()
    store.publish("a", 1, [(BEGIN, b"b%d" % i, b"2:s%dm" % i, b"d") for i in range(4)])
    saved = store.save()
    store.publish("b", 1, [(END, b"e0", b"2:s0", b"d"), (BEGIN, b"b8", b"2:s8m", b"d"), (END, b"e8", b"2:s8", b"d"), (BEGIN, b"b9", b"2:s9m", b"d")])
    every, there = store.entries(), sorted(active(store))
    assert len(there) == 8
    store.restore(saved)
    store.join("two", heal=60_000)
    assert heal(store, "two", every[2:])[0] == 4 and sorted(active(store)) == there


def test_what_is_put_back_of_several_runs_keeps_them_apart(store):
    filled(store, 10)
    saved = store.save()
    for run in range(3):
        store.join(f"server {run}")
        store.open(f"server {run}")
        store.publish("a", 6 + run, [update(b"r%d" % run)])
    every, last = store.entries(), store.opened
    store.restore(saved)
    store.join("other", heal=60_000)
    assert heal(store, "other", every)[0] == 3
    store.server.call("HSET", "{t}:h", "until", 0)
    store.open("other")
    assert store.opened > last and [store.find(b"r%d" % i) for i in range(3)] == [e.at for e in every[-3:]]


def test_what_belongs_to_another_line_is_not_put_back(store):
    filled(store, 10)
    saved, shared = store.save(), store.entries()
    store.publish("a", 6, [update(b"lost")])
    lost = store.entries()[-1]
    store.restore(saved)
    store.join("two")
    store.open("two")
    store.publish("b", 6, [update(b"kept")])
    store.join("three", heal=60_000)
    assert heal(store, "three", [*shared[5:], lost]) == (0, store.entries()[-1].at)
    assert [e.id for e in store.entries()][-1] == b"kept"


@pytest.mark.parametrize("lost", ["FLUSHALL", "head"])
def test_a_store_that_was_emptied_begins_with_what_the_first_hub_holds(store, lost):
    filled(store, 60)
    every, last = store.entries(), store.opened
    store.server.call(*(["FLUSHALL"] if lost == "FLUSHALL" else ["DEL", "{t}:h"]))
    with pytest.raises(Refused, match="RUN"):
        store.publish("a", 31, [update(b"new")])
    state, _, _, _, key, empty = store.join("one", heal=60_000, taken=every[-1].at, key=b"f" * 32)
    assert (state, key, empty) == (b"healing", b"f" * 32, 1)
    assert heal(store, "one", every[40:50])[0] == 10
    assert heal(store, "one", every[20:60])[0] == 10, "what is behind the end alone"
    store.server.call("HSET", "{t}:h", "until", 0)
    store.open("one", taken_run=last)
    assert store.opened > last and store.removed() == every[39].at
    assert [e.at for e in store.entries()] == [e.at for e in every[40:]]
    assert store.find(b"u39") is None and store.find(b"u40") == every[40].at
    assert store.find(at=every[39].at) == every[39].at and store.find(at=every[38].at) is None
    assert store.publish("a", 30, [update(b"u58"), update(b"fresh")])[0] == 1


def test_a_run_is_later_than_any_that_whoever_opens_or_puts_back_has_seen(store):
    ahead = int(time.time() * 1000) + 10**9  # the clock of another server
    store.join()
    store.open(taken_run=ahead)
    assert store.opened == ahead + 1
    saved = store.save()
    store.publish("a", 1, [update(b"u")])
    every = store.entries()
    store.join("two")
    store.open("two")
    second = store.opened
    assert second > ahead + 1, "though nothing was published"
    late = store.save()
    store.restore(saved)
    store.restore(late)
    store.join("three", heal=60_000)
    heal(store, "three", every)
    assert int(store.head("run")[0]) >= second, "a record of an earlier run does not lower it"


def test_who_is_of_another_run_or_has_seen_more_than_there_is_writes_nothing(store):
    filled(store, 4)
    at = store.entries()[-1].at
    for words, said in ((dict(run=store.opened - 1), "RUN"), (dict(seen=at[1] + 1), "BEHIND")):
        with pytest.raises(Refused, match=said):
            store.publish("a", 3, [update(b"new")], **words)
    assert store.publish("a", 3, [update(b"new")], seen=at[1])[0] == 1
    assert store.join(taken=(at[0], at[1] + 1000), heal=60_000)[0] == b"healing", "a hub has taken what is not there"
    with pytest.raises(Refused, match="RUN"):
        store.run("find", store.opened, b"new", b"")


def test_a_stream_that_has_lost_entries_under_its_head_is_found_empty(store):
    filled(store, 10)
    store.server.call("DEL", "{t}:s")
    with pytest.raises(Refused, match="RUN"):
        store.publish("a", 6, [])
    assert store.server.call("KEYS", "*") == []


def test_a_head_that_does_not_know_the_last_entries_is_repaired_from_the_stream(store):
    filled(store, 10)
    end, at = store.entries()[-1].at, store.entries()[4].at
    store.server.call("HSET", "{t}:h", "end", text(at), "at", at[1])
    with pytest.raises(Refused, match="equal or smaller"):
        store.publish("a", 6, [update(b"new")])
    assert place(store.join("one:nonce")[2]) == end


def test_a_store_of_another_format_is_not_touched(store):
    filled(store, 2)
    store.server.call("HSET", "{t}:h", "v", 2)
    with pytest.raises(Refused, match="FORMAT 2"):
        store.join("two")
