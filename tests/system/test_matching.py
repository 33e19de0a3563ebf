"""Matchers of both dialects over the wire, their bounds, and matching that takes more than one turn."""
import re
import signal
import threading
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from conftest import KEY, PATH, SANITIZED, Client, Stream, free_port, publish, token, wait_for

ISSUER = f"issuer https://issuer.example {{\n subscriber {{\n jwt {KEY} HS256\n }}\n}}"
FORM = "Content-Type: application/x-www-form-urlencoded"


def at(hub):
    return "127.0.0.1", hub.port


def ask(*matchers):
    return "&".join(f"{name}={quote(value, safe='')}" for name, value in matchers)


def status(hub, query, method="GET"):
    client = Client(at(hub))
    client.ask(method, f"{PATH}?{query}")
    return client.head()[0]


def counted(hub, name):
    """A counter as the log has it when the hub stops."""
    return int(re.search(rf"event=counted .*?\b{name}=(\d+)", hub.log()).group(1))


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    from conftest import Hub

    hub = Hub(tmp_path_factory.mktemp("mixed"), ISSUER)
    yield hub
    hub.stop()


@pytest.mark.parametrize("head", ["GET", "HEAD"])
def test_matchers_of_1_0_are_judged(mixed, head):
    def refused(*matchers):
        return status(mixed, ask(*matchers), head) == 400

    assert not refused(("match", "a"), ("match_exact", "b"), ("match", "*"), ("match", ""))
    assert refused(("match", "a"), ("topic", "a"))
    for name in ("match_regexp", "matches", "MATCH", "Match_exact", "match[]"):
        assert refused((name, "a")), name
    assert not refused(("match", "a" * 4096))
    assert refused(("match", "a" * 4097))
    assert not refused(*[("match", str(i)) for i in range(100)])
    assert refused(*[("match", str(i)) for i in range(101)])
    assert not refused(*[("topic", str(i)) for i in range(101)])
    for bad in ("a\tb", "\x7f", "\x85", "\u200b", "\u00ad", "\U000e0001"):
        assert refused(("match", bad)), ascii(bad)
        assert not refused(("topic", bad)), ascii(bad)
    assert status(mixed, "match=%ff", head) == 400
    assert status(mixed, "topic=%ff", head) == 200
    assert status(mixed, "%6Datch=a&topic=a", head) == 400


def test_what_is_quoted_of_an_ill_formed_pattern_is_a_text(mixed):
    for before in range(4):
        for bad in ("https://example.com/" + "x" * before + "\U0001f40e" * 200 + "(", ":\U0001f40e" * 2 + "{" + "x" * before + "é" * 400):
            client = Client(at(mixed))
            client.ask("GET", f"{PATH}?{ask(('match_urlpattern', bad))}", ["Accept: text/event-stream, application/json"])
            reply = client.reply()
            assert reply.status == 400
            reply.body.decode()  # raises where it is none


def test_equal_matchers_send_once_and_everything_is_everything(mixed):
    stream = Stream(at(mixed), ask(("match", "once"), ("match_exact", "once"), ("match", "*")))
    publish(at(mixed), topic="once", data="1")
    publish(at(mixed), topic="else", data="2")
    assert stream.datas(2) == ["1", "2"]


def test_the_cursor_of_1_0_has_its_own_names(mixed):
    first = publish(at(mixed), topic="cursor", data="1").body.decode()
    second = publish(at(mixed), topic="cursor", data="2").body.decode()
    stream = Stream(at(mixed), f"match=cursor&lastEventID={second}&last_event_id={first}")
    assert stream.headers["mercure-last-event-id"] == first and "last-event-id" not in stream.headers
    assert stream.datas(1) == ["2"]
    stream = Stream(at(mixed), f"topic=cursor&lastEventID={second}&last_event_id={first}")
    assert stream.headers["last-event-id"] == second and "mercure-last-event-id" not in stream.headers
    assert Stream(at(mixed), "match=cursor&last_event_id=").headers["mercure-last-event-id"] == "earliest"
    head = Client(at(mixed)).request("HEAD", f"{PATH}?match=cursor&last_event_id=unknown")
    assert head.headers["mercure-last-event-id"] == "earliest"


def test_a_hub_of_one_dialect_does_not_know_the_others_names(start_hub):
    hub = start_hub()
    assert status(hub, "match=a") == 400
    stream = Stream(at(hub), "match=a&matches=b&topic=c")
    publish(at(hub), topic="a", data="1")
    publish(at(hub), topic="c", data="2")
    assert stream.datas(1) == ["2"]


def test_a_hub_of_1_0_alone_names_match(start_hub):
    hub = start_hub(ISSUER)
    hub.stop()
    hub.conf.write_text(re.sub(r"^\w+_jwt .*\n", "", hub.conf.read_text(), flags=re.M))
    hub.start()
    reply = Client(at(hub)).get(f"{PATH}?topic=a")
    assert reply.status == 400 and b"match" in reply.body
    assert status(hub, "match=a") == 200
    assert b"match" in Client(at(hub)).get(PATH).body


def test_templates_match_backwards(hub):
    stream = Stream(at(hub), ask(("topic", "https://example.com/t/{user}/{+rest}"), ("topic", "x{"), ("topic", "{a}{")))
    exact = Stream(at(hub), ask(("topic", "https://example.com/t/{user}/{+rest}")), f"Authorization: Bearer {token(subscribe=['*'])}")
    for i, topic in enumerate(["https://example.com/t/1/a/b", "https://example.com/u/1/a", "x{", "x", "{a}{",
                               "https://example.com/t/{user}/{+rest}", "https://example.com/t/1/2"]):
        publish(at(hub), topic=topic, data=str(i))
    assert stream.datas(5) == ["0", "2", "4", "5", "6"]
    assert exact.datas(3) == ["0", "5", "6"]
    replayed = Stream(at(hub), ask(("topic", "https://example.com/t/{a}/{+b}"), ("lastEventID", "earliest")))
    assert replayed.datas(2) == ["0", "6"]


def test_url_patterns_match_topics_as_urls(mixed):
    ours = f"https://example.com/p{SANITIZED}"
    stream = Stream(at(mixed), ask(("match_urlpattern", ours + "/users/:id"), ("match_urlpattern", "/relative/:id")))
    same = Stream(at(mixed), ask(("match_urlpattern", ours + "/users/:id"), ("match_urlpattern", ours + "/users/:id"), ("match_urlpattern", "*")))
    plain = Stream(at(mixed), ask(("match", ours + "/users/:id")))
    topics = [ours + "/users/1", ours.replace("https", "HTTPS") + "/a/../users/2", ours + "/users/1/2", "/relative/3",
              "http://hub.example/relative/4", "https://hub.example/relative/5", "not a url", ours + "/users/:id"]
    for i, topic in enumerate(topics):
        publish(at(mixed), topic=topic, data=str(i))
    publish(at(mixed), topic=[topics[0], topics[1]], data="once")
    publish(at(mixed), topic=ours + "/users/9", data="end")
    assert stream.datas(7) == ["0", "1", "3", "4", "7", "once", "end"]
    assert same.datas(10) == [*"01234567", "once", "end"]
    assert plain.datas(1) == ["7"]
    replay = Stream(at(mixed), ask(("match_urlpattern", ours + "/users/:id"), ("last_event_id", "earliest")))
    assert replay.datas(5) == ["0", "1", "7", "once", "end"]


@pytest.mark.parametrize("head", ["GET", "HEAD"])
def test_an_ill_formed_url_pattern_is_a_400(mixed, head):
    for bad in ("https://example.com/:", "https://example.com/(", "https://example.com/(?<x>a)((?<x>b))", "https://example.com/{a"):
        assert status(mixed, ask(("match_urlpattern", bad)), head) == 400, bad
    assert status(mixed, ask(("match_urlpattern", "https://example.com/:id(\\d+)")), head) == 200


def test_a_relative_pattern_has_the_base_of_its_request(start_hub):
    hub = start_hub(ISSUER + "\nmax_pattern_bases 2\nclient_share 1", workers=1)

    def subscribe(host):
        client = Stream.__new__(Stream)
        Client.__init__(client, at(hub))
        client.send(f"GET {PATH}?match_urlpattern=/x/:id HTTP/1.1\r\nHost: {host}\r\n\r\n".encode())
        client.status, client.headers = client.head()
        client.chunked, client.text, client.comments, client.ended = "content-length" not in client.headers, b"", 0, False
        return client

    one, two = subscribe("one.example"), subscribe("two.example")
    assert one.chunked and two.chunked
    assert b"retry: " in subscribe("three.example").exactly(6 + 1)
    publish(at(hub), topic="/x/1", data="both")
    publish(at(hub), topic="http://one.example/x/1", data="one")
    publish(at(hub), topic="http://two.example/x/1", data="two")
    assert one.datas(2) == ["both", "one"] and two.datas(2) == ["both", "two"]
    two.close()
    wait_for(lambda: subscribe("three.example").chunked, "the base of a stream that left")
    hub.stop()
    assert counted(hub, "max_pattern_bases") > 0


def test_a_regular_expression_that_explodes_is_struck(start_hub):
    hub = start_hub(ISSUER, workers=1)
    pattern = "https://example.com/((?:a|a)*)"
    stream = Stream(at(hub), ask(("match_urlpattern", pattern)))
    for i in range(3):
        publish(at(hub), topic="https://example.com/" + "a" * (200 + i) + "!", data="x")
    assert b"retry: " in stream.end()
    assert status(hub, ask(("match_urlpattern", pattern))) == 400


def test_patterns_past_their_bounds_get_a_retry(start_hub):
    hub = start_hub("max_patterns 3\nmax_unfixed_patterns 1\nclient_share 1\nmax_matcher_length 16\n" + ISSUER, workers=1)
    held = [Stream(at(hub), ask(("topic", "a{x}"), ("topic", "{y}")))]
    assert b"retry" not in held[0].text
    assert Stream(at(hub), ask(("topic", "{z}"))).text.startswith(b"retry: ")
    assert Stream(at(hub), ask(("topic", "http://{host}/"))).text.startswith(b"retry: ")
    held.append(Stream(at(hub), ask(("topic", "a{x}"), ("topic", "b{x}"))))
    assert b"retry" not in held[1].text
    assert Stream(at(hub), ask(("topic", "c"), ("topic", "c{x}"))).text.startswith(b"retry: ")
    assert b"retry" not in Stream(at(hub), ask(("topic", "c"))).text
    assert status(hub, ask(("match", "m" * 17))) == 400
    held[1].close()
    wait_for(lambda: not Stream(at(hub), ask(("topic", "c{x}"))).text.startswith(b"retry: "), "the pattern of a stream that left")
    hub.stop()
    for bound in ("max_patterns", "max_unfixed_patterns", "max_matcher_length"):
        assert counted(hub, bound) > 0


def test_a_client_has_a_share_of_each_bound_and_what_is_there_is_for_all(start_hub):
    """By its address; whoever has none that is known is a client of its own."""
    hub = start_hub("forwarded x-forwarded\nmax_unfixed_patterns 8\nclient_share 4\nmax_index_bytes 64KiB\n" + ISSUER, workers=1)

    def begins(address, *matchers):
        stream = Stream(at(hub), ask(*matchers), *([f"X-Forwarded-For: {address}"] if address else []))
        held.append(stream)
        return not stream.text.startswith(b"retry: ")

    held = []
    assert begins("192.0.2.1", ("topic", "{a}"), ("topic", "{b}"))
    assert not begins("192.0.2.1", ("topic", "{c}"))
    assert not begins("192.0.2.2", ("topic", "{d}"), ("topic", "{e}"), ("topic", "{f}"))
    assert begins("192.0.2.2", ("topic", "{d}"), ("topic", "{e}"))
    assert begins("192.0.2.1", ("topic", "{d}"), ("topic", "{e}"), ("topic", "plain"))
    assert begins(None, ("topic", "{g}"), ("topic", "{h}")) and begins(None, ("topic", "{i}"), ("topic", "{j}"))
    assert not begins("192.0.2.3", ("topic", "{k}"))  # all of it is taken, and by several
    for _ in range(2):
        assert begins("192.0.2.4", ("topic", "x" * 10000))
    assert not begins("192.0.2.4", ("topic", "y" * 10000))
    assert begins("192.0.2.5", ("topic", "y" * 10000))
    for stream in held:
        stream.close()
    wait_for(lambda: begins("192.0.2.3", ("topic", "{k}")), "room again")
    hub.stop()
    assert counted(hub, "client_share") == 3 and counted(hub, "max_unfixed_patterns") >= 1


def test_any_number_of_hosts_keeps_as_much_as_one(start_hub):
    """What is worked out about topics is counted, and no more than another tail."""
    metrics = free_port()
    hub = start_hub(f"metrics_listen 127.0.0.1:{metrics}\ntail 64KiB\n" + ISSUER, workers=1)
    held = []
    for i in range(16):
        client = Client(at(hub))
        client.send(f"GET {PATH}?match_urlpattern=/books/:x{i} HTTP/1.1\r\nHost: h{i}.example\r\n\r\n".encode())
        assert client.head()[0] == 200
        held.append(client)
    for i in range(300):
        assert publish(at(hub), topic=["/books/1", "/books/2"], data=str(i)).status == 200
    for client in held:
        client.until(b"data: 299")
    page = Client(("127.0.0.1", metrics)).get("/metrics").body.decode()
    kept = float(re.search(r"^alipes_topic_url_bytes (\S+)", page, re.M).group(1))
    assert 0 < kept <= 65536


def test_bounds_of_matching_follow_a_reload(start_hub):
    hub = start_hub("max_patterns 0", workers=1)
    assert Stream(at(hub), ask(("topic", "a{x}"))).text.startswith(b"retry: ")
    hub.conf.write_text(hub.conf.read_text().replace("max_patterns 0", "max_patterns 1"))
    hub.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: not Stream(at(hub), ask(("topic", "a{x}"))).text.startswith(b"retry: "), "the new bound")


def slow_template(number, expressions=400):
    """With a topic of many a it costs as many sweeps as it has expressions."""
    return f"a{{+x{number}}}" + "a{+x}" * expressions + "z"


def test_a_pattern_that_takes_too_long_is_struck(start_hub):
    hub = start_hub(workers=1)
    topics = ["a" * (3000 + i) + "z" for i in range(3)]
    slow = Stream(at(hub), ask(("topic", slow_template(1))))
    also = Stream(at(hub), ask(("topic", slow_template(1)), ("topic", "fine")))
    fine = Stream(at(hub), ask(("topic", "a{+x}"), ("topic", "fine")))
    for i, topic in enumerate(topics):
        publish(at(hub), topic=topic, data=str(i))
    assert fine.datas(3) == ["0", "1", "2"]
    assert slow.end().startswith(b"retry: ") or b"\nretry: " in slow.text
    assert b"retry: " in also.end()
    assert status(hub, ask(("topic", slow_template(1)))) == 400
    assert status(hub, ask(("topic", slow_template(2)))) == 200
    assert "event=pattern_struck" in hub.log() and "streams=2" in hub.log()
    publish(at(hub), topic="fine", data="x")
    assert fine.datas(1) == ["x"]
    hub.stop()
    assert counted(hub, "max_match_steps") == 3
    assert counted(hub, "patterns_struck") == 1 and counted(hub, "patterns_refused") == 1


def test_a_pattern_is_struck_in_replay_as_well(start_hub):
    hub = start_hub(workers=1)
    for i in range(4):
        publish(at(hub), topic="a" * (3000 + i) + "z", data=str(i))
    stream = Stream(at(hub), ask(("topic", slow_template(1)), ("lastEventID", "earliest")))
    assert b"retry: " in stream.end()
    assert status(hub, ask(("topic", slow_template(1)))) == 400


def test_replays_of_one_topic_strike_nobody(start_hub):
    """Whoever may read the history may not end the streams of others with it."""
    hub = start_hub(workers=1)
    other = Stream(at(hub), ask(("topic", slow_template(1)), ("topic", "fine")))
    for i in range(4):
        publish(at(hub), topic="a" * 3000 + "z", data=str(i))
    for _ in range(4):
        stream = Stream(at(hub), ask(("topic", slow_template(1)), ("topic", "fine"), ("lastEventID", "earliest")))
        publish(at(hub), topic="fine", data="here")
        assert stream.datas(1)[0] == "here"
        stream.close()
    assert other.datas(4) == ["here"] * 4
    assert status(hub, ask(("topic", slow_template(1)))) == 200
    hub.stop()
    assert counted(hub, "max_match_steps") >= 5


def test_matching_that_pauses_leaves_nothing_out_and_sends_nothing_twice(start_hub):
    """Each update takes many turns. Streams of all kinds join, leave and lag meanwhile: whatever each of them
    hears, it hears it from its begin on without a gap."""
    hub = start_hub("max_match_steps 10000000\ntail 4MiB\nheartbeat 20s")
    topic = "a" * (700 if SANITIZED else 2000) + "z"
    updates, streams, stop = 25, [], threading.Event()
    slow = [Stream(at(hub), ask(("topic", slow_template(i, 200)))) for i in range(8)]
    kinds = [ask(("topic", topic)), ask(("topic", "*")), ask(("topic", "a{+x}")), ask(("topic", slow_template(1, 200))),
             ask(("topic", topic), ("topic", "a{+y}"), ("topic", slow_template(2, 200)))]

    def come_and_go():
        number = 0
        while not stop.is_set():
            stream = Stream(at(hub), kinds[number % len(kinds)])
            if number % 3 == 0:
                stream.close()
            else:
                streams.append(stream)
            number += 1
            time.sleep(0.01)

    others = threading.Thread(target=come_and_go)
    others.start()
    for i in range(updates):
        reply = publish(at(hub), topic=topic, data=f"{i:04}" + "x" * 8000, id=f"id-{i}")
        assert reply.status == 200
    stop.set()
    others.join()
    late = [Stream(at(hub), f"{kind}&lastEventID=id-{updates - 5}") for kind in kinds]
    publish(at(hub), topic=topic, data="last")
    for stream in slow + streams + late:
        heard = []
        while True:
            data = stream.datas(1)[0]
            if data == "last":
                break
            heard.append(int(data[:4]))
        assert heard == list(range(updates - len(heard), updates)), heard
    hub.stop()
    assert counted(hub, "matchings_paused") > 0


def test_a_stop_ends_streams_behind_what_is_still_to_be_matched(start_hub):
    hub = start_hub("max_match_steps 10000000\nshutdown_timeout 10m", workers=1)
    topic = "a" * (700 if SANITIZED else 2000) + "z"
    streams = [Stream(at(hub), ask(("topic", slow_template(i, 200)))) for i in range(12)]
    for i in range(5):
        publish(at(hub), topic=topic, data=str(i))
    hub.server.process.terminate()
    for stream in streams:
        assert stream.datas(5) == [str(i) for i in range(5)]
        assert b"retry: " in stream.end()
    hub.stop()


def test_patterns_that_take_long_to_compile_delay_nobody(start_hub):
    """What fits into a request head, of the worst kind, from ten at once; and a hundred in a QUERY."""
    hub = start_hub(ISSUER, workers=1)
    witness, clock = Stream(at(hub), ask(("topic", "witness"))), worker_clock(hub)

    def hostile(number, count=6):
        return ask(*[("match_urlpattern", f"/{number}-{i}" + "{a}?" * 900) for i in range(count)])

    def worst_of(publishes):
        begin, worst = clock(), 0
        for i in range(publishes):
            assert publish(at(hub), topic="witness", data=str(i)).status == 200 and witness.datas(1) == [str(i)]
            worst, begin = max(worst, clock() - begin), clock()
        return worst

    askers = [Client(at(hub)) for _ in range(10)]
    for number, asker in enumerate(askers):
        asker.ask("HEAD" if number % 2 else "GET", f"{PATH}?{hostile(number)}")
    worst = worst_of(20)
    assert {asker.head()[0] for asker in askers} == {200}
    query, many = Client(at(hub)), 20 if SANITIZED else 100
    query.ask("QUERY", PATH, [FORM], hostile("q", many).encode())
    worst = max(worst, worst_of(40))
    assert query.head()[0] == 200
    publish(at(hub), topic=f"http://hub.example/q-{many - 1}aaa", data="x")
    query.__class__, query.chunked, query.text, query.comments, query.ended = Stream, True, b"", 0, False
    assert query.datas(1) == ["x"]
    bad = hostile(99, 5) + "&" + ask(("match_urlpattern", "(" * 2000))
    assert status(hub, bad) == 400 and status(hub, bad, "HEAD") == 400
    for method in ("GET", "QUERY"):
        gone = Client(at(hub))
        gone.ask(method, f"{PATH}?{hostile(method)}", [FORM] if method == "QUERY" else [], b"match=a" if method == "QUERY" else b"")
        gone.close()
    print(f"the witness waited for {worst * 1000:.1f} ms of the worker's time at most")
    assert worst < (1 if SANITIZED else 0.05)


def test_a_hub_that_must_stop_now_gives_up_matching(start_hub):
    hub = start_hub("max_match_steps 10000000\nshutdown_timeout 0s", workers=1)
    topic = "a" * (700 if SANITIZED else 2000) + "z"
    streams = [Stream(at(hub), ask(("topic", slow_template(i, 200)))) for i in range(12)]
    for i in range(5):
        publish(at(hub), topic=topic, data=str(i))
    hub.stop()
    assert all(stream.closed() is not None for stream in streams)


def worker_clock(hub):
    """Seconds that the only worker's thread has had a processor: a delay that no busy machine adds to."""
    tasks = Path(f"/proc/{hub.server.process.pid}/task")
    task = next(t for t in tasks.iterdir() if (t / "comm").read_text().strip() == "worker-0")
    return lambda: int((task / "schedstat").read_text().split()[0]) / 1e9


def test_patterns_that_cost_most_delay_nobody(start_hub):
    """100 patterns at once against 1,000 topics: how long does a stream wait that has none of them?"""
    hub = start_hub(workers=1)
    witness = Stream(at(hub), ask(("topic", "witness")))
    hostile = [Stream(at(hub), ask(*[("topic", slow_template(10 * k + i, 100)) for i in range(10)])) for k in range(10)]
    assert {stream.status for stream in hostile} == {200}
    clock, worst, client = worker_clock(hub), 0, Client(at(hub))
    auth = f"Authorization: Bearer {token(['*'])}"
    for i in range(0, 1000, 50 if SANITIZED else 1):
        body = f"topic={'a' * (100 + i)}z&topic=witness&data={i}".encode()
        begin = clock()
        client.ask("POST", PATH, ["Content-Type: application/x-www-form-urlencoded", auth], body)
        assert witness.datas(1) == [str(i)]
        worst = max(worst, clock() - begin)
        assert client.reply().status == 200
    print(f"the witness waited for {worst * 1000:.1f} ms of the worker's time at most")
    assert worst < (1 if SANITIZED else 0.05)
