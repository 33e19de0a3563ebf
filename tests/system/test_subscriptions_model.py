"""Pages come and go at random in every way there is, and the hub is killed and restarted: at every quiet moment the
lists, what observers have heard and the truth are one. (MODEL_SECONDS, MODEL_SEED, MODEL_PAGES run it longer, again,
larger.)"""
import os
import random

import pytest

from conftest import Hub
from history import LogHub
from presence import CONFIG, Model

SECONDS = float(os.environ.get("MODEL_SECONDS", 5))
PAGES = int(os.environ.get("MODEL_PAGES", 60))


def settings(rng, pages, hold_back):
    return (f"{CONFIG}subscriptions {{\n hold_back {hold_back}s\n hold_back_return {rng.choice(['100ms', '2s'])}\n}}\nshutdown_timeout 500ms\n"
            f"max_streams_per_token 100000\nmax_update_size 1MiB\nheartbeat 1s\ntail {rng.choice(['64KiB', '4MiB'])}")


@pytest.mark.parametrize("transport", ["log", "memory"])
def test_lists_events_and_truth_are_one_whatever_pages_and_hub_do(tmp_path, transport):
    seed = int(os.environ.get("MODEL_SEED", random.randrange(10 ** 9)))
    print(f"MODEL_SEED={seed}")
    rng = random.Random(seed)
    hold_back, workers = rng.choice([1, 2]), rng.choice([1, 2, 3])
    extra = settings(rng, PAGES, hold_back)
    if transport == "log":
        hub = LogHub(tmp_path, "max_bytes 64MiB", extra=extra, workers=workers)
    else:
        hub = Hub(tmp_path, extra.replace("heartbeat 1s\n", ""), workers=workers)
    model = Model(hub, seed, PAGES, hold_back, forgets=transport == "memory")
    model.run(SECONDS)
    print(f"{model.count} pages, {dict(model.did)}, {dict(model.ways)}")
    assert model.did["quiet"] > 0
    hub.stop()
