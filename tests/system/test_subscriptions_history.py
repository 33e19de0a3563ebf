"""Active subscriptions and their history: what a stop or a crash leaves is taken over, and whoever comes after retention is told."""
import json
import time

from conftest import publish, wait_for
from presence import API, MARK, Watcher, address, collection, datas, dialect, history_of, hold_back, keep, open_stream, person  # noqa: F401

ROOM, HALL = "https://example.com/room", "https://example.com/hall"


def test_what_a_stop_leaves_goes_on_and_ends_once_when_nobody_returns(keep, dialect):
    hub = keep("hold_back 0s\nhold_back_return 60s")
    stream = open_stream(hub, dialect, ROOM, HALL, auth=person(dialect, sub="ann", payload={"a": 1}))
    there = collection(hub, dialect)
    assert len(there) == 2
    hub.stop()
    assert b"retry:" in stream.end()
    hub.start()
    assert collection(hub, dialect) == there
    assert [t[0] for t in history_of(hub, dialect)] == [True, True]
    hold_back(hub, "60s", "100ms", "hold_back_return")
    wait_for(lambda: collection(hub, dialect) == [], "the ends")
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


def test_what_a_crash_leaves_is_held_back_as_what_a_stop_leaves_and_ends_once(keep, dialect):
    hub = keep("hold_back 60s\nhold_back_return 2s")
    watcher = Watcher(hub, dialect)
    streams = [open_stream(hub, dialect, ROOM, HALL, auth=person(dialect, sub=str(n), payload=n)) for n in range(20)]
    begins = watcher.until_mark()
    streams[0].close()  # it is held back, and ends with the others
    hub.kill()
    began = time.monotonic()
    hub.start()
    assert len([one for one in collection(hub, dialect) if one[0] in (ROOM, HALL)]) == 40 or time.monotonic() - began > 2
    back = Watcher(hub, dialect, **{"last_event_id" if dialect == "1.0" else "lastEventID": watcher.last})
    wait_for(lambda: not [one for one in collection(hub, dialect) if one[0] in (ROOM, HALL)], "the ends")
    assert time.monotonic() - began > 1
    ends = [t for t in back.until_mark() if t[1] in (ROOM, HALL)]
    assert sorted(ends) == sorted((False, *begin[1:]) for begin in begins) and len(ends) == 40
    hub.kill()
    hub.start()
    assert len([t for t in history_of(hub, dialect) if not t[0] and t[1] in (ROOM, HALL)]) == 40


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
