#!/usr/bin/python3
"""Thousands of pages that come and go in every way, with kills and restarts of the hub, against the model of
tests/system/presence_model.py: lists, events and truth are one at every quiet moment.

    tests/soak/presence.py [--seconds 600] [--pages 10000] [--bin build/release/alipes] [--seed N]

Prints a JSON summary; exits with 1 at the first promise that is broken.
"""
import argparse
import json
import os
import random
import re
import resource
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "system"))

OPTIONS = argparse.ArgumentParser()
OPTIONS.add_argument("--seconds", type=float, default=600)
OPTIONS.add_argument("--pages", type=int, default=10000)
OPTIONS.add_argument("--bin", default="build/release/alipes")
OPTIONS.add_argument("--seed", type=int, default=random.randrange(10 ** 9))
O = OPTIONS.parse_args()
os.environ["ALIPES_BIN"] = O.bin

from history import LogHub  # noqa: E402
from presence_model import Model, settings  # noqa: E402


def memory(hub):
    return int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{hub.server.process.pid}/smaps_rollup").read_text(), re.M).group(1))


def main():
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    rng = random.Random(O.seed)
    with tempfile.TemporaryDirectory() as folder:
        hub = LogHub(Path(folder), "max_bytes 256MiB", extra=settings(rng, 1), workers=2)
        model = Model(hub, O.seed, O.pages, 1)
        began, peak, quiet = time.monotonic(), 0, []
        while time.monotonic() < began + O.seconds:
            model.fill(O.pages)
            model.run_for(min(20, O.seconds), quiet=0, kill=0, restart=0)
            peak = max(peak, len(model.pages))
            how = (model.kill, model.restart)[len(quiet) % 2]
            how()
            model.did[how.__name__] += 1
            model.run_for(min(10, O.seconds), quiet=0, kill=0, restart=0)
            then = time.monotonic()
            model.quiet(300)
            quiet.append(round(time.monotonic() - then, 1))
            print(f"{time.monotonic() - began:.0f} s: {len(model.pages)} pages, {model.count} ever, {memory(hub)} KiB, quiet after {quiet[-1]} s, {dict(model.did)}", flush=True)
        model.close()
        print(json.dumps({"seed": O.seed, "pages": model.count, "most_at_once": peak, "quiet_s": quiet, "did": dict(model.did), "ways": dict(model.ways),
                          "memory_kib": memory(hub)}))
        hub.stop()


if __name__ == "__main__":
    main()
