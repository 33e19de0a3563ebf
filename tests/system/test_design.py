"""What DESIGN.md and PROTOCOL.md decide holds in every order of events, and each other reading is seen to break."""
import subprocess
import sys

import pytest

from conftest import ROOT


@pytest.mark.parametrize("model", ["subscriptions", "multicast", "shared_store", "shared_presence"])
def test_the_design_holds_in_every_order_of_events_and_every_other_reading_breaks(model):
    said = subprocess.run([sys.executable, ROOT / f"tests/model/{model}.py"], capture_output=True, text=True)
    assert said.returncode == 0, said.stdout + said.stderr
