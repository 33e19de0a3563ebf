"""What DESIGN.md decides about hubs that share a store holds in every order of events, and each other reading breaks."""
import subprocess
import sys

import pytest

from conftest import ROOT


@pytest.mark.parametrize("model", ["shared_store", "shared_presence"])
def test_every_order_of_events_keeps_the_one_order_and_every_other_reading_is_seen_to_break(model):
    said = subprocess.run([sys.executable, ROOT / f"tests/model/{model}.py"], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
