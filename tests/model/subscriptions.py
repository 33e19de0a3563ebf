#!/usr/bin/env python3
"""Active subscriptions as DESIGN.md has them, every order of every step (sections 1 and 8).

Streams begin and die, publishers publish, a committer writes batches into two stores that share one
order of positions, workers take batches, ends are held back, retention takes the oldest of each
store, commits fail, the hub is killed or stopped, and an observer walks the collection and goes on
from its cursor. All reachable states are visited; in each must hold:

 - an end once, behind its begin, and none for what did not begin;
 - the registry, and what a walk in pieces brings, is the fold of the order up to its position;
 - an observer that has read up to a position believes that fold, or was told that something is gone;
 - a cursor that the hub gave is never found and gone at once, or unknown, for ever;
 - who begins again before the old end was asked for is never away in between;
 - where nothing moves any more, only what is open is active, and nothing is left reserved.

Each decision is a setting; `READINGS` has the other readings of the same sentences and what each of
them breaks, so that the model is known to see it.

    subscriptions.py            the design whole, and every other reading: seconds
    subscriptions.py --deep     larger bounds: an hour of CPython, minutes of PyPy
    subscriptions.py NAME ...   these alone
"""

import sys
from collections import deque, namedtuple

from readings import tell

PUBLISHED, OWN = 0, 1  # the stores
NONE, ASKED, DEAD_ASKED, OPEN, GONE = range(5)  # a stream
NOT_YET, BEGUN, HELD_BACK, ENDING, ENDED = range(5)  # an active subscription
AWAY, WALKING, KNOWING, CONNECTED = range(4)  # the observer

State = namedtuple(
    "State",
    "log D queue batch ghosts removed removed_id streams actives reserved taken promised carrying "
    "booted stopping observer published crashes stops failures carries leaves",
)
Observer = namedtuple("Observer", "phase cursor believes at position excused needs")
NOBODY = Observer(AWAY, 0, None, 0, 0, (0, 0), False)

BOUNDS = dict(streams=2, matchers=1, workers=2, publishes=1, crashes=0, stops=0, failures=0,
              carries=0, leaves=1, keep=(9, 9), observe=True, states=10**9)
DESIGN = dict(
    failed="batch",      # a batch fails in both stores | store: the other's half stands
    cut="both",          # what failed is cut off before anything later is shown | own: before the
                         # next commit of that store
    reads="joint",       # up to what both stores have committed | each: its own
    find="judged",       # a cursor is judged against both stores | held: found where it is held
    excuse="once",       # what was told to be gone is so up to then | open: whatever goes meanwhile
    removed="visible",   # hidden records that go are no loss | any
    removed_id="visible",
    carry="committer",   # begins are carried in order with their ends | stale | none
    ends="in line",      # behind what was asked for before | overtake
    release="later",     # by a begin behind its own | any: also by its own
    died_asking="ends",  # its end goes behind its begin | forgets
    end_failed="again",  # | dropped
    restart="ends",      # what a crash left open is ended before anybody connects | late
    stop="adopts",       # what was open at a stop is held back by the next run | forgets
    walk="as of",        # one position | now
    restored="reserved", # what a start finds has its room | free
)


class Broken(Exception):
    pass


def put(t, i, value):
    return t[:i] + (value,) + t[i + 1:]


def store_of(entry):
    return PUBLISHED if entry[0] == "P" else OWN


def is_visible(entry):
    return entry[0] in "PBE"


def fold(log, upto, begin=0, into=()):
    active = set(into)
    for kind, who in log[begin:upto]:
        if kind in "BC":
            active.add(who)
        elif kind == "E":
            active.discard(who)
    return frozenset(active)


class Model:
    def __init__(self, **settings):
        unknown = set(settings) - set(BOUNDS) - set(DESIGN)
        assert not unknown, unknown
        self.__dict__.update(BOUNDS | DESIGN | settings)

    def first(self):
        return State(
            log=(), D=0, queue=(), batch=None, ghosts=((), ()), removed=(None, None), removed_id=(0, 0),
            streams=((NONE, 0, 0),) * self.streams,
            actives=((NOT_YET, 0, 0),) * (self.streams * self.matchers),
            reserved=frozenset(), taken=(0,) * self.workers, promised=frozenset(), carrying=None,
            booted=True, stopping=False, observer=NOBODY, published=0, crashes=0, stops=0,
            failures=0, carries=0, leaves=0)

    def of_stream(self, s):
        return range(s * self.matchers, (s + 1) * self.matchers)

    def next(self, s):
        """(what happens, the state then, does it go on by itself)"""
        yield from self.committing(s)
        yield from self.departing(s)
        for worker in range(self.workers):
            if s.taken[worker] < s.D:
                yield f"worker {worker} takes up to {s.D}", self.take(s, worker), True
        yield from self.retention(s)
        if s.booted and not s.stopping:
            yield from self.coming_and_going(s)
        if s.booted and self.observe:
            yield from self.observing(s)
        yield from self.restarting(s)

    # --- who comes and goes

    def ask(self, s, item):
        """Behind what waits; what comes behind a stop is refused."""
        if s.stopping:
            return s
        if self.ends == "overtake" and item[0] == "E":
            return s._replace(queue=(item,) + s.queue)
        return s._replace(queue=s.queue + (item,))

    def coming_and_going(self, s):
        if s.published < self.publishes:
            yield (f"publish {s.published}",
                   self.ask(s, ("P", s.published))._replace(published=s.published + 1), False)
        for i, (phase, worker, done) in enumerate(s.streams):
            if phase == NONE and i == next(j for j, x in enumerate(s.streams) if x[0] == NONE):
                # All streams are of one person, and the same matchers of one are the same.
                promised = s.promised | {
                    (new, old) for new in self.of_stream(i) for old, a in enumerate(s.actives)
                    if old % self.matchers == new % self.matchers and a[0] in (BEGUN, HELD_BACK)}
                for w in range(self.workers):
                    n = self.ask(s, ("B", i))
                    yield (f"stream {i} of worker {w} asks", n._replace(
                        streams=put(s.streams, i, (ASKED, w, 0)), promised=promised,
                        reserved=s.reserved | set(self.of_stream(i))), False)
            if phase == ASKED:
                yield f"stream {i} dies unanswered", s._replace(
                    streams=put(s.streams, i, (DEAD_ASKED, worker, done))), False
            if phase == OPEN:
                yield f"stream {i} dies", self.depart(s, i), False

    def depart(self, s, i):
        worker = s.streams[i][1]
        actives = s.actives
        for a in self.of_stream(i):
            if actives[a][0] == BEGUN:
                actives = put(actives, a, (HELD_BACK, worker, actives[a][2]))
        return s._replace(streams=put(s.streams, i, (GONE, worker, 0)), actives=actives)

    def departing(self, s):
        for a, (state, worker, begun) in enumerate(s.actives):
            if state == HELD_BACK and s.booted and not s.stopping:
                yield f"the end of {a} is due", self.end(s, a), True

    def end(self, s, a):
        if s.stopping:
            return s
        state, worker, begun = s.actives[a]
        return self.ask(s, ("E", a))._replace(actives=put(s.actives, a, (ENDING, worker, begun)))

    def take(self, s, worker):
        """A batch passes a worker: who is held back there and has begun again is let go."""
        for position in range(s.taken[worker] + 1, s.D + 1):
            kind, who = s.log[position - 1]
            if kind != "B":
                continue
            for a, (state, at, begun) in enumerate(s.actives):
                same = a % self.matchers == who % self.matchers
                if state == HELD_BACK and at == worker and same and (
                        self.release == "any" or position > begun):
                    if position <= begun:
                        raise Broken(f"the end of {a} is let go by its own begin")
                    s = self.end(s, a)
        return s._replace(taken=put(s.taken, worker, s.D))

    # --- commits

    def committing(self, s):
        if s.batch is None:
            for count in {1, len(s.queue)} if s.queue else ():
                yield from self.written(s, count)
            if s.carrying is not None:
                n = self.write(s, (("C", s.carrying),))
                yield f"carried: {s.carrying}", n._replace(carrying=None), True
            if not s.booted and not s.queue:
                yield "started", s._replace(booted=True), True
            return
        for store in (PUBLISHED, OWN):
            if s.batch[store] == "written":
                yield f"store {store} syncs", self.synced(s, store, "synced"), True
                if s.failures < self.failures:
                    n = self.synced(s._replace(failures=s.failures + 1), store, "failed")
                    yield f"store {store} fails", n, True

    def written(self, s, count):
        """The first `count` of what waits; of the last, if it is a group, perhaps a part."""
        entries = []
        for item in s.queue[:count]:
            begun = s.streams[item[1]][2] if item[0] == "B" else 0
            entries.append([("B", a) for a in self.of_stream(item[1])][begun:]
                           if item[0] == "B" else [item])
        whole = tuple(e for group in entries for e in group)
        n = self.write(s, whole)
        yield f"written: {whole}", n._replace(queue=s.queue[count:]), True
        if len(entries[-1]) > 1:
            n = self.write(s, whole[:-1])
            yield f"written: {whole[:-1]}, a part", n._replace(queue=s.queue[count - 1:]), True

    def write(self, s, entries):
        batch = ["", ""]
        ghosts = list(s.ghosts)
        for entry in entries:
            batch[store_of(entry)] = "written"
        for store in (PUBLISHED, OWN):
            if self.cut == "both" or batch[store]:
                ghosts[store] = ()
        return s._replace(log=s.log + entries, batch=tuple(batch), ghosts=tuple(ghosts))

    def synced(self, s, store, how):
        s = s._replace(batch=put(s.batch, store, how))
        return s if "written" in s.batch else self.commit(s)

    def commit(self, s):
        """What became of a batch: answers, and the registry; then it is seen."""
        failed = {i for i in (PUBLISHED, OWN) if s.batch[i] == "failed"}
        if failed and self.failed == "batch":
            failed = {PUBLISHED, OWN}
        log, ghosts = list(s.log), list(s.ghosts)
        answers = []
        for position in range(s.D, len(log)):
            entry = log[position]
            ok = store_of(entry) not in failed
            answers.append((entry, ok, position + 1))
            if not ok:
                log[position] = ("X", 0)
                ghosts[store_of(entry)] += ((position, entry),)
        s = s._replace(log=tuple(log), D=len(log), batch=None, ghosts=tuple(ghosts))
        for entry, ok, position in answers:
            s = self.answer(s, entry, ok, position)
        return s

    def answer(self, s, entry, ok, position):
        kind, who = entry
        if kind == "B":
            return self.answer_begin(s, who, ok, position)
        if kind == "E":
            if not ok:
                state = HELD_BACK if self.end_failed == "again" else ENDED
                if not s.booted:
                    return self.ask(s, entry)  # a start that fails is made again
                return s._replace(actives=put(s.actives, who, (state,) + s.actives[who][1:]))
            if s.log[:s.D].count(("E", who)) != 1 or ("B", who) not in s.log[:position]:
                raise Broken(f"not the one end behind its begin: {who}")
            if who not in s.reserved:
                raise Broken(f"what {who} had reserved is given back twice")
            return s._replace(actives=put(s.actives, who, (ENDED, 0, 0)),
                              reserved=s.reserved - {who})
        return s

    def answer_begin(self, s, a, ok, position):
        i = a // self.matchers
        phase, worker, done = s.streams[i]
        if ok:
            for new, old in s.promised:
                if new == a and ("E", old) in s.log[:position]:
                    raise Broken(f"{old} ended before {a} began, which was asked for before")
            s = s._replace(actives=put(s.actives, a, (BEGUN, worker, position)))
        else:
            s = s._replace(reserved=s.reserved - {a})
        done += 1
        s = s._replace(streams=put(s.streams, i, (phase, worker, done)))
        if done < self.matchers:
            return s
        begun = all(s.actives[x][0] == BEGUN for x in self.of_stream(i))
        if phase == ASKED and begun:
            return s._replace(streams=put(s.streams, i, (OPEN, worker, done)))
        if phase == DEAD_ASKED and self.died_asking == "forgets":
            return s._replace(streams=put(s.streams, i, (GONE, worker, 0)))
        return self.depart(s, i)

    # --- retention

    def retention(self, s):
        for store in (PUBLISHED, OWN):
            upto = self.gone_to(s, store)
            held = [p for p in range(upto + 1, s.D + 1)
                    if s.log[p - 1][0] != "X" and store_of(s.log[p - 1]) == store]
            if len(held) <= self.keep[store]:
                continue
            oldest, (kind, who) = held[0], s.log[held[0] - 1]
            needed = kind in "BC" and who in fold(s.log, s.D) and \
                ("C", who) not in s.log[oldest:s.D]
            if needed and self.carry != "none":
                if s.carries < self.carries and s.carrying is None and (
                        s.batch is None or self.carry == "stale"):
                    n = s._replace(carrying=who, carries=s.carries + 1)
                    if self.carry == "stale":
                        yield f"to be carried: {who}", n, False
                    else:
                        n = self.write(n._replace(carrying=None), (("C", who),))
                        yield f"carried: {who}", n, False
                continue
            removed, removed_id, visible = s.removed, s.removed_id, is_visible((kind, who))
            removed = put(removed, store, (oldest, oldest if visible or self.removed == "any"
                                           else self.judged(s, store)))
            if visible or self.removed_id == "any":
                removed_id = put(removed_id, store, oldest)
            yield f"{kind}{who} at {oldest} is removed", s._replace(
                removed=removed, removed_id=removed_id), False

    @staticmethod
    def gone_to(s, store):
        return s.removed[store][0] if s.removed[store] else 0

    @staticmethod
    def judged(s, store):
        """`removed`: whoever stands before it has missed something."""
        return s.removed[store][1] if s.removed[store] else 0

    # --- the end of a run, and the next one

    def restarting(self, s):
        if s.stops < self.stops and s.booted and not s.stopping:
            n = s._replace(queue=s.queue + (("S", 0),), stopping=True, stops=s.stops + 1)
            yield "the hub is to stop", n, False
        if s.stopping and not s.queue and s.batch is None:
            yield "stopped, and started", self.start(s, s.log), True
        if s.crashes >= self.crashes:
            return
        # What was not synced is there whole, in a part of the stores, or not at all.
        pending = [i for i in (PUBLISHED, OWN)
                   if s.ghosts[i] or (s.batch and s.batch[i] in ("written", "failed"))]
        for kept in range(1 << len(pending)):
            keeps = [i for n, i in enumerate(pending) if kept >> n & 1]
            n = self.start(s, self.left(s, pending, keeps))
            yield f"CRASH, of {pending} kept {keeps}", n._replace(crashes=s.crashes + 1), False

    @staticmethod
    def left(s, pending, keeps):
        log = list(s.log)
        for position in range(s.D, len(log)):
            store = store_of(log[position])
            if store in pending and store not in keeps:
                log[position] = ("X", 0)
        for store in keeps:
            for position, entry in s.ghosts[store]:
                log[position] = entry
        return tuple(log)

    def start(self, s, log):
        own = [e for e in log[self.gone_to(s, OWN):] if e[0] != "X" and store_of(e) == OWN]
        was_stopped = bool(own) and own[-1][0] == "S"
        active = fold(own, len(own))
        if active != fold(log, len(log)):
            raise Broken("after a start %s are active, in truth %s" %
                         (sorted(active), sorted(fold(log, len(log)))))
        actives = tuple(
            (NOT_YET, 0, 0) if ("B", a) not in log else
            (ENDED, 0, 0) if a not in active else
            (HELD_BACK if was_stopped else ENDING, 0, log.index(("B", a)) + 1)
            for a in range(len(s.actives)))
        queue = tuple(("E", a) for a in sorted(active))
        if was_stopped:
            queue = ()
            if self.stop == "forgets":
                actives = tuple((ENDED, 0, 0) if a in active else x for a, x in enumerate(actives))
        for a in active:
            if log.count(("E", a)) or log.count(("B", a)) != 1:
                raise Broken(f"{a} has an end, or another begin, that the start does not know")
        o = s.observer
        if o.phase in (WALKING, CONNECTED):
            o = o._replace(phase=KNOWING if o.phase == CONNECTED and not o.needs else AWAY)
        return s._replace(
            log=log, D=len(log), queue=queue, batch=None, ghosts=((), ()),
            streams=tuple((NONE, 0, 0) if x[0] == NONE else (GONE, 0, 0) for x in s.streams),
            actives=actives, reserved=active if self.restored == "reserved" else frozenset(),
            taken=(len(log),) * self.workers, promised=frozenset(), carrying=None,
            booted=was_stopped or not queue or self.restart == "late", stopping=False, observer=o)

    # --- the observer

    def newest(self, s):
        """The id that the collection names: the last that anybody may have seen."""
        return next((p for p in range(s.D, 0, -1) if is_visible(s.log[p - 1])), 0)

    def observing(self, s):
        o = s.observer
        if o.phase == AWAY and s.D:
            yield "the observer asks who is there", s._replace(observer=o._replace(
                phase=WALKING, cursor=self.newest(s), believes=frozenset(), at=s.D,
                position=0)), False
        elif o.phase == WALKING:
            yield self.walk_on(s, o)
        elif o.phase == KNOWING and o.cursor:
            yield self.connect(s, o)
        elif o.phase == CONNECTED:
            yield from self.read(s, o)

    def walk_on(self, s, o):
        """A piece of one; `position` counts them here."""
        a = o.position
        is_active = a in fold(s.log, o.at if self.walk == "as of" else s.D)
        o = o._replace(position=a + 1, believes=o.believes | {a} if is_active else o.believes)
        if o.position == len(s.actives):
            if o.believes != fold(s.log, o.at):
                raise Broken(f"a walk as of {o.at} brought {sorted(o.believes)}")
            o = o._replace(phase=KNOWING)
        return f"the walk comes to {a}", s._replace(observer=o), False

    def connect(self, s, o):
        store = store_of(s.log[o.cursor - 1])
        marks = (self.judged(s, PUBLISHED), self.judged(s, OWN))
        found = o.cursor > self.gone_to(s, store) or o.cursor == s.removed_id[store]
        newest = o.cursor == self.newest(s)
        lost = any(o.cursor < mark for mark in marks)
        if not found or lost:
            if newest:
                raise Broken(f"the collection names {o.cursor}, which counts as lost: for ever")
        if not found:
            return "the observer is told: unknown", s._replace(observer=NOBODY), False
        if lost and self.find == "held":
            raise Broken(f"the cursor {o.cursor} is found, and gone at once: for ever")
        if not lost and o.cursor >= o.at and o.believes != fold(s.log, o.cursor):
            raise Broken(f"back at {o.cursor} the observer believes {sorted(o.believes)}, in truth "
                         f"{sorted(fold(s.log, o.cursor))}: for ever")
        n = o._replace(phase=CONNECTED, position=o.cursor, excused=marks if lost else (0, 0),
                       needs=lost)
        return f"the observer goes on from {o.cursor}", s._replace(observer=n), False

    def readable(self, s):
        if self.reads == "joint" or s.batch is None:
            return s.D
        return next((p for p in range(s.D, len(s.log))
                     if s.batch[store_of(s.log[p])] != "synced"
                     and store_of(s.log[p]) == PUBLISHED), len(s.log))

    def read(self, s, o):
        if o.needs:
            yield "the observer was told, and asks who is there", s._replace(observer=o._replace(
                needs=False, at=s.D, believes=fold(s.log, s.D))), False
        if s.leaves < self.leaves:
            yield "the observer leaves", s._replace(
                observer=o._replace(phase=AWAY) if o.needs else o._replace(phase=KNOWING),
                leaves=s.leaves + 1), False
        excuse = (s.D, s.D) if self.excuse == "open" and any(o.excused) else o.excused
        if any(o.position < self.judged(s, i) and self.judged(s, i) > excuse[i]
               for i in (PUBLISHED, OWN)):
            yield "the observer is overtaken, and ends", s._replace(
                observer=o._replace(phase=AWAY) if o.needs else o._replace(phase=KNOWING)), False
            return
        for upto in {o.position + 1, self.readable(s)}:
            if o.position < upto <= self.readable(s):
                yield f"the observer reads up to {upto}", self.piece(s, o, upto), False

    def piece(self, s, o, upto):
        believes, cursor = o.believes or frozenset(), o.cursor
        for p in range(o.position + 1, upto + 1):
            entry = s.log[p - 1]
            store = store_of(entry)
            there = p > self.gone_to(s, store) and is_visible(entry)
            if self.reads == "each" and p > s.D:
                there = there and s.batch[store] == "synced"
            if there:
                believes, cursor = fold([entry], 1, 0, believes), p
        o = o._replace(position=upto, believes=believes, cursor=cursor)
        if not o.needs and upto >= o.at and believes != fold(s.log, upto):
            raise Broken(f"at {upto} the observer believes {sorted(believes)}, in truth "
                         f"{sorted(fold(s.log, upto))}")
        return s._replace(observer=o)

    # --- all of it

    def at_rest(self, s):
        if not s.booted:
            raise Broken("a start never ends")
        if s.stopping:
            return
        here = {a for i, x in enumerate(s.streams) if x[0] == OPEN for a in self.of_stream(i)}
        if fold(s.log, s.D) != here:
            raise Broken(f"active for ever: {sorted(fold(s.log, s.D) - here)}")
        if s.reserved != here:
            raise Broken(f"reserved for ever: {sorted(s.reserved - here)}")

    def check(self):
        """(None or what is broken, how it came to it, how many states)"""
        first = self.first()
        came, todo = {first: None}, deque([first])
        while todo and len(came) < self.states:
            s = todo.popleft()
            try:
                goes_on = False
                for what, n, by_itself in self.next(s):
                    goes_on = goes_on or by_itself
                    if n not in came:
                        came[n] = (s, what)
                        todo.append(n)
                if not goes_on:
                    self.at_rest(s)
            except Broken as broken:
                way = []
                while came[s]:
                    s, what = came[s]
                    way.append(what)
                return str(broken), way[::-1], len(came)
        return None, [], len(came)


# The design, in parts that are each looked through whole.
WHOLE = {
    "coming_and_going": dict(publishes=0, observe=False),
    "groups": dict(streams=1, matchers=2, publishes=0, failures=1, workers=1, observe=False),
    "crash": dict(streams=1, workers=2, crashes=1),
    "failing": dict(streams=1, workers=1, failures=1, crashes=1, leaves=0),
    "stop": dict(streams=1, workers=1, stops=1, crashes=1, publishes=0),
    "retention": dict(streams=1, workers=1, keep=(0, 1), carries=2),
    "retention_crash": dict(streams=1, workers=1, publishes=0, keep=(0, 1), carries=2, crashes=1),
}
DEEP = {
    "again_and_again": dict(streams=3, publishes=0, observe=False),
    "two_observed": dict(),
    "two_groups": dict(matchers=2, publishes=0, failures=1, workers=1, observe=False),
    "two_crashes": dict(streams=1, workers=1, crashes=2, failures=1),
    "two_failures": dict(workers=1, streams=1, failures=2, crashes=1),
    "two_and_a_crash": dict(workers=1, crashes=1, leaves=0),
    "two_and_a_stop": dict(workers=1, stops=1, crashes=1, publishes=0),
    "two_and_retention": dict(workers=1, publishes=1, keep=(0, 1), carries=2),
    "all_of_it": dict(streams=1, workers=1, crashes=1, stops=1, failures=1, keep=(0, 1), carries=2),
}
# Every other reading, and where it shows.
READINGS = {
    "failed=store": dict(failed="store", workers=1, streams=1, failures=1, crashes=1),
    "cut=own": dict(cut="own", workers=1, streams=1, failures=1, crashes=1),
    "reads=each": dict(reads="each", workers=1, streams=1),
    "find=held": dict(find="held", workers=1, streams=1, keep=(9, 1)),
    "excuse=open": dict(excuse="open", workers=1, streams=1, keep=(9, 0), carries=1, leaves=0),
    "removed=any": dict(removed="any", workers=1, streams=1, keep=(9, 0), carries=2),
    "removed_id=any": dict(removed_id="any", workers=1, streams=1, keep=(9, 0), carries=2,
                           publishes=0),
    "carry=stale": dict(carry="stale", workers=1, streams=1, publishes=2, keep=(9, 0), carries=1,
                        observe=False),
    "carry=none": dict(carry="none", workers=1, streams=1, keep=(9, 0), crashes=1, observe=False),
    "ends=overtake": dict(ends="overtake", workers=1, publishes=0, observe=False),
    "release=any": dict(release="any", workers=1, streams=1, publishes=0, observe=False),
    "died_asking=forgets": dict(died_asking="forgets", workers=1, streams=1, observe=False),
    "end_failed=dropped": dict(end_failed="dropped", workers=1, streams=1, failures=1,
                               observe=False),
    "stop=forgets": dict(stop="forgets", workers=1, streams=1, stops=1, observe=False),
    "walk=now": dict(walk="now", workers=1),
    "restored=free": dict(restored="free", workers=1, streams=1, crashes=1, observe=False),
}


if __name__ == "__main__":
    sys.exit(tell(Model, WHOLE, DEEP, READINGS, sys.argv[1:]))
