"""Hubs on one store while servers die, hang, lose what they took, change places, are full or cut off: no acknowledged update is
lost that the store kept or a hub held, none comes twice, there is one order, and who stood on lost ground is told.
(Random faults, for long: tests/soak/redis.py.)"""
import re
import signal
import time

import pytest

from conftest import wait_for
from redis import Watched, start_node, start_redis, start_relay  # noqa: F401
from redis_ordeal import Ordeal

QUICK = "timeout 500ms\nconnect_timeout 500ms\nheal 1s\n"


class Site:
    """Three hubs on a server, each over a wire of its own."""

    def __init__(self, start_redis, start_node, start_relay, persist="none", block=QUICK, hubs=3, conf=""):
        self.redis, self.relays, self.persist = start_redis(persist, conf), [], persist
        self.replica = None
        self.start_redis, self.start_relay, self.link = start_redis, start_relay, None
        for _ in range(hubs):
            self.relays.append(start_relay(self.redis))
        self.hubs = [start_node(relay.url, block, heartbeat="30s") for relay in self.relays]
        self.ordeal = Ordeal(self.hubs)

    def follow(self):
        """A replica, that has all; what it gets from now on goes over a wire."""
        self.link = self.start_relay(self.redis)
        self.replica = self.start_redis(self.persist, replica_of=self.link)
        wait_for(self.replica.follows, "the replica")

    def promote(self, relays=None, reset=True):
        """The replica is the master, and who reaches it over these wires goes there from now on."""
        self.link.cut()
        self.replica.call("REPLICAOF", "NO", "ONE")
        self.replica.call("CONFIG", "REWRITE")
        self.redis, self.replica = self.replica, self.redis
        self.lead(relays or self.relays, reset)

    def demote(self):
        """Who was the master before, and lives, follows."""
        self.replica.call("REPLICAOF", "127.0.0.1", self.redis.port)
        self.replica.call("CONFIG", "REWRITE")

    def lead(self, relays, reset=True):
        for relay in relays:
            relay.to = self.redis.address
            if reset:
                relay.reset()

    def finish(self):
        return finish(self.ordeal, self.redis)


def finish(ordeal, server):
    """What each has seen is judged; figures of it, and of what the hubs have put back."""
    figures = ordeal.finish(server)
    figures["healed"] = sum(int(n) for hub in ordeal.hubs for n in re.findall(r"event=redis_healed updates=(\d+)", hub.log()))
    print(figures)
    return figures


@pytest.fixture
def site(start_redis, start_node, start_relay):
    def start(*args, **options):
        return Site(start_redis, start_node, start_relay, *args, **options)

    return start


def assert_well(figures, ended=0):
    assert (figures["lost"], figures["ended"], figures["told"]) == (0, ended, 0), figures


# --- one server

def kill(site):
    site.redis.kill()
    site.redis.start()


def crash_of_the_machine(site):
    """What came last is not in the file."""
    site.redis.kill()
    path = site.redis.appended()
    with open(path, "r+b") as file:
        file.truncate(max(0, path.stat().st_size * 2 // 3))
    site.redis.start()


def empty_folder(site):
    site.redis.kill()
    site.redis.lose_everything()
    site.redis.start()


def hang(site):
    site.redis.pause()
    time.sleep(1.5)  # past every time-out
    site.redis.resume()


def flush(site):
    site.redis.call("FLUSHALL")


def evict_head(site):
    site.redis.call("DEL", "{alipes}:h")


def delete_stream(site):
    site.redis.call("DEL", "{alipes}:s")


def forget_scripts(site):
    site.redis.call("SCRIPT", "FLUSH")


def kill_clients(site):
    for _ in range(5):
        site.redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        time.sleep(.05)


def be_paused(site):
    site.redis.call("CLIENT", "PAUSE", 300)


FAULTS = [("everysec", kill), ("always", kill), ("always", crash_of_the_machine), ("everysec", empty_folder), ("none", hang),
          ("none", flush), ("none", evict_head), ("none", delete_stream), ("none", forget_scripts), ("none", kill_clients), ("none", be_paused)]


@pytest.mark.parametrize("persist, fault", FAULTS, ids=[f"{fault.__name__}-{persist}" for persist, fault in FAULTS])
def test_what_a_server_loses_the_hubs_put_back_and_no_stream_notices(site, persist, fault):
    s = site(persist)
    s.ordeal.goes_on(100)
    fault(s)
    s.ordeal.goes_on()
    s.ordeal.settle()
    assert_well(s.finish())


# --- two servers

def test_a_replica_that_is_promoted_and_was_behind_is_given_what_it_lacks(site):
    s = site()
    for _ in range(2):
        s.follow()
        s.link.hush()
        s.ordeal.goes_on(100)
        s.redis.kill()
        s.promote()
        s.ordeal.settle()
    figures = s.finish()
    assert_well(figures)
    assert figures["healed"] > 50


def test_a_master_that_is_told_to_follow_while_both_live_loses_nothing(site):
    s = site()
    s.follow()
    s.ordeal.goes_on(50)
    s.promote(reset=False)
    s.demote()
    s.ordeal.settle()
    assert_well(s.finish())


def test_a_replica_that_was_behind_is_promoted_as_a_hub_dies(site):
    s = site()
    s.follow()
    s.link.hush()
    s.ordeal.goes_on(100)
    s.redis.kill()
    s.hubs[0].kill()
    s.promote()
    s.ordeal.goes_on()
    s.hubs[0].start()
    s.ordeal.settle()
    figures = s.finish()
    # What the dead hub alone had read back nobody has any more; all that another had taken is there, on streams that go on.
    assert {data.removeprefix("mark.").split(".")[0] for data in s.ordeal.lost} <= {"0"}, s.ordeal.lost
    assert [reader.ends for reader in s.ordeal.readers[2:6]] == [0] * 4, figures


@pytest.mark.parametrize("how", ["kill", "hang", "planned"])
def test_sentinels_change_the_master_and_nothing_is_lost(start_redis, start_node, how):
    watched = start_redis("always", kind=Watched)
    sentinels = " ".join(f"127.0.0.1:{one.port}" for one in watched.sentinels)
    hubs = [start_node("", f"addresses {sentinels}\nsentinel alipes-test\n{QUICK}", heartbeat="30s") for _ in range(3)]
    ordeal = Ordeal(hubs)
    ordeal.goes_on(50)
    if how == "planned":
        watched.fail_over()
    else:
        watched.replica.kill()  # it lacks what comes now
        ordeal.goes_on(50)
        watched.master.pause()
        if how == "kill":
            watched.master.kill()
        watched.replica.start()
    wait_for(lambda: watched.now() is watched.replica and watched.replica.role() == "master", "another master")
    if how == "hang":
        watched.master.resume()
    # Who asks the Sentinels a moment later goes on with the old one until then.
    ordeal.wait(lambda: all(hub.servers()[-1:] == [f"127.0.0.1:{watched.replica.port}"] for hub in hubs), "the hubs there")
    ordeal.goes_on()
    ordeal.settle()
    assert_well(finish(ordeal, watched.replica))


# --- wires

def test_a_hub_whose_wire_is_cut_or_says_nothing_any_more_is_back_with_all_that_it_missed(site):
    s = site()
    s.ordeal.goes_on(50)
    s.relays[0].cut()
    s.ordeal.goes_on(50)
    s.relays[0].mend()
    s.ordeal.settle()
    for direction in ("asked", "answered"):
        s.relays[1].hush(direction)
        time.sleep(1)  # past the time-out
        s.relays[1].reset()
        s.ordeal.settle()
    assert_well(s.finish())


# --- memory

def test_a_store_that_is_full_refuses_at_once_keeps_its_streams_and_goes_on(site):
    s = site()
    s.ordeal.goes_on(50)
    s.redis.call("CONFIG", "SET", "maxmemory", 1000000)
    s.ordeal.wait(lambda: list(s.ordeal.answers.values()).count(503) > 20, "refusals")
    s.redis.call("CONFIG", "SET", "maxmemory", 0)
    s.ordeal.settle()
    figures = s.finish()
    assert_well(figures)
    assert figures["not"] > 20, figures


# --- hubs

def test_hubs_that_are_restarted_one_after_another_under_load_lose_and_double_nothing(site):
    s = site()
    for hub in s.hubs:
        s.ordeal.goes_on(50)
        hub.stop()
        hub.start()
        s.ordeal.settle()
    figures = s.finish()
    assert (figures["lost"], figures["told"]) == (0, 0), figures


def test_a_hub_that_is_killed_in_the_middle_of_a_batch_loses_nothing_that_it_has_acknowledged(site):
    s = site()
    for _ in range(4):
        s.ordeal.goes_on(40)
        s.hubs[0].server.process.send_signal(signal.SIGKILL)
        s.hubs[0].server.process.wait(30)
        s.hubs[0].start()
        s.ordeal.settle()
    figures = s.finish()
    assert (figures["lost"], figures["told"]) == (0, 0), figures


def test_all_hubs_die_with_the_tail_and_who_has_seen_it_is_told(site):
    s = site()
    s.follow()
    s.link.hush()
    s.ordeal.goes_on(60)
    s.redis.kill()
    for hub in s.hubs:
        hub.kill()
    s.promote()
    for hub in s.hubs:
        hub.start()
    s.ordeal.settle()
    figures = s.finish()
    # Nobody has it any more: each stream that had seen it is told, and none goes on behind it.
    assert figures["lost"] > 30 and figures["told"] >= 1, figures
