#!/usr/bin/python3
"""Several hubs on one Redis, for long: thousands of streams on a hub that is killed, back on another by their cursors; and
three hubs behind a balancer that are restarted one after another, again and again, under load and with people in a room.

    tests/soak/hubs.py [--seconds 1800] [--streams 10000] [--bin build/release/alipes] [--seed N]

Prints a line for each round and a JSON summary; exits with 1 at the first promise that is broken.
"""
import argparse
import json
import os
import random
import resource
import signal
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--seconds", type=float, default=1800)
OPTIONS.add_argument("--streams", type=int, default=10000)
OPTIONS.add_argument("--bin", default="build/release/alipes")
OPTIONS.add_argument("--seed", type=int, default=random.randrange(10 ** 9))
O = OPTIONS.parse_args()
os.environ["ALIPES_BIN"] = O.bin

from redis import Redis, RedisHub  # noqa: E402
from test_nodes_rolling import roll, start_balancer, storm  # noqa: E402


class Site:
    """What the tests' fixtures start, in a folder of its own, and stop."""

    def __enter__(self):
        self.place = tempfile.TemporaryDirectory()
        self.folder, self.stores, self.hubs, self.fronts = Path(self.place.name), [], [], []
        self.folder.chmod(0o755)
        return self

    def store(self, *args, **options):
        self.stores.append(Redis(self.folder / f"redis{len(self.stores)}", *args, **options))
        return self.stores[-1]

    def hub(self, url, block="", **options):
        self.hubs.append(RedisHub(self.folder / f"node{len(self.hubs)}", url, block, level="error", **options))
        return self.hubs[-1]

    def balancer(self, hubs):
        front, where = start_balancer(self.folder / "caddy", hubs)
        self.fronts.append(front)
        return where

    def __exit__(self, *what):
        for front in self.fronts:
            front.process.send_signal(signal.SIGTERM)
            front.process.wait(30)
        for hub in self.hubs:
            if hub.server.process.poll() is None:
                hub.stop()
        for store in self.stores:
            store.kill()
        self.place.cleanup()


def main():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    began, updates, ends, rounds = time.monotonic(), 0, 0, 0
    with Site() as site:
        live = storm(site.store, site.hub, O.streams)
    print(f"{O.streams} streams: all live on the other hub {live:.1f} s after the kill", flush=True)
    while rounds == 0 or time.monotonic() < began + O.seconds:
        with Site() as site:
            more, ended = roll(site.store, site.hub, site.balancer, rounds=5, seed=O.seed + rounds)
        updates, ends, rounds = updates + more, ends + ended, rounds + 1
        print(f"{time.monotonic() - began:.0f} s: {15 * rounds} restarts, {updates} updates, {ends} ends", flush=True)
    print(json.dumps({"seed": O.seed, "streams": O.streams, "live_s": round(live, 1), "restarts": 15 * rounds, "updates": updates, "ends": ends}))


if __name__ == "__main__":
    main()
