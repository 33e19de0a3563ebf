#!/usr/bin/env python3
"""One order for several hubs on a store that can lose what it took, every order of every step.

Two hubs publish into one store and read it back; the store may lose its tail (a restart, a replica
that is promoted and was behind), lose all, or be two for a while (a hub alone with the old master).
Connections break, answers are lost, a hub dies, retention takes the oldest. A client hears the
hubs, leaves, and comes back to either with the id of an event or of a position. All reachable
states are visited; in each must hold:

 - what was acknowledged is there, or was removed, or died with its hub;
 - an update is once in the order, and once for a client that was not told of a loss;
 - what a client gets stands right behind what it got before, or it was told;
 - a cursor is found where its client stands, or it is unknown, or its hub stands on lost ground;
 - where nothing moves any more, hubs and streams stand at the end of the one order.

Each decision is a setting; `READINGS` has the other readings and what each of them breaks.

    shared_store.py            the design whole, and every other reading: seconds
    shared_store.py --deep     larger bounds
    shared_store.py NAME ...   these alone
"""

import sys
from collections import namedtuple

import subscriptions
from readings import tell
from subscriptions import Broken, put

AWAY, HEALING, OPEN = "away", "healing", "open"  # a hub's session; the last two also the store's
NOWHERE = (0, 0)

State = namedtuple("State", "servers master split hubs client acked excused published left clock")
Left = namedtuple("Left", "cuts losses flushes splits deaths connects retains")
Server = namedtuple("Server", "identity data")
Data = namedtuple("Data", "log removed removed_id end run phase owner numbers")
Record = namedtuple("Record", "at uid hub number before again")
Hub = namedtuple("Hub", "alive server session run identity taken tail waiting number")
Waiting = namedtuple("Waiting", "number uid run")  # run: of the session that sent it last
Client = namedtuple("Client", "hub at cursor told got")  # id of the last event; of its position

BOUNDS = dict(hubs=2, publishes=2, cuts=0, losses=0, flushes=0, splits=0, deaths=0, connects=2,
              retains=0, hold=9, client=True, states=10**9)
DESIGN = dict(
    committed="read",    # a 200 when this hub has read it back | answered: when the script answers
    again="numbered",    # what was sent before is sent by its number | anew
    opens="all",         # when all that live have offered what they hold | any: or time is up
    own="resent",        # what is not in the store of what this hub got through is sent again
                         # | counted: as lost
    mark="known",        # what is sent again in another run is unknown as a cursor | plain
    heals="marked",      # what is put back keeps that mark | plain
    joined="judged",     # joining, a hub that stands past the end breaks there | later: as it reads
    overtaken="breaks",  # a hub behind which all is removed breaks to the end | waits
    passed="accepted",   # what it wrote and never reads is acknowledged by the script's answer | waits
    ends_at="own",       # a stream that ends on lost ground says where it stood | new: the hub's
    position="in line",  # the id of a position is found where a record stands | bounds
    piece="taken",       # history is read up to what the hub has taken | end
    cursor="waits",      # it is found once the hub has taken it | ahead
)


class Model:
    check = subscriptions.Model.check

    def __init__(self, **settings):
        unknown = set(settings) - set(BOUNDS) - set(DESIGN)
        assert not unknown, unknown
        self.__dict__.update(BOUNDS | DESIGN | settings)

    def first(self):
        data = Data((), NOWHERE, None, NOWHERE, 1, OPEN, 0, (0,) * self.hubs)
        hub = Hub(True, 0, OPEN, 1, 0, NOWHERE, (), (), 1)
        return State(servers=(Server(0, data), Server(1, data)), master=0, split=False,
                     hubs=(hub,) * self.hubs, client=Client(None, None, None, None, frozenset()),
                     acked=frozenset(), excused=frozenset(), published=0,
                     left=Left(self.cuts, self.losses, self.flushes, self.splits, self.deaths,
                               self.connects if self.client else 0, self.retains),
                     clock=2)

    def next(self, s):
        """(what happens, the state then, does it go on by itself)"""
        for i, hub in enumerate(s.hubs):
            if hub.alive:
                yield from self.working(s, i, hub)
        yield from self.faults(s)
        yield from self.hearing(s)

    @staticmethod
    def with_hub(s, i, **changes):
        return s._replace(hubs=put(s.hubs, i, s.hubs[i]._replace(**changes)))

    @staticmethod
    def with_data(s, at, data):
        return s._replace(servers=put(s.servers, at, s.servers[at]._replace(data=data)))

    @staticmethod
    def spend(s, what):
        return s._replace(left=s.left._replace(**{what: getattr(s.left, what) - 1}))

    # --- a hub

    def working(self, s, i, hub):
        if s.published < self.publishes:
            update = Waiting(hub.number, s.published, None)
            yield f"hub {i} is to publish {s.published}", self.with_hub(
                s, i, waiting=hub.waiting + (update,), number=hub.number + 1)._replace(
                    published=s.published + 1), False
        if hub.session == AWAY:
            yield from self.joining(s, i)
            return
        server = s.servers[hub.server]
        data = server.data
        if hub.session == HEALING:
            yield from self.healing(s, i, hub, server, data)
            return
        if self.is_stale(s, hub, server):
            yield f"hub {i} sees that its store is another", self.away(s, i), True
        elif s.split and hub.server != s.master:
            yield f"hub {i} hears of the new master", self.away(s, i), False
        if hub.waiting:
            yield from self.sending(s, i, hub, data)
        yield from self.reading(s, i, hub, data)

    def away(self, s, i):
        hub = s.hubs[i]
        if self.again == "anew":
            hub = hub._replace(number=hub.number + len(hub.waiting), waiting=tuple(
                w._replace(number=hub.number + n) for n, w in enumerate(hub.waiting)))
        return s._replace(hubs=put(s.hubs, i, hub._replace(session=AWAY, server=None)))

    def is_stale(self, s, hub, server):
        data = server.data
        return (hub.server != s.master and not s.split) or server.identity != hub.identity or \
            data is None or data.run != hub.run or data.phase != OPEN

    def sending(self, s, i, hub, data):
        """All that waits; the script skips the numbers that it has had."""
        if data is None or data.run != hub.run or data.phase != OPEN:
            yield f"hub {i} is told that the run is over", self.away(s, i), True
            return
        log, end, done = data.log, data.end, data.numbers[i]
        for w in hub.waiting:
            if w.number > done:
                at = (data.run, end[1] + 1)
                again = w.run not in (None, data.run)
                log += (Record(at, w.uid, i, w.number, end, again and self.mark == "known"),)
                end, done = at, max(done, w.number)
        if log == data.log:
            yield from self.answered(s, i, hub, data)
            return
        if len({r.uid for r in log}) < len(log):
            raise Broken("an update is twice in the order")
        sent = tuple(w._replace(run=hub.run) for w in hub.waiting)
        n = self.with_data(s, hub.server, data._replace(
            log=log, end=end, numbers=put(data.numbers, i, done)))
        n = self.with_hub(n, i, waiting=sent)
        if self.committed == "answered":
            n = self.with_hub(n, i, waiting=())._replace(acked=s.acked | {w.uid for w in sent})
        yield f"hub {i} publishes {[w.uid for w in sent]}", n, True

    def answered(self, s, i, hub, data):
        """They are there, where this hub will not read them any more."""
        passed = {r.number for r in data.log if r.hub == i and r.at <= hub.taken}
        had = {w for w in hub.waiting if w.number in passed}
        if had and self.passed == "accepted":
            n = self.with_hub(s, i, waiting=tuple(w for w in hub.waiting if w not in had))
            yield f"hub {i} hears that {[w.uid for w in had]} are there", n._replace(
                acked=s.acked | {w.uid for w in had}), True

    def reading(self, s, i, hub, data):
        if data is None:
            return
        record = next((r for r in data.log if r.at > hub.taken and r.at > data.removed), None)
        if record is None:
            if self.overtaken == "breaks" and hub.taken < data.removed == data.end:
                yield f"hub {i} was overtaken", self.break_at(s, i, data.end), True
            return
        if record.before != hub.taken:
            s = self.break_at(s, i, record.before)
        hub = s.hubs[i]
        n = self.with_hub(
            s, i, taken=record.at, tail=(hub.tail + (record,))[-self.hold:],
            waiting=tuple(w for w in hub.waiting if record.hub != i or w.number > record.number))
        if record.hub == i:  # what stood before it was there
            n = n._replace(acked=n.acked | {record.uid} | {
                w.uid for w in hub.waiting if w.number < record.number})
        if s.client.hub == i and hub.taken < s.client.at < record.at:
            n = self.get(n, record)  # a stream that is ahead passes over what it has
        yield f"hub {i} takes {record.uid} at {record.at}", n, True

    def break_at(self, s, i, at):
        """The hub stands on lost ground: its streams end, it goes on from `at`."""
        c = s.client
        if c.hub == i:
            s = s._replace(client=c._replace(hub=None, told=c.at if self.ends_at == "own" else at))
        return self.with_hub(s, i, taken=at, tail=())

    # --- joining, and what was lost put back

    def joining(self, s, i):
        for at in {s.master, 1 - s.master} if s.split else {s.master}:
            server = s.servers[at]
            data = server.data
            if data is None:
                data = Data((), NOWHERE, None, NOWHERE, 0, HEALING, server.identity,
                            (0,) * self.hubs)
            elif data.owner != server.identity:
                data = data._replace(owner=server.identity, phase=HEALING)
            n = self.with_data(s, at, data)
            n = self.with_hub(n, i, server=at, session=HEALING, identity=server.identity)
            if data.phase == OPEN:
                n = self.opened(n, i)
            yield f"hub {i} joins server {at}, which is {data.phase}", n, True

    def opened(self, s, i):
        hub = s.hubs[i]
        data = s.servers[hub.server].data
        if self.joined == "judged" and hub.taken > data.end:
            s = self.break_at(s, i, data.end)
        s = self.with_hub(s, i, session=OPEN, run=data.run)
        return self.account(s, i, hub.tail, data)

    def account(self, s, i, tail, data):
        """What this hub got through and is not there: again, or it is told."""
        missing = tuple(Waiting(r.number, r.uid, r.at[0]) for r in tail
                        if r.hub == i and r.number > data.numbers[i])
        if self.own == "counted":
            return s
        there = {w.number for w in s.hubs[i].waiting}
        add = tuple(w for w in missing if w.number not in there)
        return self.with_hub(s, i, waiting=add + s.hubs[i].waiting)

    def offers(self, hub, data):
        """What a hub holds and the store has not, if it begins where the store ends."""
        fits, end = (), data.end
        for r in hub.tail:
            if r.before == end or (end == NOWHERE and not fits and not data.log):
                fits, end = fits + (r,), r.at
        return fits

    def healing(self, s, i, hub, server, data):
        if data is None or data.owner != hub.identity or server.identity != hub.identity or (
                hub.server != s.master and not s.split):
            yield f"hub {i} sees that its store is another", self.away(s, i), True
            return
        if data.phase == OPEN:
            yield f"hub {i} sees that it is open", self.opened(s, i), True
            return
        fits = self.offers(hub, data)
        if fits:
            yield f"hub {i} puts back {[r.uid for r in fits]}", self.with_data(
                s, hub.server, self.put_back(data, fits)), True
        others = [h for h in s.hubs if h.alive and not (s.split and h.server != hub.server)]
        if self.opens == "any" or all(
                h.session == HEALING and h.server == hub.server and not self.offers(h, data)
                for h in others):
            yield from self.opening(s, i, hub, data)

    def put_back(self, data, fits):
        numbers, run = data.numbers, data.run
        for r in fits:
            numbers = put(numbers, r.hub, r.number)
            run = max(run, r.at[0])
        if self.heals == "plain":
            fits = tuple(r._replace(again=False) for r in fits)
        removed = fits[0].before if data.end == NOWHERE and not data.log else data.removed
        return data._replace(log=data.log + fits, end=fits[-1].at, numbers=numbers, run=run,
                             removed=removed)

    def opening(self, s, i, hub, data):
        run = max(data.run + 1, s.clock)
        died = not all(h.alive for h in s.hubs)
        held = {r.uid for h in s.hubs if h.alive for r in h.tail}
        lost = s.acked - held - {r.uid for r in data.log} if died else set()
        n = self.with_data(s, hub.server, data._replace(phase=OPEN, run=run))
        n = n._replace(clock=run + 1,
                       excused=s.excused | lost)
        yield f"hub {i} opens run {run} behind {data.end}", self.opened(n, i), True

    # --- what happens to them

    def faults(self, s):
        left, other = s.left, 1 - s.master
        data = s.servers[s.master].data
        if left.losses + left.splits and not s.split and s.servers[other].data != data:
            yield "the tail is safe", self.with_data(s, other, data), False
        if left.losses and not s.split:
            n = self.spend(s, "losses")
            n = n._replace(servers=put(n.servers, s.master, Server(
                s.servers[s.master].identity + 2, s.servers[other].data)))
            for i, hub in enumerate(n.hubs):
                n = self.away(n, i)
            yield "THE STORE RESTARTS, and has what was safe", n, False
        if left.flushes:
            yield "THE STORE IS EMPTIED", self.with_data(
                self.spend(s, "flushes"), s.master, None), False
        if left.splits and not s.split:
            n = self.spend(s, "splits")
            n = n._replace(servers=put(n.servers, other, n.servers[other]._replace(
                identity=s.servers[other].identity + 2)), master=other, split=True)
            yield "THE REPLICA IS PROMOTED, the old master does not know", n, False
        if s.split:
            n = self.with_data(s._replace(split=False), other, data)
            for i, hub in enumerate(s.hubs):
                if hub.server == other:
                    n = self.away(n, i)
            yield "the old master follows", n, True
        for i, hub in enumerate(s.hubs):
            if left.cuts and hub.alive and hub.server is not None:
                yield f"hub {i} is cut off", self.away(self.spend(s, "cuts"), i), False
            if left.deaths and hub.alive:
                n = self.with_hub(self.spend(s, "deaths"), i, alive=False, server=None,
                                  session=AWAY, waiting=(), tail=())
                if s.client.hub == i:
                    n = n._replace(client=s.client._replace(hub=None))
                yield f"hub {i} DIES", n, False
        if left.retains and data and data.phase == OPEN:
            oldest = next((r for r in data.log if r.at > data.removed), None)
            if oldest:
                yield f"{oldest.uid} is removed", self.with_data(
                    self.spend(s, "retains"), s.master, data._replace(
                        removed=oldest.at, removed_id=oldest.uid))._replace(
                        excused=s.excused | {oldest.uid}), False

    # --- a client

    def hearing(self, s):
        c = s.client
        if c.hub is None:
            if s.left.connects:
                for i, hub in enumerate(s.hubs):
                    if hub.alive:
                        yield from self.connecting(self.spend(s, "connects"), i, hub, c)
            return
        yield from self.getting(s, s.hubs[c.hub], c)
        if s.left.connects:
            yield "its stream ends", s._replace(client=c._replace(hub=None, told=c.at)), False

    def store_of(self, s, hub):
        """What a find or a read of this hub sees; None: nothing can be said now."""
        if hub.session != OPEN:
            return None
        data = s.servers[hub.server].data
        return data if data is not None and data.phase == OPEN else None

    def connecting(self, s, i, hub, c):
        if c.at is None:
            yield f"the client comes to hub {i}", s._replace(
                client=Client(i, hub.taken, None, None, frozenset())), False
            return
        for cursor in {("id", c.cursor), ("position", c.told)}:
            if cursor[1] is not None:
                yield from self.coming_back(s, i, hub, c, cursor)

    def coming_back(self, s, i, hub, c, cursor):
        found = self.find(s, hub, cursor)
        if found == "later":
            return
        if found is None:
            yield f"the client is told: {cursor} is unknown to hub {i}", s._replace(
                client=Client(i, hub.taken, None, None, frozenset())), False
            return
        if found != c.at and self.is_in_line(s, found):
            raise Broken(f"the cursor {cursor} is found at {found}, its client stood at {c.at}")
        yield f"hub {i} finds {cursor} at {found}", s._replace(client=c._replace(hub=i, at=found, told=None)), False

    @staticmethod
    def is_in_line(s, at):
        data = s.servers[s.master].data
        return data is not None and any(r.at == at for r in data.log)

    def find(self, s, hub, cursor):
        kind, what = cursor
        held = [r for r in hub.tail if r.at == what] if kind == "position" else \
            [r for r in hub.tail if r.uid == what]
        if held:
            return None if held[0].again and kind == "id" else held[0].at
        if kind == "position" and what == hub.taken:
            return what
        data = self.store_of(s, hub)
        if data is None:
            return "later"
        at = self.find_stored(data, kind, what)
        return "later" if at and at > hub.taken and self.cursor == "waits" else at

    def find_stored(self, data, kind, what):
        if kind == "id":
            if what == data.removed_id:
                return data.removed
            return next((None if r.again else r.at for r in data.log
                         if r.uid == what and r.at > data.removed), None)
        if self.position == "bounds":
            return what if data.removed <= what <= data.end else None
        there = what == data.removed or any(
            r.at == what for r in data.log if r.at > data.removed)
        return what if there else None

    def getting(self, s, hub, c):
        """The next from what the hub holds, or from the store."""
        record = next((r for r in hub.tail if r.before == c.at), None)
        if record is None and c.at < hub.taken:
            data = self.store_of(s, hub)
            if data is None:
                return
            record = next((r for r in data.log if r.at > max(c.at, data.removed)), None)
            if record is None or record.before != c.at:
                if c.at > data.removed and data.run == hub.run and not self.is_in_line(s, c.at):
                    raise Broken(f"{c.at} was found, and is gone at once: for ever")
                yield "the stream is gone, and ends", s._replace(
                    client=c._replace(hub=None, told=c.at)), True
                return
            if self.piece == "taken" and record.at > hub.taken:
                return
        if record is None and self.piece == "end":
            data = self.store_of(s, hub)
            record = next((r for r in data.log if r.before == c.at), None) if data else None
        if record is not None:
            yield f"the client gets {record.uid}", self.get(s, record), True

    def get(self, s, record):
        c = s.client
        if record.uid in c.got and self.is_in_line(s, record.at):
            raise Broken(f"{record.uid} comes twice to a client that was not told")
        return s._replace(client=Client(
            c.hub, record.at, record.uid, None, c.got | {record.uid}))

    # --- all of it

    def at_rest(self, s):
        data = s.servers[s.master].data
        there = {r.uid for r in data.log} if data else set()
        lost = s.acked - there - s.excused
        if lost:
            raise Broken(f"acknowledged, held by a hub, and lost: {sorted(lost)}")
        for i, hub in enumerate(s.hubs):
            if not hub.alive:
                continue
            if hub.session != OPEN or hub.waiting or hub.taken != data.end:
                raise Broken(f"hub {i} stands for ever at {hub.taken}, the end is {data.end}")
        if s.client.hub is not None and s.client.at != data.end:
            raise Broken(f"a stream stands for ever at {s.client.at}, the end is {data.end}")


# The design, in parts that are each looked through whole.
WHOLE = {
    "lost_answer": dict(cuts=2, client=False),
    "heard": dict(cuts=1),
    "loss": dict(losses=1, publishes=1),
    "two_lost": dict(losses=1, client=False),
    "emptied": dict(flushes=1, publishes=1, connects=1),
    "split": dict(splits=1, publishes=1),
    "split_written": dict(splits=1, client=False),
    "retention": dict(retains=2, connects=3),
    "death": dict(deaths=1, losses=1, publishes=1),
}
DEEP = {
    "loss_heard": dict(losses=1),
    "losses": dict(losses=2, client=False),
    "split_heard": dict(splits=1),
    "loss_and_cut": dict(losses=1, cuts=1, publishes=1),
    "emptied_heard": dict(flushes=1),
    "retention_and_loss": dict(losses=1, retains=1),
}
READINGS = {
    "again=anew": dict(again="anew", cuts=1, client=False, publishes=1),
    "committed=answered": dict(committed="answered", losses=1, client=False, publishes=1),
    "opens=any": dict(opens="any", own="counted", losses=1, client=False, publishes=1),
    "passed=waits": dict(passed="waits", retains=1, cuts=1, client=False, publishes=1),
    "overtaken=waits": dict(overtaken="waits", retains=1, cuts=1, client=False),
    "own=counted": dict(own="counted", splits=1, client=False),
    "mark=plain": dict(mark="plain", opens="any", losses=1, publishes=1),
    "heals=plain": dict(heals="plain", opens="any", losses=2, publishes=1),
    "joined=later": dict(joined="later", splits=1, deaths=1, publishes=1, client=False),
    "ends_at=new": dict(ends_at="new", splits=1),
    "position=bounds": dict(position="bounds", splits=1, publishes=1),
    "piece=end": dict(piece="end", losses=1, publishes=1),
    "cursor=ahead": dict(cursor="ahead", opens="any", losses=1, publishes=1),
}


if __name__ == "__main__":
    sys.exit(tell(Model, WHOLE, DEEP, READINGS, sys.argv[1:]))
