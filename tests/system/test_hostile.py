"""No request, however it is made, holds others up for long. The rows stand in hostile_hub.py and hostile_wires.py, what is
measured and how in hostile.py."""
import pytest

from hostile import REQUEST_US, SLACK, Target, measure, rows


@pytest.fixture
def target(tmp_path):
    hubs = []

    def start(conf):
        hubs.append(Target(tmp_path, conf, workers=1))
        return hubs[-1]

    yield start
    for hub in hubs:
        hub.stop()


@pytest.mark.parametrize("row", rows(), ids=lambda row: row.name)
def test_a_hostile_request_costs_others_little(row, target):
    worst, one = measure(row, target(row.conf))
    most = SLACK * row.ms * 1000 / REQUEST_US
    print(f"{row.name}: {worst * 1000:.1f} ms, as much as {worst / one:.0f} requests; {most:.0f} may be")
    assert worst / one < most
