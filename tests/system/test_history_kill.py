"""The hub is killed, stopped, out of disk, under load: nothing acknowledged is lost, nothing
comes twice, there is one order. (The long form is in tests/soak.)"""
import os
import random
import shutil
import signal
import time

import pytest

from conftest import SANITIZED, front_ready, start_caddy, wait_for
from history import AUTH, Listener, LogHub, Publisher, read_until, restore
from ordeal import Ordeal
from trouble import SmallDisk

KILLS = int(os.environ.get("HISTORY_KILLS", 8 if SANITIZED else 28))


@pytest.fixture
def rng():
    seed = int(os.environ.get("HISTORY_SEED", random.randrange(10 ** 6)))
    print(f"HISTORY_SEED={seed}")
    yield random.Random(seed)


def caddy_before(hub, folder):
    server, port = start_caddy(folder, hub, "http-unix")
    server.hub_goes_away, front = True, ("127.0.0.1", port)
    front_ready(server, front)
    return server, front


def run_kills(hub, front, rng, kills, how):
    """That many ends at random moments; the hub is started again at once."""
    ordeal = Ordeal(hub, front, rng.randrange(10 ** 6))
    for _ in range(kills):
        time.sleep(rng.random() * 0.2)  # the moment is the point: there is nothing to wait for
        hub.server.process.send_signal(rng.choice(how))
        hub.server.process.wait(30)
        if rng.random() < 0.3:
            hub.launch()  # killed again while it starts
            time.sleep(rng.random() * 0.03)
            hub.kill()
        hub.start()
    order = ordeal.finish()
    connections = sum(reader.connections for reader in ordeal.readers)
    statuses = list(ordeal.answers().values())
    print(f"{kills} ends: {statuses.count(200)} acknowledged, {len(statuses) - statuses.count(200)} not, {len(order)} held, "
          f"{connections} connections of {len(ordeal.readers)} streams")
    assert len(order) > kills
    assert connections > kills
    return order


@pytest.mark.parametrize("how", [[signal.SIGKILL], [signal.SIGTERM, signal.SIGKILL]], ids=["kill", "term"])
def test_killed_at_random_moments_behind_a_front(tmp_path, rng, how):
    hub = LogHub(tmp_path, "max_bytes 256MiB", extra="shutdown_timeout 2s")
    caddy, front = caddy_before(hub, tmp_path)
    try:
        run_kills(hub, front, rng, KILLS if len(how) == 1 else KILLS // 3, how)
    finally:
        caddy.stop(signal.SIGKILL)  # it would wait for streams to end
        hub.stop()


def test_who_is_killed_over_and_over_before_it_has_tidied_up_keeps_what_it_holds(tmp_path):
    """Each start makes a file that is filled until it is sealed; none of them is, and all together are more than max_bytes."""
    hub, kept = LogHub(tmp_path, "max_bytes 16MiB"), []
    publisher = Publisher(hub.socket)
    for number in range(24):
        kept.append(f"n{number}")
        assert publisher.publish(topic="t", id=kept[-1], data="x") == 200
        publisher.close()
        filled = max(path.stat().st_size for path in hub.history.glob("*.log"))
        hub.kill()
        for path in hub.history.glob("*.idx"):
            path.unlink()
        for path in hub.history.glob("*.log"):
            os.truncate(path, filled)
        hub.start()
    assert 24 * filled > 16 << 20
    whole = Listener(hub.socket, "topic=t&lastEventID=earliest", AUTH)
    read_until([whole], lambda: whole.ids[-1:] == kept[-1:], "all of it")
    assert whole.ids == kept and hub.bytes() < 16 << 20
    whole.close()
    hub.stop()


def test_a_disk_that_is_full_now_and_then(tmp_path, rng):
    disk = SmallDisk(tmp_path / "disk", "24m")
    hub = LogHub(tmp_path, "max_bytes 16MiB", history=disk.folder / "history", wrap=disk.wrap)
    try:
        ordeal = Ordeal(hub, hub.socket, rng.randrange(10 ** 6))
        for _ in range(3):
            before = len(ordeal.acknowledged())
            wait_for(lambda: len(ordeal.acknowledged()) > before + 50, "publishes")
            refused = list(ordeal.answers().values()).count(503)
            disk.fill()
            wait_for(lambda: list(ordeal.answers().values()).count(503) > refused, "a 503")
            if rng.random() < 0.5:
                hub.kill()
                hub.launch()
                time.sleep(rng.random() * 0.1)
                disk.empty()
                if hub.server.process.poll() is not None or not hub.answers():
                    hub.kill()
                    hub.start()
            else:
                disk.empty()
        ordeal.finish()
        statuses = list(ordeal.answers().values())
        print(f"{statuses.count(200)} acknowledged, {statuses.count(503)} refused")
    finally:
        hub.stop()
        disk.close()


def test_an_update_as_large_as_may_be_and_one_that_is_larger(tmp_path):
    """Topics count as well: what no segment can take is refused, and costs nobody anything."""
    hub = LogHub(tmp_path, "max_bytes 1MiB")
    publisher = Publisher(hub.socket)
    for i in range(20):
        assert publisher.publish(topic="t", id=f"n{i}", data="x" * 1000) == 200
    assert publisher.publish(topic="t", id="large", data="x" * 250000) == 200
    assert publisher.publish(topic="t" * 200000, id="larger", data="x" * 100000) == 413
    assert publisher.publish(topic="t", id="larger", data="x" * 300000) == 413
    assert publisher.publish(topic=[f"{i}" * 2000 for i in range(10, 60)], id="many", data="x" * 100000) == 413
    assert publisher.publish(topic="t", id="next", data="x") == 200
    listener = Listener(hub.socket, "topic=t&lastEventID=earliest")
    read_until([listener], lambda: listener.ids[-1:] == ["next"], "all of it")
    assert listener.ids == [*(f"n{i}" for i in range(20)), "large", "next"]
    assert "event=history_failed" not in hub.log()
    listener.close()
    publisher.close()
    hub.stop()


def test_large_publishes_may_be_pipelined(tmp_path):
    """What comes while one is stored is left in the socket, however much it is."""
    hub, rng = LogHub(tmp_path), random.Random(4)
    for turn in range(30):
        publisher = Publisher(hub.socket)
        forms = [dict(topic="t", id=f"n{turn}-{i}", data="x" * rng.choice([10, 1000, 50000])) for i in range(20)]
        assert publisher.many(forms) == [200] * 20
        publisher.close()
    hub.stop()


def test_with_more_than_ten_thousand_in_the_history(tmp_path, rng):
    """Where the established hub gives up."""
    restored, count = 10400, 10500
    restore(tmp_path, "max_bytes 64MiB", ((f"n{i}", "t", str(i)) for i in range(restored)))
    hub = LogHub(tmp_path, "max_bytes 64MiB")
    publisher = Publisher(hub.socket)
    assert set(publisher.many([dict(topic="t", id=f"n{i}", data=str(i)) for i in range(restored, count)])) == {200}
    hub.kill()
    hub.start()
    for cursor in [0, 1, 300, rng.randrange(count), count - 10, count - 1]:
        listener = Listener(hub.socket, "topic=t", f"Last-Event-ID: n{cursor}")
        read_until([listener], lambda: listener.status and len(listener.events) >= count - 1 - cursor, f"all behind {cursor}")
        assert listener.cursor == f"n{cursor}"
        assert [int(data) for _, data in listener.events] == list(range(cursor + 1, count))
        listener.close()
    publisher.close()
    hub.stop()
