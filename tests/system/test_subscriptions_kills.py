"""Kills while many come and go: whatever moment they hit, each who began has ended once, in one order with what is
published, and all that was acknowledged is there."""
import json
import random
import subprocess
import threading
from urllib.parse import quote

import pytest

from conftest import BIN, Stream, publish, wait_for
from history import LogHub
from presence import ISSUED, address, collection, open_stream, person, query

ROOM = "https://example.com/room"


def come_and_go(hub, over, chance, acknowledged):
    """Streams of all lengths, and updates, until the hub is gone."""
    streams, number = [], chance.randrange(10 ** 9)
    try:
        while not over.is_set():
            dialect = chance.choice(["0.x", "1.0"])
            streams.append(Stream(address(hub), query(dialect, ROOM, *chance.sample("abc", chance.randrange(3))), person(dialect, sub=str(chance.random()))))
            while len(streams) > 8 or (streams and chance.random() < 0.4):
                streams.pop(chance.randrange(len(streams))).close()
            number += 1
            if publish(address(hub), topic="t", id=f"p-{number}").status == 200:
                acknowledged.append(f"p-{number}")
    except (OSError, ValueError):
        pass  # killed
    finally:
        for stream in streams:
            stream.close()


def dump(folder):
    done = subprocess.run([BIN, "history", "dump", folder], capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.parametrize("hold_back", ["0s", "100ms"])
def test_who_began_has_ended_once_whatever_moment_a_kill_hits(tmp_path, hold_back):
    acknowledged = []
    hub = LogHub(tmp_path, "max_bytes 64MiB", extra=f"subscriptions {{\nhold_back {hold_back}\nhold_back_return {hold_back}\n}}\n{ISSUED}")
    for _ in range(6):
        before, over = len(acknowledged), threading.Event()
        threads = [threading.Thread(target=come_and_go, args=(hub, over, random.Random(random.random()), acknowledged)) for _ in range(4)]
        for thread in threads:
            thread.start()
        some = random.randint(20, 120)
        wait_for(lambda: len(acknowledged) - before >= some, "what comes and goes", 60)
        hub.kill()
        for thread in threads:
            thread.join(30)
            assert not thread.is_alive()
        hub.start()
    wait_for(lambda: not collection(hub, "0.x") + collection(hub, "1.0"), "the ends of those who do not come back")
    hub.stop()
    events = dump(hub.history)
    positions = [tuple(int(n) for n in e["position"].split("-")) for e in events]
    assert positions == sorted(set(positions))
    held = [e["id"] for e in events if e["topics"] == ["t"]]
    assert set(acknowledged) <= set(held) and len(held) == len(set(held))
    state = {}
    for event in events:
        if event["topics"] == ["t"]:
            continue
        subscription = event["topics"][0]
        said = json.loads(event["data"])
        assert said["id"] == subscription and said["active"] == (subscription not in state), event
        assert said["active"] or state[subscription]
        state[subscription] = said["active"]
    assert len(state) > 200 and not any(state.values())


@pytest.mark.parametrize("dialect", ["0.x", "1.0"])
def test_who_stays_longer_than_the_history_of_begins_is_known_after_a_kill(tmp_path, dialect):
    hub = LogHub(tmp_path, extra=f"subscriptions {{\nmax_bytes 1MiB\nhold_back 0s\nhold_back_return 0s\n}}\n{ISSUED}")
    stayers = [open_stream(hub, dialect, ROOM, auth=person(dialect, sub=str(n), payload=n)) for n in range(20)]
    there = sorted(collection(hub, dialect))
    for turn in range(3):  # each more than there is room for
        for _ in range(60):
            streams = [open_stream(hub, dialect, *(f"https://example.com/{n}" for n in range(10)), auth=person(dialect)) for _ in range(2)]
            for stream in streams:
                stream.close()
    wait_for(lambda: sorted(collection(hub, dialect)) == there, "those who came to be gone again")
    assert sum(f.stat().st_size for f in (hub.history / "subscriptions").iterdir()) <= 1 << 20
    subjects = {subscriber for _, subscriber in there}
    events = dump(hub.history)
    assert not [e for e in events if e["topics"][0].rsplit("/", 1)[1] in {quote(s, safe="") for s in subjects}]
    hub.kill()
    hub.start()
    wait_for(lambda: collection(hub, dialect) == [], "the ends")
    ends = [json.loads(e["data"]) for e in dump(hub.history) if e.get("subscription") == "end"]
    assert sorted(e["subscriber"] for e in ends if e["subscriber"] in subjects) == sorted(subjects)
    assert all(e["payload"] in range(20) for e in ends if e["subscriber"] in subjects)
    hub.stop()
    for stream in stayers:
        stream.close()
