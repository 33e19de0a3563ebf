"""Several hubs behind one balancer, as examples/compose/redis has them: restarted one after another, killed with all their
streams, cut off for longer than the history is kept."""
import json
import os
import random
import threading
import time

import pytest

from conftest import ROOT, Client, Front, free_port, publish, wait_for
from history import Listener, Publisher, read_until
from ordeal import Ordeal, Reader
from presence import API, ISSUED, collection, person
from redis import start_node, start_redis, start_relay  # noqa: F401

ROOM = "https://example.com/rooms/1"


def start_balancer(folder, hubs):
    """Caddy with the example's own file, to these hubs. It, and where it is."""
    port = free_port()
    folder.mkdir()
    text = (ROOT / "examples/compose/redis/Caddyfile").read_text()
    text = text.replace("{$SITE:localhost}", f"http://:{port}").replace("\ttls {$TLS:internal}\n", "\tbind 127.0.0.1\n")
    text = text.replace("hub1:8080 hub2:8080", " ".join(f"127.0.0.1:{hub.port}" for hub in hubs))
    text = text.replace("/usr/local/share/alipes", str(ROOT)).replace("root * /srv", f"root * {folder}")
    conf = folder / "Caddyfile"
    conf.write_text(text)
    env = {**os.environ, "HOME": str(folder), "XDG_DATA_HOME": str(folder), "XDG_CONFIG_HOME": str(folder)}
    front = Front("caddy", ["caddy", "run", "--config", conf, "--adapter", "caddyfile"], folder, env)
    where = ("127.0.0.1", port)

    def answers():
        assert front.process.poll() is None, front.log()
        try:
            return Client(where).get("/.well-known/mercure").status == 400
        except OSError:
            return False

    wait_for(answers, "the balancer")
    return front, where


@pytest.fixture
def balancer(tmp_path):
    started = []

    def start(hubs):
        front, where = start_balancer(tmp_path / "caddy", hubs)
        started.append(front)
        return where

    yield start
    for front in started:
        front.process.kill()  # asked to stop, it waits for streams that a failed test leaves open
        front.process.wait(30)


class Person:
    """Is in the room, and comes back at once whenever its stream ends. Its payload says who it is."""

    def __init__(self, where, name):
        self.where, self.auth = where, person("1.0", sub=name, payload={"who": name})
        self.listener = Listener(where, f"match={ROOM}", self.auth)

    def turn(self):
        self.listener.read()
        if self.listener.ended:
            self.listener = Listener(self.where, f"match={ROOM}", self.auth)


class Observer:
    """Counts who is in the room, by begins and ends alone; through everything, by its cursor."""

    def __init__(self, where):
        self.where, self.auth, self.taken, self.cursor = where, person("1.0"), 0, None
        self.active, self.least, self.ends = {}, {}, []
        self.open()

    def open(self):
        headers = [f"Last-Event-ID: {self.cursor}"] if self.cursor else []
        self.listener, self.taken = Listener(self.where, f"match_urlpattern={API}/:match_type/:match/:subscriber", self.auth, *headers), 0

    def turn(self):
        self.listener.read()
        for id, data in self.listener.events[self.taken:]:
            self.cursor = id
            told = json.loads(data)
            if told["match"] == ROOM:
                self.tell(told["payload"]["who"], told["subscriber"], told["active"])
        self.taken = len(self.listener.events)
        assert self.listener.cursor in (None, self.cursor) or self.taken, "what it had heard last is known"
        if self.listener.ended:
            self.open()

    def tell(self, who, subscriber, is_active):
        here = self.active.setdefault(who, set())
        if is_active:
            assert subscriber not in here, "it begins once"
            here.add(subscriber)
        else:
            here.remove(subscriber)  # it ends once, and has begun
            self.ends.append(subscriber)
            self.least[who] = min(self.least.get(who, 1), len(here))


class Crowd(threading.Thread):
    """People and an observer, each in its turn."""

    def __init__(self, where, names):
        super().__init__()
        self.observer, self.fault, self.is_over = Observer(where), None, False
        read_until([self.observer.listener], lambda: self.observer.listener.status == 200, "the observer's head")
        self.people = [Person(where, name) for name in names]
        self.start()

    def run(self):
        try:
            while not self.is_over:
                for one in (self.observer, *self.people):
                    one.turn()
                time.sleep(0.002)
        except Exception as fault:  # told to whoever waits
            self.fault = fault

    def wait(self, condition, what):
        def holds():
            if self.fault:
                raise self.fault
            return condition()

        wait_for(holds, what)

    def end(self):
        self.is_over = True
        self.join(60)


def roll(start_redis, start_node, balancer, rounds, seed, writers=2, readers=4, pause=0.005):
    store = start_redis("everysec")
    block = f"subscriptions {{\nhold_back 3s\nhold_back_return 5s\n}}\nshutdown_timeout 1s\n{ISSUED}"
    hubs = [start_node(store.unix, "lease 600s\nheal 200ms", extra=block) for _ in range(3)]
    where = balancer(hubs)
    names = [f"person {i}" for i in range(6)]
    crowd = Crowd(where, names)
    crowd.wait(lambda: sorted(crowd.observer.active) == names, "all of them")
    ordeal = Ordeal(hubs[0], where, seed, writers=writers, readers=readers, pause=pause)
    for _ in range(rounds):
        for hub in hubs:
            before = len(ordeal.acknowledged())
            wait_for(lambda: len(ordeal.acknowledged()) > before + 20, "publishing")
            hub.stop()
            wait_for(lambda: len(ordeal.acknowledged()) > before + 40, "publishing without it")
            hub.start()
    order = ordeal.finish()
    lists = []

    def agree():
        """What the hubs list and what was heard are the same six: not so yet while somebody is on the way back, or the observer is."""
        lists[:] = [[who for what, who in collection(hub, "1.0") if what == ROOM] for hub in hubs]
        here = [who for those in crowd.observer.active.copy().values() for who in those.copy()]
        return len(here) == len(names) and all(sorted(one) == sorted(here) for one in lists)

    crowd.wait(agree, "the last end")
    crowd.end()
    assert lists[0] == lists[1] == lists[2], "one order"
    assert min(crowd.observer.least.values(), default=1) >= 1, "somebody was seen leaving"
    return len(order), len(crowd.observer.ends)


def test_three_hubs_restarted_one_after_another_lose_nothing_and_nobody_is_seen_leaving(start_redis, start_node, balancer):
    updates, ends = roll(start_redis, start_node, balancer, rounds=1, seed=random.randrange(10 ** 9))
    print(f"{updates} updates, {ends} ends")
    assert updates > 120 and ends >= 4


class Shore:
    """Where streams are, and where they go when that is gone: as Ordeal is to its readers."""

    def __init__(self, front):
        self.front = front


def storm(start_redis, start_node, count, workers=1):
    """So many streams on one hub, which is killed while updates go on; the seconds until all are live on the other."""
    store = start_redis("everysec")
    first, second = [start_node(store.unix, "heal 200ms", workers=workers, extra="max_streams_per_token 20000", heartbeat="60s") for _ in range(2)]
    shore, sent, publisher = Shore(first.address), [], Publisher(second.address)

    def say(many):
        for _ in range(many):
            sent.append(f"n{len(sent)}")
            assert publisher.publish(topic="t", id=sent[-1], data="x" * 40) == 200

    def turn(until, what):
        deadline = time.monotonic() + 120
        while not until():
            assert time.monotonic() < deadline, f"waited in vain for {what}"
            for reader in readers:
                reader.turn()

    readers = [Reader(shore) for _ in range(count)]
    turn(lambda: all(r.listener and r.listener.status == 200 for r in readers), "the heads")
    say(5)
    turn(lambda: all(r.ids == sent for r in readers), "all on the first")
    say(5)  # some have these when it dies, some have not
    first.kill()
    killed = time.monotonic()
    shore.front = second.address
    say(5)
    turn(lambda: all(r.connections == 2 for r in readers), "all on the second")
    say(1)
    turn(lambda: all(r.ids[-1:] == sent[-1:] for r in readers), "all live")
    took = time.monotonic() - killed
    assert all(r.ids == sent for r in readers), "0 lost, 0 doubled"
    assert not any(r.faults for r in readers)
    for reader in readers:
        reader.listener.close()
    publisher.close()
    return took


def test_the_streams_of_a_killed_hub_are_back_on_another_by_their_cursors(start_redis, start_node):
    print(f"live after {storm(start_redis, start_node, 2000):.1f} s")


def test_a_hub_that_was_away_for_longer_than_the_history_is_kept_tells_its_streams(start_redis, start_node, start_relay):
    store = start_redis("none")
    relay = start_relay(store)
    bounds = "max_events 16"
    away, other = start_node(relay.url, "heal 200ms", history=bounds), start_node(store.unix, "heal 200ms", history=bounds)
    reader = Reader(Shore(away.address))
    read_until([reader.listener], lambda: reader.listener.status == 200, "the head")
    assert publish(other.address, topic="t", id="first", data="x").status == 200
    wait_for(lambda: reader.turn() or reader.ids == ["first"], "an update")
    relay.cut()
    for i in range(200):
        assert publish(other.address, topic="t", id=f"n{i}", data="x").status == 200
    relay.mend()
    wait_for(lambda: reader.turn() or reader.faults, "its return")  # before that it may be put off
    assert reader.faults == ["cursor first was answered earliest"]
    assert publish(other.address, topic="t", id="last", data="x").status == 200
    wait_for(lambda: reader.turn() or reader.ids[-1] == "last", "what is live")
    assert len(set(reader.ids)) == len(reader.ids)
    reader.listener.close()
