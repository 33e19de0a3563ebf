"""Many streams that come back at once, readers slower than retention, filters that skip nearly all."""
import random
import signal
import time

import pytest

from conftest import PATH, SANITIZED, Client, wait_for
from history import Listener, LogHub, Publisher, read_until, restore



@pytest.fixture
def start(tmp_path):
    hubs = []

    def begin(*args, **options):
        folder = tmp_path / f"hub{len(hubs)}"
        folder.mkdir(exist_ok=True)
        hubs.append(LogHub(folder, *args, **options))
        return hubs[-1]

    yield begin
    for hub in hubs:
        if hub.server.process.poll() is None:
            hub.stop()


def fill(hub, first, last, size=100, topic="t"):
    publisher = Publisher(hub.socket)
    for at in range(first, last, 64):
        numbers = range(at, min(at + 64, last))
        statuses = publisher.many([dict(topic=topic, id=f"n{i}", data=f"{i} {'x' * size}") for i in numbers])
        assert statuses == [200] * len(numbers)
    publisher.close()


def numbers(listener):
    return [int(data.split()[0]) for _, data in listener.events]


def test_a_thousand_that_come_back_at_once_all_get_what_they_missed(start):
    """More at once than a worker reads pieces for: those that wait for their turn get it."""
    crowd, missed = (200, 100) if SANITIZED else (1000, 200)
    hub = start("max_bytes 16MiB", extra="tail 4KiB", workers=1)
    fill(hub, 0, missed + 1)
    hub.stop()
    hub.start()  # so that nothing is in the tail
    hub.server.process.send_signal(signal.SIGSTOP)
    listeners = [Listener(hub.socket, "topic=t", "Last-Event-ID: n0") for _ in range(crowd)]
    began = time.monotonic()
    hub.server.process.send_signal(signal.SIGCONT)
    read_until(listeners, lambda: all(len(li.events) >= missed for li in listeners), "all of them")
    print(f"{crowd} streams, each {missed} behind: {time.monotonic() - began:.2f} s")
    for listener in listeners:
        assert listener.cursor == "n0"
        assert numbers(listener) == list(range(1, missed + 1))
        listener.close()


def test_a_reader_slower_than_retention_ends_and_never_skips(start):
    hub = start("max_bytes 1MiB", extra="tail 4KiB")
    fill(hub, 0, 1)
    slow = Listener(hub.socket, "topic=t", "Last-Event-ID: n0")
    read_until([slow], lambda: slow.status == 200, "the head")
    fill(hub, 1, 2500, size=1000)  # it reads nothing meanwhile
    wait_for(lambda: "event=stream_overtaken" in hub.log() or slow.read(4096), "the end")
    read_until([slow], lambda: slow.ended, "the end")
    got = numbers(slow)
    assert got == list(range(1, len(got) + 1))
    assert len(got) < 2499
    # And its next connection is told so.
    again = Listener(hub.socket, "topic=t", f"Last-Event-ID: n{got[-1]}")
    read_until([again], lambda: again.status == 200, "the head")
    assert again.cursor == "earliest"
    again.close()


def test_readers_of_all_speeds_get_everything_or_end(start):
    rng = random.Random(seed := random.randrange(10 ** 6))
    print(f"seed {seed}")
    hub = start("max_bytes 1MiB", extra="tail 64KiB")
    fill(hub, 0, 1)
    quick = 1 << 30
    speeds = [quick, 65536, 16384, 4096, 512, 0] * 4
    readers = [(Listener(hub.socket, "topic=t", "Last-Event-ID: n0"), speed) for speed in speeds]
    count = 1
    while count < 3000:
        step = rng.randrange(1, 200)
        fill(hub, count, count + step, size=rng.randrange(1000))
        count += step
        assert hub.bytes() <= 1 << 20
        for listener, speed in readers:
            if speed != quick:
                listener.read(speed)
        at_once = [listener for listener, speed in readers if speed == quick]
        read_until(at_once, lambda: all(li.ended or len(li.events) == count - 1 for li in at_once), "what they read at once")
    listeners = [listener for listener, _ in readers]
    read_until(listeners, lambda: all(li.ended or len(li.events) == count - 1 for li in listeners), "all or the end")
    for listener in listeners:
        got = numbers(listener)
        assert got == list(range(1, len(got) + 1))
        assert listener.ended == (len(got) < count - 1)
        listener.close()
    whole = sum(len(li.events) == count - 1 for li in listeners)
    print(f"{whole} of {len(listeners)} got all {count - 1}")
    assert whole >= 4


def test_a_filter_that_skips_nearly_all_does_not_hold_others_up(start, tmp_path):
    events = 20000 if SANITIZED else 100000
    (tmp_path / "hub0").mkdir()
    restore(tmp_path / "hub0", "max_bytes 64MiB",
            ((f"n{i}", "rare" if i in (0, events) else "t", str(i)) for i in range(events + 1)))
    hub = start("max_bytes 64MiB", workers=1)
    witness = Listener(hub.socket, "topic=witness")
    read_until([witness], lambda: witness.status == 200, "the head")
    skippers = [Listener(hub.socket, "topic=rare", "Last-Event-ID: n0") for _ in range(20)]
    publisher, worst, count = Publisher(hub.socket), 0.0, 0
    while not all(li.events for li in skippers) or count < 5:
        began = time.monotonic()
        assert publisher.publish(topic="witness", data=str(count)) == 200
        count += 1
        read_until([witness, *skippers], lambda: len(witness.events) >= count, "the witness")
        worst = max(worst, time.monotonic() - began)
    print(f"20 streams skip {events} each: {count} live events meanwhile, the slowest after {worst * 1000:.1f} ms")
    for listener in skippers:
        assert numbers(listener) == [events]
        listener.close()


def test_heads_do_not_wait_for_the_history_to_be_read(start):
    """With a cursor the head follows the look-up, not the first event."""
    hub = start("max_bytes 16MiB")
    fill(hub, 0, 2000)
    listener = Listener(hub.socket, "topic=nobody", "Last-Event-ID: n0")
    read_until([listener], lambda: listener.status == 200, "the head")
    assert listener.cursor == "n0"
    client = Client(hub.socket)
    reply = client.request("HEAD", f"{PATH}?topic=t", ["Last-Event-ID: n1999"])
    assert reply.headers["last-event-id"] == "n1999"
    reply = client.request("HEAD", f"{PATH}?topic=t", ["Last-Event-ID: gone"])
    assert reply.headers["last-event-id"] == "earliest"
    listener.close()
