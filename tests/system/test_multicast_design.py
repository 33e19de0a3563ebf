"""What PROTOCOL.md says of the multicast wire loses nothing in every order of events, and each other reading breaks."""
import subprocess
import sys

from conftest import ROOT


def test_every_order_of_events_keeps_the_deliveries_and_every_other_reading_is_seen_to_break():
    model = subprocess.run([sys.executable, ROOT / "tests/model/multicast.py"], capture_output=True, text=True)
    assert model.returncode == 0, model.stdout + model.stderr
