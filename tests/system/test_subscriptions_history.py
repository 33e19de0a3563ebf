"""Active subscriptions and their history: what a stop leaves is taken over, what a crash leaves is ended before anybody
is let in, and a store that fails loses none and tells none twice."""
import errno
import json
import signal
import socket
import time

import pytest

from conftest import PATH, Client, Stream, publish, token, wait_for
from history import LogHub
from presence import API, ISSUED, MARK, Watcher, address, bearer, collection, datas, enc, open_stream, person, query
from trouble import Trouble

ROOM, HALL = "https://example.com/room", "https://example.com/hall"


@pytest.fixture(params=["0.x", "1.0"])
def dialect(request):
    return request.param


@pytest.fixture
def keep(tmp_path):
    """A hub with a history."""
    hubs = []

    def start(block="hold_back 0s\nhold_back_return 0s", extra="", **options):
        hubs.append(LogHub(tmp_path, extra=f"subscriptions {{\n{block}\n}}\n{ISSUED}{extra}", level="debug", **options))
        return hubs[-1]

    yield start
    for hub in hubs:
        if hub.server.process.poll() is None:
            hub.stop()


def history_of(hub, dialect):
    """All that is replayed: (active, its matcher, subscriber) each."""
    watcher = Watcher(hub, dialect, **{"last_event_id" if dialect == "1.0" else "lastEventID": "earliest"})
    told = watcher.until_mark()
    watcher.close()
    return [t for t in told if not t[1].startswith(PATH) and t[1] != MARK]


def test_what_a_stop_leaves_goes_on_and_ends_once_when_nobody_returns(keep, dialect):
    hub = keep("hold_back 0s\nhold_back_return 1500ms")
    stream = open_stream(hub, dialect, ROOM, HALL, auth=person(dialect, sub="ann", payload={"a": 1}))
    there = collection(hub, dialect)
    assert len(there) == 2
    hub.stop()
    assert b"retry:" in stream.end()
    hub.start()
    began = time.monotonic()
    assert collection(hub, dialect) == there
    assert [t[0] for t in history_of(hub, dialect)] == [True, True]
    wait_for(lambda: collection(hub, dialect) == [], "the ends")
    assert time.monotonic() - began > 1
    ends = [t for t in history_of(hub, dialect) if not t[0]]
    assert sorted(ends) == sorted((False, *one) for one in there)
    hub.stop()
    hub.start()
    assert [t for t in history_of(hub, dialect) if not t[0]] == ends


def test_who_returns_after_a_stop_is_seen_to_come_before_to_go(keep, dialect):
    hub = keep("hold_back_return 60s")
    ann = person(dialect, sub="ann", payload="é")
    first = Watcher(hub, dialect)
    stream = open_stream(hub, dialect, ROOM, auth=ann)
    (begin,) = first.wait(1)
    hub.stop()
    hub.start()
    back = open_stream(hub, dialect, ROOM, auth=ann)
    wait_for(lambda: begin[1:] not in collection(hub, dialect), "the end")
    told = [t for t in history_of(hub, dialect) if t[1] == ROOM]
    assert [t[0] for t in told] == [True, True, False] and told[0] == begin and told[2] == (False, *begin[1:])
    back.close()


def test_a_stop_writes_no_ends(keep, dialect):
    hub = keep("hold_back 0s\nhold_back_return 60s")
    streams = [open_stream(hub, dialect, f"https://example.com/{n}") for n in range(30)]
    there = collection(hub, dialect)
    hub.stop()
    hub.start()
    assert collection(hub, dialect) == there and len(there) == 30
    assert [t[0] for t in history_of(hub, dialect)] == [True] * 30
    for stream in streams:
        stream.close()


def test_after_a_crash_the_ends_are_there_before_the_first_connection(keep, dialect):
    hub = keep("hold_back 60s\nhold_back_return 60s")
    watcher = Watcher(hub, dialect)
    streams = [open_stream(hub, dialect, ROOM, HALL, auth=person(dialect, sub=str(n), payload=n)) for n in range(20)]
    begins = watcher.until_mark()
    streams[0].close()  # it is held back, and ended with the others
    hub.kill()
    hub.start()
    assert collection(hub, dialect) == []
    back = Watcher(hub, dialect, **{"last_event_id" if dialect == "1.0" else "lastEventID": watcher.last})
    ends = [t for t in back.until_mark() if t[1] in (ROOM, HALL)]
    assert sorted(ends) == sorted((False, *begin[1:]) for begin in begins) and len(ends) == 40
    hub.kill()
    hub.start()
    assert len([t for t in history_of(hub, dialect) if not t[0] and t[1] in (ROOM, HALL)]) == 40


def test_begins_that_cannot_be_written_open_no_stream_and_leave_nothing(keep, dialect, tmp_path):
    trouble = Trouble(tmp_path, tmp_path / "history")
    hub = keep(env=trouble.env)
    watcher = Watcher(hub, dialect)
    trouble.set(write_error=errno.EIO)
    stream = Stream(address(hub), query(dialect, ROOM, HALL))
    assert stream.status == 200 and stream.end().startswith(b"retry: ")
    assert "mercure-last-event-id" not in stream.headers
    trouble.set(write_error=0)
    wait_for(lambda: Client(address(hub)).get("/healthz").status == 200, "the history")
    stream = open_stream(hub, dialect, ROOM)
    assert [t[:2] for t in watcher.until_mark()] == [(True, ROOM)]
    assert [match for match, _ in collection(hub, dialect)][-1] == ROOM and len(collection(hub, dialect)) == 3


def test_ends_wait_for_a_store_that_fails_and_are_told_once(keep, dialect, tmp_path):
    trouble = Trouble(tmp_path, tmp_path / "history")
    hub = keep(env=trouble.env)
    watcher = Watcher(hub, dialect)
    stream = open_stream(hub, dialect, ROOM, HALL)
    begins = watcher.until_mark()
    trouble.set(sync_error=errno.EIO)
    stream.close()
    wait_for(lambda: hub.log().count("history_write_failed") + hub.log().count("event=history") >= 1, "the fault")
    assert sorted(m for m, _ in collection(hub, dialect) if m in (ROOM, HALL)) == [HALL, ROOM]
    trouble.set(sync_error=0)
    assert watcher.wait(2) == [(False, *begin[1:]) for begin in begins]
    assert watcher.until_mark() == []
    hub.stop()
    hub.start()
    assert [t for t in history_of(hub, dialect) if not t[0] and t[1] in (ROOM, HALL)] == [(False, *begin[1:]) for begin in begins]


def test_who_leaves_while_its_begins_are_on_their_way_ends_behind_them(keep, dialect, tmp_path):
    trouble = Trouble(tmp_path, tmp_path / "history")
    hub = keep(env=trouble.env)
    watcher = Watcher(hub, dialect)
    trouble.set(sync_ms=300)
    for n in range(5):
        client = Client(address(hub))
        client.ask("GET", f"{PATH}?{query(dialect, ROOM, HALL)}", [person(dialect, sub="ann")])
        time.sleep(0.05)  # it is on its way to the disk, or not yet
        client.close()
    trouble.set(sync_ms=0)
    told = watcher.wait(20)
    for _, match, subscriber in told:
        assert [t[0] for t in told if t[1:] == (match, subscriber)] == [True, False]
    assert watcher.until_mark() == []
    wait_for(lambda: len(collection(hub, dialect)) == 2, "an empty list")


def test_a_stop_answers_subscriptions_whose_begins_are_on_their_way(keep, dialect, tmp_path):
    trouble = Trouble(tmp_path, tmp_path / "history")
    hub = keep(env=trouble.env)
    trouble.set(sync_ms=500)
    waiting = []
    for n in range(6):
        client = Client(address(hub))
        client.ask("GET", f"{PATH}?{query(dialect, f'https://example.com/{n}')}")
        waiting.append(client)
    time.sleep(0.1)
    hub.server.process.send_signal(signal.SIGTERM)
    for client in waiting:
        reply = client.reply()
        assert reply.status == 200 and b"retry: " in reply.body
    trouble.set(sync_ms=0)
    hub.stop()
    hub.start()
    wait_for(lambda: collection(hub, dialect) == [], "the ends of what was adopted")
    told = history_of(hub, dialect)
    for _, match, subscriber in told:
        assert [t[0] for t in told if t[1:] == (match, subscriber)] == [True, False]


def test_a_cursor_behind_which_begins_are_gone_is_told_and_has_what_is_left(keep, dialect):
    """Published updates are all there: who wants begins and ends is told that it misses some, who wants none is not."""
    hub = keep("hold_back 0s\nmax_bytes 1MiB", bounds="max_bytes 16MiB")
    start = publish(address(hub), topic=MARK, data='"start"', private="on").body.decode()
    publish(address(hub), topic=MARK, data='"kept"', private="on")
    many = [f"https://example.com/{n}/{'x' * 1000}" for n in range(30)]
    for _ in range(20):
        open_stream(hub, dialect, *many).close()
        wait_for(lambda: collection(hub, dialect) == [], "the ends")
    header = {"1.0": "mercure-last-event-id", "0.x": "last-event-id"}[dialect]
    name = "last_event_id" if dialect == "1.0" else "lastEventID"
    for _ in range(2):
        plain = open_stream(hub, dialect, MARK, auth=person(dialect), **{name: start})
        assert plain.headers[header] == start and datas(plain, 1) == ['"kept"']
        everything = open_stream(hub, dialect, "*", auth=person(dialect), **{name: start})
        assert everything.headers[header] == "earliest"
        seen = [json.loads(data) for data in datas(everything, 20)]
        assert seen[0] == "kept" and all(not isinstance(s, str) for s in seen[1:])
        plain.close()
        everything.close()
