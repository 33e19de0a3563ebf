"""Active subscriptions and a store that fails or is slow: none is lost, none is told twice, and who cannot be served now
is told to come back."""
import errno
import signal
import socket
from urllib.parse import urlencode

import fastcgi
from conftest import PATH, Client, Stream, wait_for
from history import AUTH, FORM
from presence import Watcher, address, collection, dialect, history_of, keep, open_stream, person, query  # noqa: F401
from trouble import Trouble

ROOM, HALL = "https://example.com/room", "https://example.com/hall"


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
        wait_for(lambda: hub.log().count("to=BEGINNING") == n + 2, "the begins on their way")  # the watcher's, too
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
    wait_for(lambda: hub.log().count("to=BEGINNING") == 6, "the begins on their way")
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


def test_who_is_ended_while_its_begins_are_on_their_way_ends_behind_them_though_its_front_reads_nothing(keep, dialect, tmp_path):
    trouble = Trouble(tmp_path, tmp_path / "history")
    hub = keep(env=trouble.env, workers=1, extra="fastcgi_multiplexing\n")
    front = socket.socket(socket.AF_UNIX)
    front.connect(str(hub.socket))
    front.sendall(fastcgi.request("GET", f"{PATH}?{query(dialect, HALL)}", number=1, keep=True))
    wait_for(lambda: hub.log().count("to=LIVE") == 1, "the front's first stream")
    trouble.set(sync_ms=100)
    publishers = [Client(address(hub)) for _ in range(6)]
    for client in publishers:  # their commits come one by one, and together they are more than a socket takes
        client.ask("POST", PATH, [AUTH, FORM], urlencode({"topic": HALL, "data": "x" * 200000}).encode())
    wait_for(lambda: hub.log().count("from=BODY to=WAITING") == 6, "the publishes on their way")
    front.sendall(fastcgi.request("GET", f"{PATH}?{query(dialect, ROOM)}", number=2, keep=True))
    wait_for(lambda: hub.log().count("to=BEGINNING") == 2, "the begins behind them")
    wait_for(lambda: "from=LIVE to=CATCHING_UP" in hub.log(), "a front that is full")
    assert hub.log().count("event=subscriptions_begin") == 1
    hub.conf.write_text(hub.conf.read_text().replace("anonymous\n", ""))
    hub.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "from=BEGINNING to=ENDING" in hub.log(), "the end of both")
    assert hub.log().count("event=subscriptions_begin") == 1
    wait_for(lambda: hub.log().count("event=subscriptions_begin") == 2, "the begins")
    trouble.set(sync_ms=0)
    front.close()
    wait_for(lambda: collection(hub, dialect) == [], "the ends")
    told = history_of(hub, dialect)
    assert sorted(t[:2] for t in told) == [(False, HALL), (False, ROOM), (True, HALL), (True, ROOM)]
