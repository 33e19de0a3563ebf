"""Active subscriptions as streams see them: begins and ends, in both dialects, over both wires; each told once, in order,
and ends held back for who comes back."""
import json
import re
import signal
import socket
import struct
import time
from urllib.parse import urlencode

import pytest

from conftest import KEY, PATH, Client, Hub, Stream, free_port, publish, token, wait_for
from test_matching import slow_template
from presence import API, ISSUED, MARK, Watcher, access, address, bearer, collection, datas, dialect, enc, hold_back, open_stream, person, query, reads, wire  # noqa: F401

AT_ONCE = "subscriptions {\n hold_back 0s\n hold_back_return 0s\n}\n"
ODD = "https://example.com/b é?a=1&x=~%2F+'\"<"  # in a path, JSON and a form


@pytest.fixture(scope="module", params=["memory", "log"])
def mixed(request, tmp_path_factory):
    """Speaks both dialects, and tells ends at once."""
    folder = tmp_path_factory.mktemp("mixed")
    kept = f"transport log {{\n path {folder}/history\n}}\n" if request.param == "log" else ""
    hub = Hub(folder, AT_ONCE + ISSUED + kept)
    yield hub
    hub.stop()


@pytest.fixture(autouse=True)
def quiet(request):
    """What the test before has closed is over."""
    if "mixed" in request.fixturenames:
        hub = request.getfixturevalue("mixed")
        wait_for(lambda: collection(hub, "0.x") == collection(hub, "1.0") == [], "the ends of the test before")


@pytest.fixture
def watcher(quiet, mixed, dialect):
    watcher = Watcher(mixed, dialect)
    yield watcher
    watcher.close()


# --- what is told ------------------------------------------------------------------------------


def test_a_begin_and_an_end_of_1_0_byte_by_byte(mixed, wire):
    watcher = Watcher(mixed, "1.0", wire)
    payload = {"name": "Ann é", "n": [1.50, None, True]}
    stream = open_stream(mixed, "1.0", ODD, auth=person("1.0", payload=payload), wire=wire)
    begin = watcher.raw()
    found = re.fullmatch(r'event: mercure\nid: (urn:uuid:[0-9a-f-]{36})\ndata: (.*"subscriber":"(urn:uuid:[0-9a-f-]{36})".*)', begin)
    topic = f"{API}/exact/{enc(ODD)}/{enc(found[3])}"
    expected = (f'{{"id":"{topic}","type":"subscription","subscriber":"{found[3]}","match":{json.dumps(ODD, ensure_ascii=False)},"match_type":"exact",'
                '"active":true,"payload":{"name":"Ann \\u00e9","n":[1.5,null,true]}}')
    assert found[2] == expected
    stream.close()
    end = watcher.raw()
    again = re.fullmatch(r"event: mercure\nid: (urn:uuid:[0-9a-f-]{36})\ndata: (.*)", end)
    assert again[2] == expected.replace('"active":true', '"active":false') and again[1] != found[1]
    watcher.close()


def test_a_begin_and_an_end_of_0_x_byte_by_byte(mixed, wire):
    watcher = Watcher(mixed, "0.x", wire)
    stream = open_stream(mixed, "0.x", ODD, auth=person("0.x", payload={"a": [1.50, "é"]}), wire=wire)
    found = re.fullmatch(r'id: (urn:uuid:[0-9a-f-]{36})\ndata: (.*"subscriber":"(urn:uuid:[0-9a-f-]{36})".*)', watcher.raw())
    topic = f"{API}/{enc(ODD)}/{enc(found[3])}"
    expected = (f'{{"@context":"https://mercure.rocks/","id":"{topic}","type":"Subscription","subscriber":"{found[3]}",'
                f'"topic":{json.dumps(ODD, ensure_ascii=False)},"active":true,"payload":{{"a":[1.5,"\\u00e9"]}}}}')
    assert found[2] == expected
    stream.close()
    again = re.fullmatch(r"id: (urn:uuid:[0-9a-f-]{36})\ndata: (.*)", watcher.raw())
    assert again[2] == expected.replace('"active":true', '"active":false') and again[1] != found[1]
    watcher.close()


def test_begins_and_ends_of_one_stream_stand_together_and_in_order(mixed, dialect, wire, watcher):
    topics = [f"https://example.com/{n}" for n in range(20)]
    stream = open_stream(mixed, dialect, *topics, wire=wire)
    begins = watcher.until_mark()
    assert {b[0] for b in begins} == {True} and {b[1] for b in begins} == set(topics) and len({b[2] for b in begins}) == 1
    stream.close()
    ends = watcher.wait(20)
    assert ends == [(False, match, subscriber) for _, match, subscriber in begins]
    assert watcher.until_mark() == []


def test_a_stream_of_1_0_hears_its_own_begin_first(mixed, wire):
    me = open_stream(mixed, "1.0", "https://example.com/a", match_urlpattern=f"{API}/:type/:match/:subscriber", auth=person("1.0"), wire=wire)
    publish(("127.0.0.1", mixed.port), topic="https://example.com/a", data="x")
    own = [json.loads(d) for d in datas(me, 2)]
    assert [o["match_type"] for o in own] == ["exact", "urlpattern"] and own[0]["subscriber"] == own[1]["subscriber"]
    assert datas(me, 1) == ["x"]
    me.close()


def test_a_stream_of_0_x_never_hears_of_itself_neither_live_nor_in_replay(mixed, wire):
    before = publish(("127.0.0.1", mixed.port), topic=MARK, data="before").body.decode()

    def subjects(stream, until):
        seen = []
        while (data := datas(stream, 1)[0]) != until:
            if data.startswith("{"):
                seen.append((json.loads(data)["topic"], json.loads(data)["active"]))
        return seen

    first = open_stream(mixed, "0.x", API + "/{topic}/{subscriber}", auth=person("0.x"), topic=MARK, wire=wire)
    other = open_stream(mixed, "0.x", "https://example.com/other", wire=wire)
    publish(("127.0.0.1", mixed.port), topic=MARK, data="live")
    assert ("https://example.com/other", True) in (seen := subjects(first, "live")) and (MARK, True) not in seen
    replayed = open_stream(mixed, "0.x", API + "/{topic}/{subscriber}", auth=person("0.x"), topic=MARK, wire=wire, headers=[f"Last-Event-ID: {before}"])
    publish(("127.0.0.1", mixed.port), topic=MARK, data="replayed")
    # Those of the stream before, and none of its own.
    assert subjects(replayed, "replayed") == [(MARK, True), (API + "/{topic}/{subscriber}", True), ("https://example.com/other", True)]
    for stream in (first, other, replayed):
        stream.close()


def test_streams_of_the_other_dialect_are_not_told(mixed):
    old, new = Watcher(mixed, "0.x"), Watcher(mixed, "1.0")
    one, two = open_stream(mixed, "0.x", "https://example.com/x"), open_stream(mixed, "1.0", "https://example.com/x")
    publish(("127.0.0.1", mixed.port), topic="https://example.com/x", data="x")
    assert datas(one, 1) == datas(two, 1) == ["x"]
    assert [(t[0], t[1]) for t in old.until_mark() if t[1].endswith("/x")] == [(True, "https://example.com/x")]
    assert [(t[0], t[1]) for t in new.until_mark() if t[1].endswith("/x")] == [(True, "https://example.com/x")]
    for each in (old, new, one, two):
        each.close()


def test_begins_and_ends_are_private(mixed, dialect):
    """Who has no grant for them gets none, whatever it asks for."""
    everything = open_stream(mixed, dialect, "*")
    few = open_stream(mixed, dialect, "*", auth=bearer(token(subscribe=["https://example.com/a"])))
    other = open_stream(mixed, dialect, "https://example.com/secret")
    publish(("127.0.0.1", mixed.port), topic=MARK, data="public")
    assert datas(everything, 1) == datas(few, 1) == ["public"]
    for each in (everything, few, other):
        each.close()


# --- which subscriptions, and what they carry --------------------------------------------------


def test_the_payload_is_that_of_the_first_detail_that_matches_even_if_it_has_none(mixed):
    rows = [
        ([reads("https://example.com/private"), reads("https://example.com/room", payload={"a": 1})], {"a": 1}),
        ([reads("https://example.com/room"), reads("*", payload=1)], None),
        ([reads("/room", "https://example.com/room", payload=True), reads("*", payload=1)], True),
        ([reads("https://example.com/:id", kind="urlpattern", payload=[0, "x"])], [0, "x"]),
        ([{"actions": ["publish"], "topics": [{"match": "https://example.com/room"}], "payload": 7}, reads("*", payload="me")], "me"),
        ([reads("*", payload=None)], None),
        ([reads("https://example.com/else", payload=1)], None),
    ]
    watcher = Watcher(mixed, "1.0")
    for details, payload in rows:
        stream = open_stream(mixed, "1.0", "https://example.com/room", auth=bearer(access(*details)))
        assert (told := watcher.told())["active"] and told.get("payload") == payload and ("payload" in told) == (payload is not None), details
        stream.close()
        assert (end := watcher.told()) == {**told, "active": False}
    watcher.close()


def test_equal_matchers_of_a_request_are_one_subscription(mixed):
    watcher = Watcher(mixed, "1.0")
    stream = Stream(address(mixed), urlencode([("match", "b"), ("match_exact", "b"), ("match_urlpattern", "/b"), ("match_urlpattern", "/b"), ("match", "*"),
                                               ("match_urlpattern", "*"), ("match", "*")]))
    told = [watcher.told() for _ in range(4)]
    assert sorted((t["match_type"], t["match"]) for t in told) == [("exact", "*"), ("exact", "b"), ("urlpattern", "*"), ("urlpattern", "/b")]
    assert watcher.until_mark() == []
    stream.close()
    assert sorted(t["match"] for t in (watcher.told() for _ in range(4)) if not t["active"]) == ["*", "*", "/b", "b"]
    watcher.close()
    old = Watcher(mixed, "0.x")
    stream = open_stream(mixed, "0.x", "a", "a", "b/{x}", "b/{x}", "*")
    assert sorted(t[1] for t in old.until_mark()) == ["*", "a", "b/{x}"]
    stream.close()
    old.close()


def test_a_head_and_what_is_refused_begin_nothing(mixed, dialect, wire, watcher):
    client = Client(address(mixed, wire))
    assert client.request("HEAD", f"{PATH}?{query(dialect, 'a')}").status == 200
    for target, status in ((f"{PATH}?x=1", 400), (f"{PATH}?match=a&topic=b", 400), (f"{PATH}?match_regex=a", 400), (f"{PATH}?match_urlpattern=/(", 400)):
        assert Client(address(mixed, wire)).get(target).status == status
    assert Client(address(mixed, wire)).get(f"{PATH}?{query(dialect, 'a')}", bearer("x.y.z")).status == 401
    assert watcher.until_mark() == []


def test_a_query_begins_as_a_get_does(mixed, wire):
    watcher = Watcher(mixed, "1.0")
    client = Client(address(mixed, wire))
    client.ask("QUERY", f"{PATH}?match=a", ["Content-Type: application/x-www-form-urlencoded"], b"match=b&match=a")
    assert client.head()[0] == 200
    assert [(t[0], t[1]) for t in watcher.until_mark()] == [(True, "a"), (True, "b")]
    client.close()
    assert [(t[0], t[1]) for t in watcher.wait(2)] == [(False, "a"), (False, "b")]
    watcher.close()


def test_the_begin_is_committed_when_the_head_is_there(mixed, dialect, wire):
    for n in range(20):
        topic = f"https://example.com/{wire}/{n}"
        stream = open_stream(mixed, dialect, topic, wire=wire)
        assert topic in [match for match, _ in collection(mixed, dialect)]
        stream.close()


# --- each way to die ---------------------------------------------------------------------------


def close(hub, stream):
    stream.close()


def reset(hub, stream):
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.socket.close()


def half_close(hub, stream):
    stream.socket.shutdown(socket.SHUT_WR)


def stays(hub, stream):
    pass


WAYS = {"close": (close, {}), "reset": (reset, {}), "half-close": (half_close, {}), "exp": (stays, {"exp": 2})}


@pytest.mark.parametrize("way", WAYS)
def test_an_end_is_told_once_however_the_client_or_its_token_ends(mixed, dialect, wire, watcher, way):
    how, claims = WAYS[way]
    claims = {name: time.time() + seconds for name, seconds in claims.items()}
    stream = open_stream(mixed, dialect, "https://example.com/dies", auth=person(dialect, payload=1, **claims), wire=wire)
    begin = watcher.told()
    assert begin["active"] and begin["payload"] == 1
    how(mixed, stream)
    assert watcher.told() == {**begin, "active": False}
    assert watcher.until_mark() == []
    stream.close()


ENDED = {
    "write_timeout": ("write_timeout 4s", None),
    "a reload that takes the anonymous away": ("", lambda text: text.replace("\nanonymous\n", "\n")),
}


def ends_of(hub, dialect, subscriber):
    """All that was told of it, by whoever lives long enough to hear it."""
    while True:
        watcher = Watcher(hub, dialect, auth=person(dialect, exp=time.time() + 86400), last_event_id="earliest")
        try:
            return [told for told in watcher.until_mark() if told[2] == subscriber and not told[0]]
        except ConnectionError:
            continue
        finally:
            watcher.close()


@pytest.mark.parametrize("why", ENDED)
def test_an_end_is_told_once_where_the_hub_ends_the_stream(start_hub, dialect, why):
    extra, change = ENDED[why]
    hub = start_hub(f"{AT_ONCE}{ISSUED}{extra}")
    stream = open_stream(hub, dialect, "https://example.com/dies")
    sub = collection(hub, dialect)[0][1]
    if change:
        hub.conf.write_text(change(hub.conf.read_text()))
        hub.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: sub not in [subscriber for _, subscriber in collection(hub, dialect)], "the end")
    wait_for(lambda: ends_of(hub, dialect, sub), "word of the end")
    assert ends_of(hub, dialect, sub) == [(False, "https://example.com/dies", sub)]
    assert re.search(rb"retry: \d+\n", stream.end())


def test_a_client_that_reads_no_more_is_one_that_has_left(start_hub, dialect, wire):
    hub = start_hub(f"subscriptions {{\n hold_back 0s\n hold_back_return 600s\n}}\nreply_timeout 300ms\n{ISSUED}")
    watcher = Watcher(hub, dialect)
    stream = open_stream(hub, dialect, "https://example.com/much", wire=wire)
    (begin,) = watcher.wait(1)
    for _ in range(16):
        assert publish(address(hub), topic="https://example.com/much", data="x" * 1000000).status == 200
    assert watcher.wait(1) == [(False, *begin[1:])]
    assert watcher.until_mark() == []
    stream.close()


def test_a_pattern_that_is_struck_takes_its_subscriptions_along(start_hub):
    hub = start_hub(AT_ONCE + ISSUED)
    watcher = Watcher(hub, "0.x")
    stream = open_stream(hub, "0.x", slow_template(1), "other")
    begins = watcher.until_mark()
    for n in range(3):
        publish(address(hub), topic="a" * (3000 + n) + "z", data="x")
    assert watcher.wait(2) == [(False, *begin[1:]) for begin in begins]
    assert b"retry:" in stream.end()
    assert watcher.until_mark() == []


# --- held back ---------------------------------------------------------------------------------


def took(since):
    return time.monotonic() - since


@pytest.mark.parametrize("hub_ends_it", [False, True], ids=["close", "exp"])
def test_an_end_is_held_back_and_the_list_shows_it_meanwhile(start_hub, dialect, hub_ends_it):
    hub = start_hub("subscriptions {\n hold_back 700ms\n hold_back_return 1500ms\n}\n" + ISSUED)
    watcher = Watcher(hub, dialect)
    topic = "https://example.com/room"
    left, held = time.monotonic() + 2, 1.5  # as its token says
    stream = open_stream(hub, dialect, topic, auth=person(dialect, sub="ann", **({"exp": time.time() + 2} if hub_ends_it else {})))
    (begin,) = watcher.wait(1)
    if hub_ends_it:
        stream.end()
    else:
        left, held = time.monotonic(), 0.7
        stream.close()
    assert (topic, begin[2]) in collection(hub, dialect) or took(left) > held
    assert watcher.wait(1) == [(False, topic, begin[2])]
    assert took(left) > held - 0.1
    assert (topic, begin[2]) not in collection(hub, dialect)
    assert watcher.until_mark() == []


def test_who_reopens_is_seen_to_come_before_to_go(start_hub, dialect, wire):
    """As a page that asks for one more topic: the old stream closes first."""
    hub = start_hub("subscriptions {\n hold_back 60s\n}\n" + ISSUED, workers=3)
    watcher = Watcher(hub, dialect)
    topics = ["https://example.com/room", "https://example.com/news"]
    ann = person(dialect, sub="ann", payload={"name": "Ann"})
    subscribers = []
    for n in range(10):
        stream = open_stream(hub, dialect, *topics, f"https://example.com/{n}", auth=ann, wire=wire)
        subscribers.append(collection(hub, dialect)[-1][1])
        stream.close()
    hold_back(hub, "60s", "100ms")  # a close may be seen behind the next begin, and is held back then
    told = watcher.wait(6 * 10)
    for topic in topics:
        seen = [(active, subscriber) for active, match, subscriber in told if match == topic]
        assert [s for active, s in seen if active] == subscribers
        assert sorted(s for active, s in seen if not active) == sorted(subscribers)
        there = 0
        for active, _ in seen[:-1]:  # she is there all the time
            there += 1 if active else -1
            assert there > 0, seen
    assert watcher.until_mark() == []


def test_an_end_that_is_held_back_goes_at_once_when_its_client_is_back(start_hub, dialect):
    hub = start_hub("subscriptions {\n hold_back 600s\n}\n" + ISSUED, workers=1)
    watcher = Watcher(hub, dialect)
    ann = person(dialect, sub="ann", payload={"name": "Ann"})
    streams = [open_stream(hub, dialect, "https://example.com/room", "https://example.com/hall", auth=ann) for _ in range(2)]
    before = watcher.wait(4)
    for stream in streams:
        stream.close()
    stream = open_stream(hub, dialect, "https://example.com/room", auth=ann)
    told = watcher.wait(3)  # both tabs of the room, behind the begin; the hall is held back
    assert told[0][:2] == (True, "https://example.com/room")
    assert sorted(told[1:]) == sorted((False, *b[1:]) for b in before if b[1] == "https://example.com/room")
    assert watcher.until_mark() == []
    stream.close()


@pytest.mark.parametrize("who, what", [
    ({"sub": "bob", "payload": 1}, "https://example.com/room"), ({"sub": "ann", "payload": 2}, "https://example.com/room"),
    ({"sub": "ann"}, "https://example.com/room"), ({"payload": 1}, "https://example.com/room"), ({"sub": "ann", "payload": 1}, "https://example.com/hall")],
    ids=["another subject", "another payload", "no payload", "no subject", "another matcher"])
def test_nobody_else_lets_an_end_go(start_hub, dialect, who, what):
    hub = start_hub("subscriptions {\n hold_back 60s\n}\n" + ISSUED)
    watcher = Watcher(hub, dialect)
    stream = open_stream(hub, dialect, "https://example.com/room", auth=person(dialect, sub="ann", payload=1))
    watcher.wait(1)
    stream.close()
    other = open_stream(hub, dialect, what, auth=person(dialect, **who))
    assert [t[0] for t in watcher.until_mark()] == [True]
    assert len(collection(hub, dialect)) == 4
    other.close()


def test_who_has_no_subject_is_never_the_same(start_hub, dialect):
    hub = start_hub("subscriptions {\n hold_back 60s\n}\n" + ISSUED)
    watcher = Watcher(hub, dialect)
    for auth in (None, person(dialect)):
        open_stream(hub, dialect, "https://example.com/room", auth=auth).close()
        stream = open_stream(hub, dialect, "https://example.com/room", auth=auth)
        assert [t[0] for t in watcher.until_mark()] == [True, True]
        stream.close()


def test_a_token_that_ends_and_is_renewed_shows_no_leaving(start_hub, dialect):
    hub = start_hub("subscriptions\n" + ISSUED)
    watcher = Watcher(hub, dialect)
    stream = open_stream(hub, dialect, "https://example.com/room", auth=person(dialect, sub="ann", exp=time.time() + 1.5))
    (begin,) = watcher.wait(1)
    cursor = [f"Last-Event-ID: {watcher.last}"]
    assert re.search(rb"retry: (\d+)\n", stream.end())
    back = open_stream(hub, dialect, "https://example.com/room", auth=person(dialect, sub="ann", exp=time.time() + 3600), headers=cursor)
    told = watcher.wait(2)
    assert told[0][0] is True and told[1] == (False, *begin[1:])
    back.close()


def test_a_reload_changes_how_long_ends_are_held_back(start_hub, dialect):
    hub = start_hub("subscriptions {\n hold_back 60s\n}\n" + ISSUED)
    watcher = Watcher(hub, dialect)
    stream = open_stream(hub, dialect, "https://example.com/room")
    watcher.wait(1)
    stream.close()
    assert watcher.until_mark() == []
    hold_back(hub, "60s", "100ms\nmax_age 2h")
    assert [t[0] for t in watcher.wait(1)] == [False]
    assert "directive=max_age" in hub.log()


# --- no room -----------------------------------------------------------------------------------


@pytest.mark.parametrize("busy", ["retry", "503"])
def test_where_there_is_no_room_the_subscription_cannot_be_served_now(start_hub, dialect, busy):
    port = free_port()
    hub = start_hub(f"subscriptions {{\n max_bytes 1MiB\n hold_back 0s\n}}\nbusy {busy}\nmetrics_listen 127.0.0.1:{port}\n{ISSUED}")
    long = [f"https://example.com/{n}/{'x' * 1500}" for n in range(25)]
    streams = []
    while True:
        stream = Stream(address(hub), query(dialect, *long))
        if stream.status != 200 or "connection" in stream.headers and stream.text.startswith(b"retry:"):
            break
        streams.append(stream)
        assert len(streams) < 100
    assert len(streams) >= 2
    if busy == "retry":
        assert re.fullmatch(rb"retry: \d+\n: subscriptions\n\n", stream.end())
    else:
        assert stream.status == 503
    assert len(collection(hub, dialect)) == 25 * len(streams)
    page = Client(("127.0.0.1", port)).get("/metrics").body.decode()
    assert 'alipes_bounds_met_total{bound="subscriptions"} 1' in page
    streams.pop().close()
    wait_for(lambda: len(collection(hub, dialect)) == 25 * len(streams), "the ends")
    again = open_stream(hub, dialect, *long)
    assert again.text.startswith(b":\n")


# --- replay ------------------------------------------------------------------------------------


def test_begins_and_ends_are_replayed_in_order_with_the_rest(start_hub, dialect, wire):
    mixed = start_hub(AT_ONCE + ISSUED)
    at = ("127.0.0.1", mixed.port)
    start = publish(at, topic=MARK, data='"start"').body.decode()
    first = open_stream(mixed, dialect, "https://example.com/r1", auth=person(dialect, payload="p"), wire=wire)
    publish(at, topic=MARK, data='"one"')
    first.close()
    wait_for(lambda: "https://example.com/r1" not in [m for m, _ in collection(mixed, dialect)], "the end")
    publish(at, topic=MARK, data='"two"')
    second = open_stream(mixed, dialect, "https://example.com/r2", wire=wire)
    watcher = Watcher(mixed, dialect, wire, last_event_id=start)
    told = [watcher.told() for _ in range(5)]
    assert [t if isinstance(t, str) else (t["active"], t.get("match", t.get("topic"))) for t in told] == [
        (True, "https://example.com/r1"), "one", (False, "https://example.com/r1"), "two", (True, "https://example.com/r2")]
    assert told[0] == {**told[2], "active": True} and told[0]["payload"] == "p"
    second.close()
    watcher.close()


def test_who_comes_with_a_cursor_hears_its_own_begin_behind_what_it_missed(mixed, wire):
    at = ("127.0.0.1", mixed.port)
    start = publish(at, topic=MARK, data='"start"').body.decode()
    publish(at, topic=MARK, data='"missed"')
    for cursor in (start, "unknown"):
        me = open_stream(mixed, "1.0", MARK, match_urlpattern=f"{API}/:type/:match/:subscriber", auth=person("1.0"), wire=wire,
                         headers=[f"Last-Event-ID: {cursor}"])
        assert me.headers["mercure-last-event-id"] == (start if cursor == start else "earliest")
        publish(at, topic=MARK, data=json.dumps(cursor))
        seen = []
        while (data := json.loads(datas(me, 1)[0])) != cursor:
            if isinstance(data, str) or data["active"]:  # the end of the stream before may come meanwhile
                seen.append(data if isinstance(data, str) else data["match"])
        assert [s for s in seen if s in ("missed", MARK)] == (["missed", MARK] if cursor == start else [MARK])
        me.close()


# --- figures -----------------------------------------------------------------------------------


def test_the_figures_say_how_many_are_there(start_hub, dialect):
    port = free_port()
    hub = start_hub(f"subscriptions {{\n hold_back 60s\n}}\nmetrics_listen 127.0.0.1:{port}\n{ISSUED}")

    def figures():
        page = Client(("127.0.0.1", port)).get("/metrics").body.decode()
        return [int(float(re.search(rf"^alipes_subscriptions_{name} (\S+)$", page, re.M)[1])) for name in ("active", "begun_total", "ended_total", "held_back")]

    assert figures() == [0, 0, 0, 0]
    ann = person(dialect, sub="ann")
    stream = open_stream(hub, dialect, "a", "b", auth=ann)
    assert figures() == [2, 2, 0, 0]
    stream.close()
    wait_for(lambda: figures() == [2, 2, 0, 2], "the departure")
    back = open_stream(hub, dialect, "a", auth=ann)
    wait_for(lambda: figures() == [2, 3, 1, 1], "the return")
    back.close()
    assert re.search(r'event=subscription_end id=\S+ held_back_ms=\d+ msg="who left is back', hub.log())
    assert re.search(r'event=subscriptions_begin conn=\d+ count=2 first=\S+', hub.log())
