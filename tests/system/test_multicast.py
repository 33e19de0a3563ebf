"""One record for all the streams of a connection (PROTOCOL.md, "The multicast wire")."""
import signal

import pytest

import fastcgi as f
from conftest import PATH, publish, wait_for
from multicast import Front
from test_fastcgi import Wire, post


def numbers(count, begin=0):
    return [f"n{i}" for i in range(begin, begin + count)]


def test_who_asks_is_answered_and_told_where_the_hub_is(hub):
    front = Front(hub)
    assert f.pair("FCGI_MULTICAST", "1") in front.values and f.pair("FCGI_MAX_REQS", "65535") in front.values
    assert f.pair("FCGI_MPXS_CONNS", "1") in front.values
    assert front.marks == 1


def test_streams_that_get_the_same_get_it_in_one_record(hub):
    front = Front(hub)
    held = [front.open("topic=same") for _ in range(300)]
    other = front.open("topic=other")
    before = front.multicasts
    publish(hub.socket, topic="same", data="for all")
    front.until(lambda: all(h.events() for h in held), "the event")
    assert all(h.events() == ["for all"] for h in held) and other.events() == []
    assert front.multicasts == before + 1
    for data in numbers(50):
        publish(hub.socket, topic=["same", "other"], data=data)
    front.until(lambda: len(other.events()) == 50, "all of them")
    assert all(h.events() == ["for all"] + numbers(50) for h in held)


def test_heartbeats_of_streams_go_out_together_and_move_no_place(start_hub):
    front = Front(start_hub("heartbeat 1s"))
    held = [front.open("topic=quiet") for _ in range(20)]
    before, places = front.multicasts, [h.place for h in held]
    front.until(lambda: all(h.body.count(b":\n") >= 3 for h in held), "heartbeats")
    assert front.multicasts - before < 20
    assert [h.place for h in held] == places and all(set(h.body.split(b"\n")) == {b":", b""} for h in held)
    front.until(lambda: front.marks >= 3, "marks, although nothing is published")


@pytest.mark.parametrize("size", [10, 65535 - 8 - 20 - 2, 70_000, 1_000_000])
def test_an_event_of_any_size_comes_whole(hub, size):
    front = Front(hub)
    held = [front.open("topic=large") for _ in range(3)]
    publish(hub.socket, topic="large", data="x" * size)
    front.until(lambda: all(h.events() for h in held), "it")
    assert all(h.events() == ["x" * size] and h.torn is None for h in held)


def test_a_paused_stream_goes_on_where_it_was_and_others_do_not_wait(hub):
    front = Front(hub)
    slow, quick = front.open("topic=p"), front.open("topic=p")
    publish(hub.socket, topic="p", data="n0")
    front.until(lambda: slow.events() and quick.events(), "the first")
    front.pause(slow)
    for data in numbers(500, 1):
        publish(hub.socket, topic="p", data=data)
    front.until(lambda: len(quick.events()) == 501, "all for the other")
    assert slow.events() == ["n0"]
    front.resume(slow)
    front.until(lambda: len(slow.events()) >= 501, "the rest")
    assert slow.events() == quick.events() == numbers(501)
    front.until(lambda: slow.covered, "its mark")
    publish(hub.socket, topic="p", data="n501")
    front.until(lambda: len(slow.events()) == 502, "it lives")


def test_what_came_between_pause_and_paused_comes_again(hub):
    front = Front(hub)
    held = front.open("topic=q")
    for data in numbers(300):
        publish(hub.socket, topic="q", data=data)
    front.until(lambda: len(held.events()) > 10, "some")
    while len(held.events()) < 300:
        front.pause(held)
        front.resume(held)
        front.until(lambda: held.covered or len(held.events()) == 300, "some more")
    assert held.events() == numbers(300)


@pytest.mark.parametrize("kind", ["tail", "log"])
@pytest.mark.parametrize("offset", [0, 1, 12, 40_000, 70_000, None])
def test_an_event_is_finished_from_any_byte(start_hub, tmp_path, kind, offset):
    """None: its last byte is all that is missing."""
    hub = start_hub(f"tail 1MiB\ntransport log {{\n path {tmp_path}/history\n}}" if kind == "log" else "")
    front = Front(hub)
    held, other = front.open("topic=torn"), front.open("topic=torn")
    publish(hub.socket, topic="torn", data="before")
    front.until(lambda: held.events() and other.events(), "the first")
    whole, was = len(held.body), len(other.body)
    publish(hub.socket, topic="torn", data="y" * 80_000)
    front.until(lambda: len(held.events()) == 2 == len(other.events()), "the large one")
    size = len(held.body) - whole
    assert held.body[whole:] == other.body[was:]
    at = size - 1 if offset is None else offset
    front.pause(held)
    held.body = held.body[:whole + at]  # so much the client took
    if kind == "log":
        for _ in range(60):
            publish(hub.socket, topic="else", data="z" * 40_000)
    publish(hub.socket, topic="torn", data="behind")
    front.resume(held, offset=at)
    front.until(lambda: len(held.events()) == 3, "the rest, and the next")
    assert held.events() == ["before", "y" * 80_000, "behind"] and held.body[whole:] == other.body[was:][:len(held.body[whole:])]


@pytest.mark.parametrize("what", ["nonsense", "another history", "gone", "past its end", "short"])
def test_a_place_from_which_nothing_can_go_on_ends_the_stream_without_a_byte(start_hub, what):
    hub = start_hub("tail 1MiB")
    front = Front(hub)
    held, other = front.open("topic=g"), front.open("topic=other")
    publish(hub.socket, topic="g", data="first")
    front.until(held.events, "the first")
    front.pause(held)
    body = held.body
    if what == "gone":
        for _ in range(60):
            publish(hub.socket, topic="else", data="z" * 40_000)
    else:
        publish(hub.socket, topic="g", data="second")
    if what == "short":
        front.send(f.record(f.RESUME, held.number, b"x" * 19))
        front.to_the_end()
        return
    place = {"nonsense": b"\1" * 16, "another history": bytes.fromhex("0123456789ab8def8123456789abcdef")}.get(what)
    front.resume(held, place, {"past its end": 100_000, "gone": 3}.get(what, f.ALL))
    front.until(lambda: held.ended, "its end")
    assert held.body == body
    publish(hub.socket, topic="other", data="still here")
    front.until(other.events, "others go on")


def log_of(tmp_path, extra=""):
    return f"transport log {{\n path {tmp_path}/history\n}}\n{extra}"


@pytest.mark.parametrize("how", ["stop", "kill"])
def test_a_restart_ends_no_stream_and_loses_and_doubles_nothing(start_hub, tmp_path, how):
    hub = start_hub(log_of(tmp_path))
    front = Front(hub)
    held = [front.open(f"topic=r{i % 3}") for i in range(30)]
    late = front.open("topic=r0&lastEventID=earliest")
    for data in numbers(100):
        publish(hub.socket, topic=["r0", "r1"], data=data)
    front.outlive(signal.SIGTERM if how == "stop" else signal.SIGKILL)
    assert len(front.streams) == 31
    if how == "stop":
        assert all(h.place == held[0].place for h in held)
    hub.start()
    for data in numbers(50, 100):
        publish(hub.socket, topic=["r0", "r1"], data=data)
    front.attach_again(hub)
    for data in numbers(50, 150):
        publish(hub.socket, topic=["r0", "r1"], data=data)
    front.until(lambda: all(len(h.events()) >= 200 for h in held if h.uri[-1] != "2"), "all of it")
    assert all(h.events() == ([] if h.uri[-1] == "2" else numbers(200)) for h in held)
    front.until(lambda: late.covered, "the end of its catching up")
    assert late.events() == numbers(200)
    front.until(lambda: all(h.covered for h in held), "that all are live")
