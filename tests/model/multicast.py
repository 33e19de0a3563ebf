#!/usr/bin/env python3
"""Deliveries over the multicast wire (PROTOCOL.md), every order of every step.

Clients come to a front that shares one connection (a link) with the hub for all its streams; each
link is a worker's. Publishers publish, batches are matched and collected into one record for all
who get an event, a link is full, a client's socket is full (PAUSE, PAUSED, RESUME), streams catch
up by records of their own, marks go by, heartbeats too; streams end, clients leave, their numbers
are used again; retention takes the oldest; a link is cut, the hub is killed or stopped, with and
without a lost tail, and the front re-attaches every stream. All reachable states are visited; in
each must hold:

 - what a client is sent is the order of what matches it: nothing lost, doubled, reordered or torn,
   whoever is re-attached included; nothing before it is committed;
 - what cannot be gone on with is told: the stream ends, it never skips;
 - no record for a number reaches the stream that has it next;
 - where nothing moves any more, everybody has everything, nobody is paused, and the front would
   re-attach each stream behind the last commit.

Each decision is a setting; `READINGS` has the other readings of the same sentences and what each of
them breaks, so that the model is known to see it.

    multicast.py            the design whole, and every other reading: seconds
    multicast.py --deep     larger bounds: an hour of CPython, minutes of PyPy
    multicast.py NAME ...   these alone
"""

import itertools
import sys
from collections import deque, namedtuple

from readings import tell

NO, LOOKING, LOOKING_PAUSED, CATCHING_UP, LIVE, PAUSED = range(6)  # a stream in the hub
FREE, BEGUN, OPEN, LEFT = range(4)  # and in the front
UP, ENDING, OFF = range(3)  # a link; ENDING: what was sent is still read
LOST = -1  # in the order: an update that a crash has taken
WHOLE, HALF, NONE = 2, 1, 0  # of an event

State = namedtuple("State", "log D synced removed links budget")
Link = namedtuple("Link", "phase taken pending down up marked hub front")
Hub = namedtuple("Hub", "state position half told born")  # told: MARK of its own was sent
Front = namedtuple("Front", "state place part covered paused acked rest born client")
Client = namedtuple("Client", "last part")

NOBODY = Hub(NO, 0, 0, False, 0)
NO_PLACE = -1

BOUNDS = dict(
    links=(2,),          # streams of each
    publishes=2, batch=2, masks=(3, 1, 0), room=1, keep=9, parts=False, earliest=True, comes=2,
    stalls=0, leaves=0, ends=0, beats=0, cuts=0, crashes=0, stops=0, ids="own", synced=True,
    states=10**9)
DESIGN = dict(
    seen="committed",    # by a worker | written
    cursor="place",      # of who is re-attached | id: of the update there
    gone="ends",         # a place that is gone or not known yet | live: from now on
    torn="ends",         # the rest of an event that is gone | skips
    covered="told",      # marks count from the stream's own MARK on | begin: from BEGIN on
    resumed="told",      # and again after RESUME | covered
    own_mark="sent",     # | never
    marks="withheld",    # while a covered stream is behind | any
    ahead="waits",       # who is ahead of its worker is LIVE when that is there | live: at once
    frames="own",        # the place of a record counts for its streams | link: for all covered
    no_cursor="first",   # its MARK, then its head | behind
    heartbeats="apart",  # no event, no place, the front keeps their rest | event
    beats_in="between",  # events | anywhere
    pause_takes=True,    # PAUSE takes the stream out of what is collected
    abort_takes=True,    # so does ABORT
    end_takes=True,      # and an end
    strays="silent",     # what concerns no stream is not answered | answered
    control="always",    # has room in a full link | dropped
    at_pause="before",   # of whom nothing was taken: the place before | record: this one's
    resume="acked",      # and written | early: without PAUSED
    rest="offset",       # of a half taken event: the hub sends it | kept: by the front
    torn_begins="paused",  # and tells in RESUME what it has of an event | whole: behind that event
    stop_mark="sent",    # what the link was sent | committed
)


class Broken(Exception):
    pass


def put(t, i, value):
    return t[:i] + (value,) + t[i + 1:]


class Model:
    def __init__(self, **settings):
        unknown = set(settings) - set(BOUNDS) - set(DESIGN)
        assert not unknown, unknown
        self.__dict__.update(BOUNDS | DESIGN | settings)
        self.first_of = [sum(self.links[:i]) for i in range(len(self.links))]

    SPENT = ("publishes", "comes", "stalls", "leaves", "ends", "beats", "cuts", "crashes", "stops")

    def first(self):
        return State((), 0, 0, 0, tuple(
            Link(UP, 0, (), (), (), 0, (NOBODY,) * n,
                 (Front(FREE, 0, 0, False, False, False, 0, 0, None),) * n) for n in self.links),
            tuple(getattr(self, name) for name in self.SPENT))

    def may(self, s, what):
        return s.budget[self.SPENT.index(what)] > 0

    def spend(self, s, what, count=1):
        i = self.SPENT.index(what)
        return s._replace(budget=put(s.budget, i, s.budget[i] - count))

    def bit(self, i, slot):
        return 1 << (self.first_of[i] + slot)

    def matches(self, s, q, i, slot):
        return s.log[q - 1] != LOST and bool(s.log[q - 1] & self.bit(i, slot))

    def next(self, s):
        """(what happens, the state then, does it go on by itself)"""
        yield from self.transport(s)
        for i, link in enumerate(s.links):
            if link.phase == UP:
                yield from self.worker(s, i, link)
                for slot in range(len(link.hub)):
                    yield from self.stream(s, i, link, slot)
                if link.up:
                    yield self.hub_reads(s, i, link)
            if link.down:
                yield from self.front_reads(s, i, link)
            if link.phase == OFF:
                yield from self.attach(s, i, link)
            for slot in range(len(link.front)):
                yield from self.client(s, i, link, slot)
        yield from self.breaking(s)

    # --- transport

    def transport(self, s):
        if s.D == len(s.log):
            for n in range(1, self.batch + 1):
                if s.budget[0] < n:
                    break
                for masks in itertools.product(self.masks, repeat=n):
                    w = self.spend(s._replace(log=s.log + masks), "publishes", n)
                    if self.seen == "committed" and not self.crashes:
                        w = self.commit(w)  # nobody could see what is between
                    yield f"written {masks}", w, False
        else:
            yield f"committed up to {len(s.log)}", self.commit(s), True
        if s.removed < s.D - self.keep:
            yield f"{s.removed + 1} is removed", s._replace(removed=s.removed + 1), False

    def commit(self, s):
        return s._replace(D=len(s.log), synced=len(s.log) if self.synced else s.synced)

    # --- the hub

    def with_link(self, s, i, link):
        return s._replace(links=put(s.links, i, link))

    def with_hub(self, link, slot, h):
        return link._replace(hub=put(link.hub, slot, h))

    def send(self, link, *record):
        return link._replace(down=link.down + (record,))

    def is_full(self, link):
        return sum(r[0] in ("EVENT", "BEAT") for r in link.down) >= self.room

    # --- the hub: a worker

    def worker(self, s, i, link):
        seen = s.D if self.seen == "committed" else len(s.log)
        if not link.pending and link.taken < seen:
            yield f"worker {i} matches up to {seen}", self.with_link(s, i, self.match(s, i, link, seen)), True
        if link.pending:
            yield self.write(s, i, link)
        if self.may_mark(link) and link.marked < link.taken:
            n = self.send(link, "MARK", link.taken)._replace(marked=link.taken)
            yield f"link {i}: mark {link.taken}", self.with_link(s, i, n), True
        if self.may(s, "beats") and not self.is_full(link):
            busy = {slot for q, slots, half in link.pending if half for slot in slots}
            to = tuple(slot for slot, h in enumerate(link.hub) if h.state == LIVE
                       and (self.beats_in == "anywhere" or slot not in busy))
            if to:
                n = self.send(link, "BEAT", link.taken, to)
                yield f"link {i}: heartbeat to {to}", self.spend(
                    self.with_link(s, i, n), "beats"), False

    def match(self, s, i, link, seen):
        pending = []
        for q in range(link.taken + 1, seen + 1):
            to = tuple(slot for slot, h in enumerate(link.hub)
                       if h.state == LIVE and q > h.position and self.matches(s, q, i, slot))
            if to:
                pending.append((q, to, NONE))
        return link._replace(taken=seen, pending=tuple(pending))

    def may_mark(self, link):
        if link.pending:
            return False
        return self.marks == "any" or not any(
            h.told and h.state == CATCHING_UP for h in link.hub)

    def write(self, s, i, link):
        """The first of what is collected, or, where the link is full, its streams fall back."""
        q, to, half = link.pending[0]
        if not self.is_full(link):
            if self.parts and not half:
                n = self.send(link, "EVENT", q, NONE, HALF, to)
                n = n._replace(pending=((q, to, HALF),) + link.pending[1:])
            else:
                n = self.send(link, "EVENT", q, half, WHOLE, to)
                n = n._replace(pending=link.pending[1:])
            return f"link {i}: event {q} from {half} to {to}", self.with_link(s, i, n), True
        n = link
        for slot in {slot for _, to, _ in link.pending for slot in to}:
            q, half = next((q, half) for q, to, half in link.pending if slot in to)
            n = self.with_hub(n, slot, n.hub[slot]._replace(
                state=CATCHING_UP, position=q - 1, half=half))
        return f"link {i} is full, its streams fall back", self.with_link(
            s, i, n._replace(pending=())), True

    def without(self, link, slot):
        """The stream is in nothing that is collected any more."""
        pending = ((q, tuple(x for x in to if x != slot), half) for q, to, half in link.pending)
        return link._replace(pending=tuple(p for p in pending if p[1]))

    # --- the hub: a stream

    def stream(self, s, i, link, slot):
        h = link.hub[slot]
        if h.state == NO:
            return
        if self.may(s, "ends"):
            n = self.end(link, slot, self.end_takes)
            yield f"{i}.{slot} is ended", self.spend(self.with_link(s, i, n), "ends"), False
        if h.state in (LOOKING, LOOKING_PAUSED):
            n = self.found(s, link, slot, h)
            yield f"{i}.{slot}: its place is looked up", self.with_link(s, i, n), True
        if h.state != CATCHING_UP:
            return
        q = h.position + 1
        arrived = h.position == link.taken or (self.ahead == "live" and h.position > link.taken)
        if (h.position < s.removed and not (h.half and q > s.removed)) or (h.half and q <= s.removed):
            yield f"{i}.{slot} is overtaken", self.with_link(s, i, self.end(link, slot)), True
        elif arrived and not h.half and not link.pending:
            n = self.with_hub(link, slot, h._replace(state=LIVE, told=True))
            if self.own_mark == "sent" and not h.told:
                n = self.send(n, "OWN", slot, h.position, h.born)
            yield f"{i}.{slot} is LIVE at {h.position}", self.with_link(s, i, n), True
        elif q <= s.D:
            if h.half and s.log[q - 1] == LOST and self.torn == "ends":
                yield f"{i}.{slot}: the rest is gone", self.with_link(s, i, self.end(link, slot)), True
            elif h.half or self.matches(s, q, i, slot):
                if self.is_full(link):
                    return
                n = link
                if s.log[q - 1] != LOST:
                    n = self.send(link, "EVENT", q, h.half, WHOLE, (slot,))
                n = self.with_hub(n, slot, h._replace(position=q, half=NONE))
                yield f"{i}.{slot} is sent {q} from {h.half}", self.with_link(s, i, n), True
            else:
                n = self.with_hub(link, slot, h._replace(position=q))
                yield f"{i}.{slot} passes over {q}", self.with_link(s, i, n), True

    def end(self, link, slot, takes=True):
        link = self.without(link, slot) if takes else link
        born = link.hub[slot].born
        return self.send(self.with_hub(link, slot, NOBODY), "END", slot, born)

    def hub_reads(self, s, i, link):
        kind, slot, *rest = link.up[0]
        link = link._replace(up=link.up[1:])
        h = link.hub[slot]
        if kind == "BEGIN":
            n = self.begin(link, slot, *rest)
        elif h.state == NO:
            n = link
            if self.strays == "answered" and kind in ("PAUSE", "ABORT"):
                n = self.send(link, "PAUSED" if kind == "PAUSE" else "END", slot, rest[-1])
        elif kind == "PAUSE":
            n = self.pause(link, slot, h)
        elif kind == "ABORT":
            n = self.end(link, slot, self.abort_takes)
        else:
            n = self.go_on(link, slot, h, *rest)
        return f"hub reads {kind} {i}.{slot} {rest}", self.with_link(s, i, n), True

    def pause(self, link, slot, h):
        link = self.without(link, slot) if self.pause_takes else link
        h = h._replace(state=LOOKING_PAUSED if h.state == LOOKING else PAUSED, half=NONE)
        link = self.with_hub(link, slot, h)
        if self.control == "dropped" and self.is_full(link):
            return link
        return self.send(link, "PAUSED", slot, h.born)

    def go_on(self, link, slot, h, place, part, born):
        """From what the front says that the client has; perhaps before the place of BEGIN is found."""
        state = LOOKING if h.state == LOOKING_PAUSED else CATCHING_UP
        half = HALF if part == HALF else NONE
        return self.with_hub(link, slot, Hub(
            state, place - 1 if half else place, half, self.resumed == "covered", born))

    def begin(self, link, slot, place, born):
        if link.hub[slot].state != NO:
            raise Broken(f"number {slot} is begun while it is in use")
        if place != NO_PLACE:
            return self.with_hub(link, slot, Hub(LOOKING, place, NONE, False, born))
        n = self.with_hub(link, slot, Hub(LIVE, link.taken, NONE, True, born))
        records = [("OWN", slot, link.taken, born), ("HEAD", slot, link.taken, born)]
        for record in records if self.no_cursor == "first" else records[::-1]:
            n = self.send(n, *record)
        return n

    def found(self, s, link, slot, h):
        place = h.position
        if self.cursor == "id" and not h.half and place:
            place = self.find(s, place)
        if place == NO_PLACE or place < s.removed or place > s.D:
            if self.gone == "ends":
                return self.end(link, slot)
            place = link.taken
        state = PAUSED if h.state == LOOKING_PAUSED else CATCHING_UP
        n = self.with_hub(link, slot, h._replace(state=state, position=place))
        return self.send(n, "HEAD", slot, NO_PLACE, h.born)

    def find(self, s, place):
        if s.log[place - 1] == LOST:
            return NO_PLACE
        return s.removed + 1 if self.ids == "same" else place

    # --- the front

    def with_front(self, link, slot, f):
        return link._replace(front=put(link.front, slot, f))

    def front_reads(self, s, i, link):
        kind, *rest = link.down[0]
        link = link._replace(down=link.down[1:])
        if kind == "EVENT":
            yield from self.event(s, i, link, *rest)
        elif kind == "BEAT":
            yield from self.beat(s, i, link, *rest)
        elif kind == "MARK":
            yield f"front {i} reads MARK {rest[0]}", self.with_link(s, i, self.mark(link, rest[0])), True
        elif kind == "EOF":
            yield f"front {i} reads the end", self.with_link(s, i, self.lost(link)), True
        else:
            slot, *rest = rest
            f = link.front[slot]
            if f.born != rest[-1] or f.state == FREE:
                raise Broken(f"{kind} reaches who has number {i}.{slot} next")
            n = self.about_one(link, slot, f, kind, rest[0])
            yield f"front {i} reads {kind} {slot} {rest}", self.with_link(s, i, n), True

    def mark(self, link, place):
        for slot, f in enumerate(link.front):
            if f.state == OPEN and f.covered and not f.paused:
                link = self.with_front(link, slot, f._replace(place=place, part=WHOLE))
        return link

    def about_one(self, link, slot, f, kind, place):
        if kind == "HEAD" and f.state == BEGUN:
            begins = place if place != NO_PLACE else f.place
            f = f._replace(state=OPEN, client=Client(begins, WHOLE))
        elif kind == "OWN" and f.state in (BEGUN, OPEN) and not f.paused:
            f = f._replace(place=place, part=WHOLE, covered=True)
        elif kind == "PAUSED" and f.state == OPEN:
            if not f.paused or f.acked:
                raise Broken("PAUSED that nobody has asked for")
            f = f._replace(acked=True)
        elif kind == "END":
            f = Front(FREE, 0, 0, False, False, False, 0, f.born, None)
        return self.with_front(link, slot, f)

    def for_each(self, s, i, link, slots, one):
        """All outcomes of giving something to each; one(s, link, slot, f) yields them."""
        states = [("", s, link)]
        for slot in slots:
            states = [(f"{said}, {what}", n, m) for said, s1, l1 in states
                      for what, n, m in one(s1, l1, slot, l1.front[slot])]
        return states

    def event(self, s, i, link, q, begin, upto, to):
        def one(s, link, slot, f):
            if f.state in (FREE, BEGUN):
                raise Broken(f"event {q} reaches who has number {i}.{slot} next")
            if f.state == LEFT or f.paused:
                yield f"{slot} not", s, link
                return
            c = self.shown(s, i, slot, f.client, q, begin, upto)
            n = f._replace(client=c, place=q, part=upto)
            if self.frames == "link":
                for other, g in enumerate(link.front):
                    if other != slot and g.state == OPEN and g.covered and not g.paused and g.place < q:
                        link = self.with_front(link, other, g._replace(place=q, part=WHOLE))
            yield f"{slot} all", s, self.with_front(link, slot, n)
            if not self.may(s, "stalls"):
                return
            s = self.spend(s, "stalls")
            full = self.ask(link, "PAUSE", slot, f.born)
            n = f._replace(paused=True, acked=False)
            if self.at_pause == "record":
                n = n._replace(place=q, part=WHOLE)
            yield f"{slot} nothing", s, self.with_front(full, slot, n)
            if upto - begin == WHOLE:
                c = self.shown(s, i, slot, f.client, q, NONE, HALF)
                n = n._replace(client=c, place=q, part=HALF)
                if self.rest == "kept":
                    n = n._replace(part=WHOLE, rest=HALF)
                yield f"{slot} half of it", s, self.with_front(full, slot, n)
        for what, n, link in self.for_each(s, i, link, to, one):
            yield f"front {i} reads event {q} from {begin}{what}", self.with_link(n, i, link), True

    def beat(self, s, i, link, place, to):
        def one(s, link, slot, f):
            if f.state in (FREE, BEGUN):
                raise Broken(f"a heartbeat reaches who has number {i}.{slot} next")
            if f.state == LEFT or f.paused:
                yield f"{slot} not", s, link
                return
            if f.client.part == HALF:
                raise Broken(f"client {i}.{slot}: a heartbeat inside an event")
            yield f"{slot} all", s, link
            if not self.may(s, "stalls"):
                return
            n = f._replace(paused=True, acked=False)
            if self.heartbeats == "event":
                n = n._replace(place=place, part=HALF)
            else:
                n = n._replace(rest=-HALF)
            yield f"{slot} half of it", self.spend(s, "stalls"), self.with_front(
                self.ask(link, "PAUSE", slot, f.born), slot, n)
        for what, n, link in self.for_each(s, i, link, to, one):
            yield f"front {i} reads a heartbeat{what}", self.with_link(n, i, link), True

    def shown(self, s, i, slot, c, q, begin, upto):
        """The client is sent so much of an event: what it has then."""
        who = f"client {i}.{slot}"
        if q > s.D:
            raise Broken(f"{who} is shown {q}, committed is {s.D}")
        if begin:
            if (c.last, c.part) != (q, begin):
                raise Broken(f"{who} has {c.part} of {c.last} and is sent the rest of {q}")
            return Client(q, upto)
        if c.part != WHOLE:
            raise Broken(f"{who}: {q} in the middle of {c.last}")
        if q <= c.last:
            raise Broken(f"{who} is sent {q} behind {c.last}")
        missed = [x for x in range(c.last + 1, q) if self.matches(s, x, i, slot)]
        if missed:
            raise Broken(f"{who} is sent {q}, and never was {missed}")
        return Client(q, upto)

    def ask(self, link, *record):
        return link._replace(up=link.up + (record,)) if link.phase == UP else link

    def client(self, s, i, link, slot):
        f = link.front[slot]
        if f.state == FREE and self.may(s, "comes") and link.phase == UP and slot == next(
                k for k, x in enumerate(link.front) if x.state == FREE):
            for place in (NO_PLACE, 0) if self.earliest else (NO_PLACE,):
                if place == 0 and s.removed:
                    continue
                n = Front(BEGUN, place, WHOLE, False, False, False, 0, f.born + 1, None)
                n = self.ask(self.with_front(link, slot, n), "BEGIN", slot, place, n.born)
                yield f"{i}.{slot} comes at {place}", self.spend(
                    self.with_link(s, i, n), "comes"), False
        if f.state == OPEN and self.may(s, "leaves"):
            n = f._replace(state=LEFT, client=None)
            if link.phase == OFF:
                n = Front(FREE, 0, 0, False, False, False, 0, f.born, None)
            n = self.ask(self.with_front(link, slot, n), "ABORT", slot, f.born)
            yield f"{i}.{slot} leaves", self.spend(self.with_link(s, i, n), "leaves"), False
        if f.state == OPEN and f.rest:
            c = f.client._replace(part=WHOLE) if f.rest == HALF else f.client
            n = self.with_front(link, slot, f._replace(rest=0, client=c))
            yield f"{i}.{slot}: the rest is written", self.with_link(s, i, n), True
        if f.state == OPEN and f.paused and not f.rest and link.phase != OFF and (
                f.acked or self.resume == "early"):
            n = f._replace(paused=False, acked=False, covered=f.covered and self.resumed == "covered")
            n = self.ask(self.with_front(link, slot, n), "RESUME", slot, f.place, f.part, f.born)
            yield f"{i}.{slot} resumes at {f.place}, {f.part}", self.with_link(s, i, n), True

    # --- what breaks

    def lost(self, link):
        """The front has read to the end of a link."""
        n = link._replace(phase=OFF)
        for slot, f in enumerate(link.front):
            if f.state == LEFT:
                f = Front(FREE, 0, 0, False, False, False, 0, f.born, None)
            n = self.with_front(n, slot, f._replace(covered=False, acked=False))
        return n

    def attach(self, s, i, link):
        """Another link, perhaps another worker's; every stream begins again where it stands."""
        for taken in {link.taken, s.D} if link.taken >= 0 else range(s.removed, s.D + 1):
            n = link._replace(phase=UP, taken=taken, marked=0, hub=(NOBODY,) * len(link.hub))
            for slot, f in enumerate(link.front):
                if f.state in (BEGUN, OPEN):
                    n = self.ask(n, "BEGIN", slot, f.place, f.born)
                    if f.part == HALF and self.torn_begins == "paused":
                        f = f._replace(paused=True)
                    if f.paused:
                        n = self.ask(n, "PAUSE", slot, f.born)
                    n = self.with_front(n, slot, f._replace(covered=self.covered == "begin"))
            yield f"front {i} attaches, taken {taken}", self.with_link(s, i, n), True

    def cut(self, link, kept):
        """The hub's side is gone; the front still reads what was sent."""
        return link._replace(phase=ENDING, pending=(), up=(), hub=(NOBODY,) * len(link.hub),
                             down=link.down[:kept] + (("EOF",),))

    def breaking(self, s):
        for i, link in enumerate(s.links):
            if link.phase == UP and self.may(s, "cuts"):
                for kept in range(len(link.down) + 1):
                    n = self.with_link(s, i, self.cut(link, kept)._replace(taken=-1))
                    yield f"link {i} is cut, {kept} records are left", self.spend(n, "cuts"), False
        if self.may(s, "crashes") and all(x.phase == UP for x in s.links):
            for log in {s.log, s.log[:s.D], s.log[:s.synced] + (LOST,) * (len(s.log) - s.synced)}:
                for kept in itertools.product(*(range(len(x.down) + 1) for x in s.links)):
                    links = tuple(self.cut(x, k)._replace(taken=len(log))
                                  for x, k in zip(s.links, kept))
                    n = s._replace(log=log, D=len(log), synced=len(log), links=links)
                    yield f"CRASH, left is {log}, records {kept}", self.spend(n, "crashes"), False
        if self.may(s, "stops") and s.D == len(s.log) and all(x.phase == UP for x in s.links):
            links = []
            for x in s.links:
                upto = s.D if self.stop_mark == "committed" else x.taken
                if self.stop_mark == "committed" or (self.may_mark(x) and x.marked < upto):
                    x = self.send(x, "MARK", upto)
                links.append(self.cut(x, len(x.down))._replace(taken=s.D))
            yield "the hub is stopped", self.spend(s._replace(links=tuple(links)), "stops"), False

    # --- all of it

    def at_rest(self, s):
        for i, link in enumerate(s.links):
            for slot, (f, h) in enumerate(zip(link.front, link.hub)):
                who = f"{i}.{slot}"
                if (f.state != FREE) != (h.state != NO):
                    raise Broken(f"{who} is {f.state} in the front and {h.state} in the hub for ever")
                if f.state == FREE:
                    continue
                if f.state != OPEN or f.paused or h.state != LIVE:
                    raise Broken(f"{who} is {f.state}, {h.state} for ever, paused {f.paused}")
                missed = [q for q in range(f.client.last + 1, s.D + 1) if self.matches(s, q, i, slot)]
                if missed or f.client.part != WHOLE:
                    raise Broken(f"{who} is never sent {missed}")
                if f.place < s.D:
                    raise Broken(f"{who} would be re-attached at {f.place} for ever, committed is {s.D}")

    def check(self):
        """(None or what is broken, how it came to it, how many states)"""
        first = self.first()
        came, todo = {first: None}, deque([first])
        while todo and len(came) < self.states:
            s = todo.popleft()
            what = ""
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
ONE = dict(links=(1,), masks=(1,), comes=1)
ONE_OF_TWO = dict(links=(1,), masks=(1, 0), comes=1)
DESIGN_IN_PARTS = {
    "full_link": dict(masks=(3, 1), earliest=False),
    "catching_up": dict(masks=(3,), batch=1),
    "stalled": dict(masks=(3,), stalls=1, earliest=False, batch=1),
    "stalled_kept": ONE | dict(stalls=2, rest="kept"),
    "killed": dict(masks=(3,), crashes=1, earliest=False, publishes=1),
    "stalled_killed": ONE | dict(stalls=1, crashes=1),
    "kept_killed": ONE | dict(stalls=1, crashes=1, rest="kept", batch=1),
    "lost_tail": ONE | dict(stalls=1, crashes=1, synced=False, batch=1),
    "stopped": ONE | dict(stops=1, stalls=1),
    "two_links": ONE | dict(links=(1, 1), masks=(3,), comes=2, cuts=1, earliest=False, publishes=1),
    "another_worker": ONE_OF_TWO | dict(cuts=1),
    "numbers": ONE | dict(comes=2, ends=1, leaves=1, earliest=False),
    "numbers_stalled": ONE | dict(comes=2, ends=1, stalls=1, publishes=1),
    "heartbeats": ONE | dict(beats=1, stalls=1, publishes=1),
    "heartbeats_killed": ONE | dict(beats=1, crashes=1, publishes=1),
    "retention": ONE | dict(keep=0, stalls=1),
    "retention_killed": ONE | dict(keep=1, crashes=1, stalls=1, batch=1),
    "parts": ONE | dict(parts=True, stalls=1, beats=1),
    "parts_killed": ONE | dict(parts=True, crashes=1),
}
DEEP = {
    "two_full": dict(publishes=3),
    "two_stalled": dict(stalls=2, masks=(3, 1), batch=1),
    "two_killed": dict(masks=(3, 1, 0), crashes=1),
    "two_stalled_killed": dict(masks=(3,), crashes=1, stalls=1, earliest=False),
    "two_stopped": dict(masks=(3, 1), stops=1, stalls=1, earliest=False),
    "two_lost_tail": dict(masks=(3,), crashes=1, synced=False, earliest=False),
    "three_streams": dict(links=(2, 1), masks=(7,), comes=3, cuts=1, earliest=False, batch=1, publishes=1),
    "two_links_killed": dict(links=(1, 1), masks=(3, 1), crashes=1, earliest=False),
    "killed_twice": ONE_OF_TWO | dict(crashes=2, stalls=1, publishes=3),
    "two_numbers": dict(comes=3, ends=1, leaves=1, stalls=1, masks=(3,), publishes=1),
    "all_of_it": ONE | dict(crashes=1, stops=1, stalls=1, leaves=1, comes=2, batch=1),
}
# Every other reading, and where it shows.
READINGS = {
    "seen=written": ONE | dict(seen="written"),
    "cursor=id": ONE | dict(cursor="id", ids="same", cuts=1),
    "gone=live": ONE | dict(gone="live", keep=0, stalls=1, crashes=1),
    "torn_begins=whole": ONE | dict(torn_begins="whole", parts=True, cuts=1),
    "torn=skips": ONE | dict(torn="skips", synced=False, stalls=1, crashes=1),
    "covered=begin": ONE | dict(covered="begin", cuts=2),
    "resumed=covered": ONE | dict(resumed="covered", stalls=1, cuts=1),
    "own_mark=never": ONE_OF_TWO | dict(own_mark="never", stalls=1),
    "marks=any": ONE | dict(marks="any", cuts=1),
    "ahead=live": ONE_OF_TWO | dict(ahead="live", cuts=2),
    "frames=link": dict(frames="link", masks=(3,), earliest=False, cuts=1, comes=2),
    "no_cursor=behind": ONE | dict(no_cursor="behind", cuts=1),
    "heartbeats=event": ONE | dict(heartbeats="event", beats=1, stalls=1),
    "beats_in=anywhere": ONE | dict(beats_in="anywhere", parts=True, beats=1, publishes=1),
    "pause_takes=no": ONE | dict(pause_takes=False, stalls=1),
    "abort_takes=no": ONE | dict(abort_takes=False, leaves=1, comes=2),
    "end_takes=no": ONE | dict(end_takes=False, ends=1, comes=2),
    "strays=answered": ONE | dict(strays="answered", ends=1, leaves=1, comes=2),
    "control=dropped": ONE | dict(control="dropped", stalls=1),
    "at_pause=record": ONE | dict(at_pause="record", stalls=1),
    "resume=early": ONE | dict(resume="early", stalls=1),
    "stop_mark=committed": ONE | dict(stop_mark="committed", stops=1),
}


if __name__ == "__main__":
    sys.exit(tell(Model, DESIGN_IN_PARTS, DEEP, READINGS, sys.argv[1:]))
