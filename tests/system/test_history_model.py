"""Random publishes, connects, stalls, restarts and cursors of all kinds, small retention at work, against
a model of what each stream must have seen. (MODEL_SECONDS and MODEL_SEED run it longer, or again.)"""
import os
import random

from history import LogHub
from model import HELD, Model


def test_every_stream_sees_what_the_model_says(tmp_path):
    seed = int(os.environ.get("MODEL_SEED", random.randrange(10 ** 9)))
    print(f"MODEL_SEED={seed}")
    rng = random.Random(seed)
    extra = f"tail {rng.choice(['4KiB', '64KiB', '1MiB'])}\n{rng.choice(['', 'durability interval 20ms'])}\nshutdown_timeout 500ms"
    hub = LogHub(tmp_path, f"max_bytes 16MiB, max_events {HELD}", extra=extra, workers=rng.choice([1, 2, 3]))
    model = Model(hub, seed)
    model.run(float(os.environ.get("MODEL_SECONDS", 8)))
    print(f"{len(model.log)} updates, {model.did}")
    assert len(model.log) > 100
    hub.stop()
