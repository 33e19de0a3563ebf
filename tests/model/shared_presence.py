#!/usr/bin/env python3
"""Who is there, where several hubs share a store: every order of begins, ends, leases and losses.

Each hub has streams; a stream's begin and end are records of the one order, and who is active
stands beside it in the store, changed by the same step. A hub dies, or is cut off for so long that
its lease runs out; another then ends what it had, in two steps, for it has to look first. The store
loses what came last, of which the hubs may put back the records. In each reachable state must hold:

 - a begin and an end take turns, for each stream;
 - what stands beside the order is its fold;
 - where nothing moves any more, only those streams are active that a hub that lives has.

    shared_presence.py         the design, and every other reading: seconds
"""

import sys
from collections import namedtuple

import subscriptions
from readings import tell
from subscriptions import Broken, put

State = namedtuple("State", "store safe hubs opened left")
Store = namedtuple("Store", "log active leases")  # active: {(stream, hub)}; leases: those that hold
Hub = namedtuple("Hub", "alive joined streams asked dead")  # dead: whom it has seen so, with what
Left = namedtuple("Left", "cuts deaths losses")

BOUNDS = dict(hubs=2, streams=1, cuts=0, deaths=0, losses=0, states=10**9)
DESIGN = dict(
    end="if active",     # an end is written where its stream is active | always
    reaping="judged",    # ends of a hub are written if its lease is still over | believed
    heard="taken",       # the end of a stream that lives | again: is answered by its begin
    joining="begins",    # who joins begins what it has and the store has not | trusts
    leftover="ends",     # who joins ends what the store has and it has not | trusts
    heals="both",        # what is put back changes who is active | order: alone
)


class Model:
    check = subscriptions.Model.check

    def __init__(self, **settings):
        unknown = set(settings) - set(BOUNDS) - set(DESIGN)
        assert not unknown, unknown
        self.__dict__.update(BOUNDS | DESIGN | settings)

    def first(self):
        store = Store((), frozenset(), frozenset(range(self.hubs)))
        hub = Hub(True, True, frozenset(), (), None)
        return State(store, store, (hub,) * self.hubs, 0,
                     Left(self.cuts, self.deaths, self.losses))

    @staticmethod
    def with_hub(s, i, **changes):
        return s._replace(hubs=put(s.hubs, i, s.hubs[i]._replace(**changes)))

    @staticmethod
    def spend(s, what):
        return s._replace(left=s.left._replace(**{what: getattr(s.left, what) - 1}))

    def next(self, s):
        """(what happens, the state then, does it go on by itself)"""
        for i, hub in enumerate(s.hubs):
            if hub.alive:
                yield from self.living(s, i, hub)
            if not (hub.alive and hub.joined) and i in s.store.leases:
                yield f"the lease of hub {i} is over", s._replace(store=s.store._replace(
                    leases=s.store.leases - {i})), True
        yield from self.faults(s)

    # --- a hub

    def living(self, s, i, hub):
        if s.opened < self.streams:
            n = self.with_hub(s, i, streams=hub.streams | {s.opened},
                              asked=hub.asked + (("B", s.opened),))
            yield f"stream {s.opened} comes to hub {i}", n._replace(opened=s.opened + 1), False
        for stream in hub.streams:
            yield f"stream {stream} leaves", self.with_hub(
                s, i, streams=hub.streams - {stream}, asked=hub.asked + (("E", stream),)), False
        if not hub.joined:
            yield f"hub {i} joins", self.join(s, i), True
            return
        if hub.asked:
            (kind, stream), *rest = hub.asked
            yield f"hub {i} writes {kind}{stream}", self.write(
                self.with_hub(s, i, asked=tuple(rest)), kind, stream, i), True
        yield from self.reaping_of(s, i, hub)

    def write(self, s, kind, stream, owner):
        """One step of the store: the record, and who is active."""
        store = s.store
        is_active = any(x == stream for x, _ in store.active)
        if kind == "B" and not is_active:
            store = store._replace(log=store.log + (("B", stream),),
                                   active=store.active | {(stream, owner)})
        elif kind == "E" and (is_active or self.end == "always"):
            store = store._replace(log=store.log + (("E", stream),), active=frozenset(
                x for x in store.active if x[0] != stream))
            s = self.hear_end(s, stream)
        self.judge(store)
        return s._replace(store=store)

    def hear_end(self, s, stream):
        for i, hub in enumerate(s.hubs):
            if self.heard == "again" and hub.joined and stream in hub.streams:
                s = self.with_hub(s, i, asked=hub.asked + (("B", stream),))
        return s

    @staticmethod
    def judge(store):
        active = set()
        for kind, stream in store.log:
            if (kind == "B") == (stream in active):
                raise Broken(f"{kind}{stream} does not follow what was before it: {store.log}")
            active ^= {stream}
        if active != {x for x, _ in store.active}:
            raise Broken("what stands beside the order is not its fold")

    def join(self, s, i):
        """What it has and the store has, either way."""
        hub, store = s.hubs[i], s.store
        there = {x for x, _ in store.active}
        own = {x for x, owner in store.active if owner == i}
        asked = hub.asked
        if self.joining == "begins":
            asked += tuple(("B", x) for x in sorted(hub.streams - there) if ("B", x) not in asked)
        if self.leftover == "ends":
            asked += tuple(("E", x) for x in sorted(own - hub.streams) if ("E", x) not in asked)
        return self.with_hub(s, i, joined=True, asked=asked)._replace(
            store=store._replace(leases=store.leases | {i}))

    def reaping_of(self, s, i, hub):
        if hub.dead is None:
            for other in range(self.hubs):
                left = tuple(sorted(x for x, owner in s.store.active if owner == other))
                if other != i and other not in s.store.leases and left:
                    yield f"hub {i} sees that hub {other} is dead", self.with_hub(
                        s, i, dead=(other, left)), True
            return
        other, left = hub.dead
        n = self.with_hub(s, i, dead=None)
        if self.reaping == "believed" or other not in s.store.leases:
            for stream in left:
                if self.reaping == "believed" or (stream, other) in s.store.active:
                    n = self.write(n, "E", stream, other)
        yield f"hub {i} ends {left} of hub {other}", n, True

    # --- what happens to them

    def faults(self, s):
        for i, hub in enumerate(s.hubs):
            if s.left.cuts and hub.alive and hub.joined:
                yield f"hub {i} is cut off", self.with_hub(
                    self.spend(s, "cuts"), i, joined=False), False
            if s.left.deaths and hub.alive and self.hubs > 1 and all(h.alive for h in s.hubs):
                yield f"hub {i} DIES", self.with_hub(
                    self.spend(s, "deaths"), i, alive=False, joined=False, streams=frozenset(),
                    asked=(), dead=None), False
        if not s.left.losses:
            return
        if s.safe != s.store:
            yield "all is safe", s._replace(safe=s.store), False
        n = self.spend(s, "losses")
        for i, hub in enumerate(s.hubs):
            n = self.with_hub(n, i, joined=False, dead=None)
        yield "THE STORE LOSES what was not safe", n._replace(store=s.safe), False
        healed = s.store if self.heals == "both" else s.store._replace(active=s.safe.active)
        self.judge(healed)
        yield "THE STORE LOSES what was not safe, and it is put back", n._replace(
            store=healed), False
        yield "THE STORE LOSES all", n._replace(
            store=Store((), frozenset(), frozenset())), False

    # --- all of it

    def at_rest(self, s):
        here = {x for h in s.hubs if h.alive for x in h.streams}
        active = {x for x, _ in s.store.active}
        if active != here:
            raise Broken(f"active for ever: {sorted(active)}, there: {sorted(here)}")


WHOLE = {
    "leases": dict(cuts=2, deaths=1),
    "two_streams": dict(streams=2, cuts=1, deaths=1),
    "losses": dict(losses=2, deaths=1),
    "all": dict(cuts=1, losses=1, deaths=1),
}
READINGS = {
    "end=always": dict(end="always", cuts=1),
    "reaping=believed": dict(reaping="believed", cuts=1),
    "joining=trusts": dict(joining="trusts", cuts=1),
    "leftover=trusts": dict(leftover="trusts", losses=1),
    "heals=order": dict(heals="order", losses=1),
}

if __name__ == "__main__":
    sys.exit(tell(Model, WHOLE, {}, READINGS, sys.argv[1:]))
