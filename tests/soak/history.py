#!/usr/bin/python3
"""The history's ordeals, for long: killed and stopped at random moments behind a real front, out of disk,
clocks that jump, random readers against the model; and first with more than a million events.

    tests/soak/history.py [--seconds 1800] [--bin build/release/alipes] [--events 1050000] [--seed N]

Prints a line for each round and a JSON summary; exits with 1 at the first promise that is broken. At
least 50 kills, however short.
"""
import argparse
import json
import os
import random
import shutil
import signal
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
OPTIONS.add_argument("--events", type=int, default=1050000)
OPTIONS.add_argument("--seed", type=int, default=int(time.time()))
O = OPTIONS.parse_args()
os.environ["ALIPES_BIN"] = O.bin

import test_history_kill as kill  # noqa: E402
import test_history_trouble as trouble  # noqa: E402
from history import Listener, LogHub, Publisher, read_until, restore  # noqa: E402
from model import HELD, Model  # noqa: E402

KILLS = 25
DID, RNG = Counter(), random.Random(O.seed)


def a_million(folder):
    """Restored, then killed under publishing; cursors from 10, 10,000 and a million back."""
    bounds = f"max_events {O.events * 2}, max_bytes 2GiB"
    restore(folder, bounds, ((f"n{i}", "t", str(i)) for i in range(O.events)))
    hub = LogHub(folder, bounds)
    publisher, last = Publisher(hub.socket), O.events
    for _ in range(5):
        for _ in range(RNG.randrange(200)):
            assert publisher.publish(topic="t", id=f"n{last}", data=str(last)) == 200
            last += 1
        hub.kill()
        publisher.close()
        began = time.monotonic()
        hub.start()
        print(f"  {last} held, ready {(time.monotonic() - began) * 1000:.0f} ms after a kill", flush=True)
        DID["kills"] += 1
    for back in (10, 10000, min(1000000, O.events)):
        listener, cursor = Listener(hub.socket, "topic=t", f"Last-Event-ID: n{last - back}"), last - back
        read_until([listener], lambda: len(listener.events) >= back - 1, f"{back} events", 120)
        assert listener.cursor == f"n{cursor}"
        assert [int(data) for _, data in listener.events] == list(range(cursor + 1, last))
        listener.close()
    hub.stop()


def kills(folder):
    hub = LogHub(folder, "max_bytes 256MiB", extra="shutdown_timeout 2s")
    caddy, front = kill.caddy_before(hub, folder)
    try:
        kill.run_kills(hub, front, RNG, KILLS, RNG.choice([[signal.SIGKILL], [signal.SIGKILL, signal.SIGTERM]]))
        DID["kills"] += KILLS
    finally:
        caddy.stop(signal.SIGKILL)
    hub.stop()


def full_disk(folder):
    kill.test_a_disk_that_is_full_now_and_then(folder, RNG)


def clock(folder):
    trouble.test_a_clock_that_jumps_both_ways(folder, RNG)


def model(folder):
    seed = RNG.randrange(10 ** 9)
    print(f"  MODEL_SEED={seed}", flush=True)
    extra = f"tail {RNG.choice(['4KiB', '64KiB', '1MiB'])}\n{RNG.choice(['', 'durability interval 20ms'])}\nshutdown_timeout 500ms"
    hub = LogHub(folder, f"max_bytes 16MiB, max_events {HELD}", extra=extra, workers=RNG.choice([1, 2, 3]))
    run = Model(hub, seed, subscribers=RNG.choice([5, 12, 40]))
    run.run(min(60, O.seconds / 4))
    DID["events of the model"] += len(run.log)
    hub.stop()


def main():
    began = time.monotonic()
    print(f"seed {O.seed}, {O.seconds:.0f} s", flush=True)
    rounds = [a_million, kills, kills, model, full_disk, clock]
    fault = None
    while fault is None and (rounds or time.monotonic() - began < O.seconds):
        what = rounds.pop(0) if rounds else RNG.choice([kills, kills, model, full_disk, clock])
        print(f"{time.monotonic() - began:.0f} s: {what.__name__}", flush=True)
        folder = Path(tempfile.mkdtemp(prefix="alipes-soak-"))
        folder.chmod(0o755)
        try:
            what(folder)
            DID[what.__name__] += 1
        except Exception as broken:  # noqa: BLE001
            fault = f"{what.__name__}: {broken!r}; its files are in {folder}"
        else:
            shutil.rmtree(folder)
    print(json.dumps({"seed": O.seed, "seconds": round(time.monotonic() - began), "did": dict(DID), "fault": fault}))
    sys.exit(fault is not None)


main()
