"""Pages come and go at random in every way there is, and the hub is killed and restarted: at every quiet moment the
lists, what observers have heard and the truth are one. (MODEL_SECONDS, MODEL_SEED, MODEL_PAGES run it longer, again,
larger.)"""
import os
import random

import pytest

from conftest import Hub
from history import LogHub
from presence_model import Model, settings

SECONDS = float(os.environ.get("MODEL_SECONDS", 2))
PAGES = int(os.environ.get("MODEL_PAGES", 60))


@pytest.mark.parametrize("transport", ["log", "log that forgets", "memory"])
def test_lists_events_and_truth_are_one_whatever_pages_and_hub_do(tmp_path, transport):
    seed = int(os.environ.get("MODEL_SEED", random.randrange(10 ** 9)))
    print(f"MODEL_SEED={seed}")
    rng = random.Random(seed)
    hold_back, workers = rng.choice([1, 2]), rng.choice([1, 2, 3])
    extra = settings(rng, hold_back)
    if transport == "log that forgets":
        extra = extra.replace("subscriptions {", "subscriptions {\n max_bytes 1MiB\n max_age 1s")
    if transport == "memory":
        hub = Hub(tmp_path, extra, workers=workers)
    else:
        hub = LogHub(tmp_path, "max_bytes 64MiB", extra=extra, workers=workers)
    model = Model(hub, seed, PAGES, hold_back, forgets=transport != "log")
    model.run(SECONDS)
    print(f"{model.count} pages, {dict(model.did)}, {dict(model.ways)}, {sum(o.told for o in model.observers)} told")
    assert model.did["quiet"] > 0
    hub.stop()
