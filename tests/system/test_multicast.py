"""One record for all the streams of a connection (PROTOCOL.md, "The multicast wire")."""
import re
import signal

import pytest

import fastcgi as f
from conftest import PATH, Client, free_port, publish, wait_for
from multicast import Front
from test_fastcgi import Wire, post


def numbers(count, begin=0):
    return [f"n{i}" for i in range(begin, begin + count)]


def test_who_asks_is_answered_and_told_where_the_hub_is(hub):
    front = Front(hub)
    assert f.pair("FCGI_MULTICAST", "1") in front.values and f.pair("FCGI_MAX_REQS", "65535") in front.values
    assert f.pair("FCGI_MPXS_CONNS", "1") in front.values
    assert front.marks == 1


@pytest.mark.parametrize("unix", [True, False])
def test_streams_that_get_the_same_get_it_in_one_record(hub, unix):
    front = Front(hub, unix)
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
    front.until(lambda: all(h.covered for h in held), "their marks")
    before, places = front.heartbeats, [h.place for h in held]
    front.until(lambda: all(h.body.count(b":\n") >= 3 for h in held), "heartbeats")
    assert front.heartbeats - before < 20
    assert [h.place for h in held] == places and all(set(h.body.split(b"\n")) == {b":", b""} for h in held)
    front.until(lambda: front.marks >= 3, "marks, although nothing is published")


@pytest.mark.parametrize("size", [10, 65535 - 8 - 20 - 2, 70_000, 1_000_000])
def test_an_event_of_any_size_comes_whole(hub, size):
    front = Front(hub)
    held = [front.open("topic=large") for _ in range(3)]
    publish(hub.socket, topic="large", data="x" * size)
    front.until(lambda: all(h.events() for h in held), "it")
    assert all(h.events() == ["x" * size] and h.torn is None for h in held)


def test_a_paused_stream_goes_on_where_it_was_and_others_do_not_wait(start_hub):
    hub = start_hub("heartbeat 3600s")  # marks do not wait for one
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
    front.pause(slow)
    front.resume(slow)
    front.until(lambda: slow.covered, "its mark, although nothing has happened")
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
    hub = start_hub("heartbeat 60s\n" + (f"tail 1MiB\ntransport log {{\n path {tmp_path}/history\n}}" if kind == "log" else ""))
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


def test_a_front_that_does_not_read_makes_its_streams_catch_up_and_nobody_else_wait(start_hub):
    hub = start_hub("multicast_backlog 64KiB\ntail 64MiB\nreply_timeout 60s\nheartbeat 60s")
    front, other = Front(hub, receive=4096), Front(hub)
    held, quick = [front.open("topic=full") for _ in range(6)], other.open("topic=full")
    for data in numbers(200):
        assert publish(hub.socket, topic="full", data=data + " " + "x" * 5000).status == 200
    other.until(lambda: len(quick.events()) == 200, "all for the other front")
    wait_for(lambda: "bound=multicast_backlog" in hub.log(), "the log line")
    front.until(lambda: all(len(h.events()) == 200 for h in held), "all of it, later")
    assert all([e.split(" ")[0] for e in h.events()] == numbers(200) for h in held)
    front.until(lambda: all(h.covered for h in held), "marks")
    before = front.multicasts
    publish(hub.socket, topic="full", data="one record again")
    front.until(lambda: all(h.events()[-1] == "one record again" for h in held), "it")
    assert front.multicasts == before + 1


def test_a_front_that_never_reads_again_is_cut(start_hub):
    hub = start_hub("reply_timeout 1s\nheartbeat 100ms")
    front = Front(hub, receive=4096)
    front.open("topic=dead")
    for _ in range(20):
        assert publish(hub.socket, topic="dead", data="x" * 100_000).status == 200
    wait_for(lambda: "bound=reply_timeout" in hub.log(), "the cut")
    front.to_the_end()


def test_a_stream_that_ends_by_itself_ends_alone_and_its_number_is_free(start_hub):
    hub = start_hub("write_timeout 2s")
    front = Front(hub)
    held, paused = front.open("topic=t"), front.open("topic=t")
    front.pause(paused)
    front.until(lambda: held.ended and paused.ended, "the ends")
    assert b"retry:" in held.body and b"retry:" not in paused.body
    again = front.open("topic=t", number=held.number)
    publish(hub.socket, topic="t", data="x")
    front.until(again.events, "an event")
    front.abort(again)
    third = front.open("topic=other", number=held.number)
    publish(hub.socket, topic="t", data="not for this one")
    publish(hub.socket, topic="other", data="for this one")
    front.until(third.events, "an event")
    assert third.events() == ["for this one"]


def test_records_about_nobody_are_not_answered(hub):
    front = Front(hub)
    held = front.open("topic=u")
    for number in (1, 77, 65535):
        if number != held.number:
            front.send(f.record(f.PAUSE, number) + f.resume(number, b"\1" * 16) + f.record(f.ABORT, number))
    front.send(f.resume(held.number, b"\1" * 16))  # it is not paused
    front.pause(held)
    front.send(f.record(f.PAUSE, held.number))
    front.resume(held)
    front.until(lambda: held.covered, "its mark")
    publish(hub.socket, topic="u", data="x")
    front.until(held.events, "an event")
    assert held.events() == ["x"]


def test_a_flood_of_records_holds_up_nobody(hub):
    front, other = Front(hub), Front(hub)
    held, quick = front.open("topic=flood"), other.open("topic=flood")
    flood = (f.record(f.PAUSE, held.number) + f.resume(held.number, held.place)) * 2000
    front.client.socket.setblocking(True)
    front.send(flood)
    publish(hub.socket, topic="flood", data="x")
    other.until(quick.events, "an event, beside the flood")
    records, paused = f.Records(), 0
    while paused < 2000:
        for kind, number, content in front.records.feed(front.client.socket.recv(1 << 20)):
            paused += kind == f.PAUSED


def test_a_stream_is_paused_before_it_has_a_head(start_hub, tmp_path):
    hub = start_hub(log_of(tmp_path))
    front = Front(hub)
    held, stalled = front.open("topic=s"), front.open("topic=s")
    publish(hub.socket, topic="s", data="a")
    front.until(lambda: held.events() and stalled.events(), "the first")
    front.outlive()
    hub.start()
    publish(hub.socket, topic="s", data="b")
    front.attach_again(paused=[stalled])
    front.until(lambda: stalled.paused and len(held.events()) == 2, "the second for the other")
    assert stalled.events() == ["a"] and not stalled.covered and stalled.head.startswith(b"Status: 200")
    front.resume(stalled)
    front.until(lambda: stalled.covered, "its mark")
    assert stalled.events() == ["a", "b"]


@pytest.mark.parametrize("offset", [None, 7])
def test_a_stream_is_resumed_before_it_has_a_head(start_hub, tmp_path, offset):
    """It is asked for with a place inside of which it is, or behind it."""
    hub = start_hub(log_of(tmp_path))
    front = Front(hub)
    held = front.open("topic=s")
    for data in ("a", "b", "c"):
        publish(hub.socket, topic="s", data=data)
    front.until(lambda: len(held.events()) == 3, "them")
    place, ticket, number, body = held.place, held.ticket, held.number, held.body
    size = len(body) - body.rindex(b"id: ")
    front.abort(held)
    publish(hub.socket, topic="s", data="d")
    again = front.streams[number] = type(held)(number, held.uri, (), {})
    again.was_there, again.place, again.ticket, again.asked_pause = True, place, ticket, True
    again.body = body if offset is None else body[:len(body) - size + offset]
    front.send(front._params(again) + f.record(f.PAUSE, number) + f.resume(number, place, f.ALL if offset is None else offset))
    again.resumes = True
    front.until(lambda: again.covered, "its mark")
    assert again.events() == ["a", "b", "c", "d"] and not again.ended


@pytest.mark.parametrize("kind", [f.PAUSE, f.PAUSED, f.RESUME, f.MULTICAST, f.MARK])
def test_who_did_not_ask_knows_no_such_record(hub, kind):
    wire = Wire(hub)
    wire.send(f.request("GET", PATH + "?topic=plain", keep=True))
    assert wire.next()[2].startswith(b"Status: 200")
    assert wire.send(f.record(kind, 1, b"x" * 20)).next() == (f.UNKNOWN, 0, bytes([kind]) + b"\0" * 7)
    publish(hub.socket, topic="plain", data="x")
    kind, number, content = wire.next()
    assert (kind, number) == (f.STDOUT, 1) and b"data: x\n" in content and b"lipes-Ticket" not in content


def test_other_requests_go_on_beside_the_streams(hub):
    front = Front(hub)
    held = front.open("topic=beside")
    answered = front.streams[9] = type(held)(9, PATH, (), {})
    front.send(post(9, topic="beside", data="from within"))
    front.until(lambda: answered.ended and held.events(), "the answer, and the event")
    assert answered.head.startswith(b"Status: 200") and held.events() == ["from within"]
    refused = front.open("nothing=1")
    assert refused.ended or front.until(lambda: refused.ended, "the end") is None
    assert refused.head.startswith(b"Status: 400")


def test_past_the_bound_of_requests_the_next_is_told(start_hub):
    hub = start_hub("max_requests_per_connection 3")
    front = Front(hub)
    assert f.pair("FCGI_MAX_REQS", "3") in front.values
    held = [front.open("topic=t") for _ in range(3)]
    front.send(f.begin(9, keep=True))
    front.streams[9] = over = type(held[0])(9, "", (), {})
    front.until(lambda: over.ended, "OVERLOADED")
    assert over.stdout == b""


@pytest.mark.parametrize("transport", ["memory", "log"])
def test_a_place_that_is_no_more_is_said_to_be_none_at_the_next_attachment(start_hub, tmp_path, transport):
    """The front ends its client's stream then; a client's own cursor is answered alike."""
    hub = start_hub(log_of(tmp_path, "history {\n max_bytes 1MiB\n}") if transport == "log" else "")
    front = Front(hub)
    held = front.open("topic=gone")
    publish(hub.socket, topic="gone", data="x")
    front.until(held.events, "an event")
    front.outlive()
    hub.start()
    for _ in range(40 if transport == "log" else 0):
        publish(hub.socket, topic="else", data="z" * 40_000)
    front.attach_again()
    assert held.head.startswith(b"Status: 200") and held.header("Last-Event-ID") == "earliest"


def test_a_stream_from_the_beginning_that_was_paused_at_once_begins_there_again(hub):
    for data in numbers(5):
        publish(hub.socket, topic="begin", data=data)
    front = Front(hub)
    held = front.open("topic=begin&lastEventID=earliest")
    front.pause(held)
    held.body = b""  # its client took nothing
    front.resume(held, held.place_at_head)
    front.until(lambda: len(held.events()) >= 5, "all of it")
    front.until(lambda: held.covered, "its mark")
    assert held.events() == numbers(5)


def test_what_a_front_does_is_counted(start_hub):
    port = free_port()
    hub = start_hub(f"metrics_listen 127.0.0.1:{port}")
    front = Front(hub)
    for _ in range(3):
        front.open("topic=counted")
    front.attach_again()

    def counted(name):
        text = Client(("127.0.0.1", port)).get("/metrics").body.decode()
        return int(re.search(rf"^{name} (\d+)$", text, re.M).group(1))

    wait_for(lambda: counted("alipes_streams_closed_total") == 3, "the end of the first")
    assert counted("alipes_streams_opened_total") == 3 == counted("alipes_streams_reattached_total") == counted("alipes_streams")
