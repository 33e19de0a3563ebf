#!/usr/bin/python3
"""Hubs that share a store, for long: each fault of tests/system/test_redis_chaos.py over and over, and random ones one upon
the other, every answer and every stream judged by the order that the store has kept.

    tests/soak/shared_store.py [--seconds 1800] [--bin build/release/alipes] [--seed N] [--rows N] [NAME ...]

--rows: each fault so often, and nothing else. NAME: these rounds alone. Prints a line for each round and a JSON summary; exits with 1 at the first
promise that is broken.
"""
import argparse
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--seconds", type=float, default=1800)
OPTIONS.add_argument("--bin", default="build/release/alipes")
OPTIONS.add_argument("--seed", type=int, default=int(time.time()))
OPTIONS.add_argument("--rows", type=int, default=0)
OPTIONS.add_argument("names", nargs="*")
O = OPTIONS.parse_args()
os.environ["ALIPES_BIN"] = O.bin

import test_redis_chaos as chaos  # noqa: E402
from redis import Redis, RedisHub, Relay  # noqa: E402

DID, RNG = Counter(), random.Random(O.seed)
ROUND = 50


class Yard:
    """What the fixtures of the tests give, in a folder of its own."""

    def __init__(self):
        self.folder, self.started = Path(tempfile.mkdtemp(prefix="alipes-soak-")), []
        self.folder.chmod(0o755)

    def keep(self, one):
        self.started.append(one)
        return one

    def redis(self, *args, kind=Redis, **options):
        return self.keep(kind(self.folder / f"redis{len(self.started)}", *args, **options))

    def relay(self, to):
        return self.keep(Relay(to.address))

    def node(self, url, block="", **options):
        return self.keep(RedisHub(self.folder / f"node{len(self.started)}", url, block, **options))

    def site(self, *args, **options):
        return chaos.Site(self.redis, self.node, self.relay, *args, **options)

    def close(self, whole):
        for one in reversed(self.started):
            if isinstance(one, RedisHub):
                one.kill()
            else:
                one.stop()
        if whole:
            shutil.rmtree(self.folder)


ROWS = {f"{fault.__name__}, {persist}": lambda yard, persist=persist, fault=fault:
        chaos.test_what_a_server_loses_the_hubs_put_back_and_no_stream_notices(yard.site, persist, fault) for persist, fault in chaos.FAULTS}
ROWS |= {name.removeprefix("test_"): lambda yard, test=test: test(yard.site) for name, test in vars(chaos).items()
         if name.startswith("test_") and "site" in test.__code__.co_varnames[:1] and test.__code__.co_argcount == 1}
ROWS |= {f"sentinels, {how}": lambda yard, how=how: chaos.test_sentinels_change_the_master_and_nothing_is_lost(yard.redis, yard.node, how)
         for how in ("kill", "hang", "planned")}


# --- random faults, one upon the other

def fail_over(site):
    """To a replica that is behind."""
    site.follow()
    site.link.hush()
    time.sleep(RNG.random() * .5)
    site.redis.kill()
    site.promote()


def change_places(site):
    site.follow()
    site.promote(reset=RNG.random() < .5)
    site.demote()


def cut(site):
    relay = RNG.choice(site.relays)
    relay.cut()
    time.sleep(RNG.random())
    relay.mend()
    site.ordeal.settle()


def hush(site):
    relay = RNG.choice(site.relays)
    relay.hush(*RNG.choice([(), ("asked",), ("answered",)]))
    time.sleep(RNG.random())
    relay.reset()
    site.ordeal.settle()


def restart_a_hub(site):
    hub = RNG.choice(site.hubs)
    hub.stop()
    hub.start()


def kill_a_hub(site):
    hub = RNG.choice(site.hubs)
    hub.kill()
    hub.start()


def split(site):
    site.follow()
    site.promote(site.relays[1:])
    time.sleep(RNG.random())
    site.demote()
    site.lead(site.relays[:1])


STORE = [chaos.kill, chaos.crash_of_the_machine, chaos.hang, chaos.flush, chaos.evict_head, chaos.delete_stream, chaos.forget_scripts,
         chaos.kill_clients, chaos.be_paused, fail_over, change_places, cut, hush]


def random_faults(yard, faults):
    """Without a pause between some of them; each is seen through now and then."""
    site, did, began = yard.site("everysec"), [], time.monotonic()
    while time.monotonic() - began < min(ROUND, O.seconds):
        fault = RNG.choice(faults)
        did.append(fault.__name__)
        fault(site)
        time.sleep(RNG.random() * 2)
        if RNG.random() < .3:
            site.ordeal.settle()
    print(f"  {' '.join(did)}", flush=True)
    site.ordeal.settle()
    return site.finish()


def of_the_store(yard):
    """No hub dies, and none is alone with a master that was: nothing may be lost."""
    figures = random_faults(yard, STORE)
    assert (figures["lost"], figures["told"]) == (0, 0), figures


def of_all(yard):
    random_faults(yard, STORE + [restart_a_hub, kill_a_hub, split])


def run(name, what):
    yard = Yard()
    try:
        what(yard)
        DID[name] += 1
    except Exception as broken:  # noqa: BLE001
        yard.close(whole=False)
        return f"{name}: {broken!r}; its files are in {yard.folder}"
    yard.close(whole=True)
    return None


def main():
    began, fault = time.monotonic(), None
    print(f"seed {O.seed}, {O.seconds:.0f} s", flush=True)
    ever = {"of the store": of_the_store, "of all": of_all}
    rounds = list(ROWS.items()) * max(O.rows, 1)
    if O.names:
        rounds = [(name, what) for name, what in {**ROWS, **ever}.items() if name in O.names] * max(O.rows, 1)
    while fault is None and (rounds or (not O.rows and not O.names and time.monotonic() - began < O.seconds)):
        name, what = rounds.pop(0) if rounds else RNG.choice(list(ever.items()))
        print(f"{time.monotonic() - began:.0f} s: {name}", flush=True)
        fault = run(name, what)
    print(json.dumps({"seed": O.seed, "seconds": round(time.monotonic() - began), "did": dict(DID), "fault": fault}))
    sys.exit(fault is not None)


main()
