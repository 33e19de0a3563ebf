"""Who is connected: GET /streams at the metrics' own sockets, page by page, and `alipes streams`, which prints it."""

import json
import re
import signal
import socket
import subprocess
import threading

from conftest import BIN, KEY, PATH, Client, Operator, Stream, publish, token, wait_for
from test_dialects import ISSUER, RESOURCE, access_token

BOTH = (f"issuer {ISSUER} {{\n\tpublisher {{\n\t\tjwt {KEY} HS256\n\t}}\n\tsubscriber {{\n\t\tjwt {KEY} HS256\n\t}}\n}}\n"
        f"resource_identifier {RESOURCE}\nforwarded x-forwarded\n")


def page(hub, query=""):
    reply = Operator(hub.metrics).get(f"/streams{query}")
    assert reply.status == 200, reply.body
    assert reply.headers["content-type"] == "application/json" and reply.headers["cache-control"] == "no-store"
    return json.loads(reply.body)


def pages(hub, limit):
    """Each page's streams, to the last."""
    found, after = [], ""
    while True:
        one = page(hub, f"?limit={limit}{after}")
        found.append(one["streams"])
        assert len(one["streams"]) <= limit
        if "next" not in one:
            return found
        after = f"&after={one['next']}"


def printed(hub, *words, status=0):
    done = subprocess.run([BIN, "streams", "-c", hub.conf, *words], capture_output=True, text=True, timeout=60)
    assert done.returncode == status, done.stderr
    return done.stdout


def test_a_stream_is_told_with_its_topics_its_subject_and_its_address(measured):
    hub = measured(BOTH)
    old = token(subscribe=["*"], sub="alice\x1b[2J")
    new = access_token({"actions": ["subscribe"], "topics": [{"match": "*"}]}, sub="bob")
    one = Stream(hub.socket, "topic=a%0Ab&topic=https://example.com/books/%7Bid%7D&topic=%FF", f"Authorization: Bearer {old}", "X-Forwarded-For: 192.0.2.7")
    two = Stream(hub.socket, "match=x&match_urlpattern=https://example.com/books/:id", f"Authorization: Bearer {new}", "X-Forwarded-For: 2001:db8::1")
    three = Stream(("127.0.0.1", hub.port), "topic=*")
    publish(hub.socket, topic="x", data="1")
    two.datas(1), three.datas(1)
    told = {tuple(map(str, stream["topics"])): stream for stream in page(hub)["streams"]}
    assert len(told) == 3
    first = told[("a\nb", "\ufffd", "https://example.com/books/{id}")]  # exact ones come first
    second = told[("x", "{'urlpattern': 'https://example.com/books/:id'}")]
    third = told[("*",)]
    assert (first["sub"], first["address"], first["dialect"], first["sent"], first["anonymous"]) == ("alice\x1b[2J", "192.0.2.7", "0.x", 0, False)
    assert (second["sub"], second["address"], second["dialect"], second["sent"]) == ("bob", "2001:db8::1", "1.0", 1)
    assert "sub" not in third and third["anonymous"] and third["address"] == "" and third["sent"] == 1
    for stream in told.values():
        assert (stream["state"], stream["lag"], stream["waits"]) == ("LIVE", 0, False) and 0 <= stream["seconds"] < 60
        assert stream["topic_count"] == len(stream["topics"]) and f"conn={stream['conn']} " in hub.log()
    lines = printed(hub).splitlines()
    assert lines[0].split() == ["ADDRESS", "TIME", "STATE", "LAG", "SENT", "SUB", "TOPICS"] and len(lines) == 4
    assert any(re.fullmatch(r"192.0.2.7 +\d+ s  LIVE +0 +0  alice\\x1b\[2J a\\x0ab . https://example.com/books/\{id\}", line) for line in lines)
    assert any(line.startswith("2001:db8::1 ") and line.endswith("  bob x urlpattern:https://example.com/books/:id") for line in lines)
    assert any(line.startswith("- ") and line.endswith("  anonymous *") for line in lines)
    assert {json.loads(line)["id"] for line in printed(hub, "--json").splitlines()} == {stream["id"] for stream in told.values()}
    one.close(), two.close(), three.close()
    wait_for(lambda: page(hub) == {"streams": []}, "nobody")
    assert len(printed(hub).splitlines()) == 1


def test_pages_hold_everybody_once_while_others_come_and_go(measured):
    hub = measured(workers=3)
    at = ("127.0.0.1", hub.port)
    stay = [Stream(at, f"topic=stay-{number}") for number in range(60)]
    over = threading.Event()

    def come_and_go():
        passing = []
        while not over.is_set():
            passing.append(Stream(at, "topic=passes"))
            if len(passing) > 5:
                passing.pop(0).close()

    thread = threading.Thread(target=come_and_go)
    thread.start()
    for limit in (1, 7, 1000):
        ids, topics = [], []
        for streams in pages(hub, limit):
            ids += [stream["id"] for stream in streams]
            topics += [stream["topics"][0] for stream in streams]
        assert len(ids) == len(set(ids))
        assert sorted(topic for topic in topics if topic != "passes") == sorted(f"stay-{number}" for number in range(60))
    over.set()
    thread.join()
    assert printed(hub).count(" stay-") == 60
    for stream in stay:
        stream.close()


def test_a_reader_that_is_slow_is_told_with_what_waits_for_it(measured):
    hub = measured("tail 1MiB", workers=1)
    slow = Stream(("127.0.0.1", hub.port), "topic=a")
    slow.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)

    def told():
        publish(hub.socket, topic="a", data="x" * 100_000)
        return page(hub)["streams"][0]

    wait_for(lambda: told()["waits"], "the stream to wait for its reader")
    stream = told()
    assert stream["state"] == "CATCHING_UP" and stream["lag"] > 0
    assert re.search(r"  SLOW READER +\d+\+? ", printed(hub))
    wait_for(lambda: told()["lag"] is None, "what waits for it to leave the tail")
    assert re.search(r"  SLOW READER +history ", printed(hub))
    slow.close()


def test_topics_without_end_are_cut_and_counted(measured):
    hub = measured()
    stream = Stream(("127.0.0.1", hub.port), "&".join(f"topic={number}{'x' * 100}" for number in range(90)))
    told = page(hub)["streams"][0]
    assert told["topic_count"] == 90 and 30 < len(told["topics"]) < 50
    assert f" and {90 - len(told['topics'])} more" in printed(hub)
    stream.close()


def test_it_is_told_at_the_sockets_of_the_metrics_alone_and_a_wrong_question_is_refused(measured):
    hub = measured()
    for path in ("/streams", f"{PATH}/streams"):
        assert Client(("127.0.0.1", hub.port)).get(path).status == 404
    for query in ("?limit=0", "?limit=x", "?after=9-1", "?after=x", "?after=1-", "?after=1-18446744073709551616"):
        assert Operator(hub.metrics).get(f"/streams{query}").status == 400, query
    assert Operator(hub.metrics).request("POST", "/streams").status == 405
    assert page(hub, "?limit=18446744073709551615&else=1") == {"streams": []}
    (hub.folder / "without.conf").write_text(re.sub("metrics_listen .*", "", hub.conf.read_text()))
    done = subprocess.run([BIN, "streams", "-c", hub.folder / "without.conf"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 2 and "a line for it is\n    metrics_listen unix//run/alipes/metrics.sock|0600" in done.stderr


def test_no_page_is_told_and_only_so_many_ask_at_once(measured):
    hub = measured("cors_origins *\nmax_stream_pages 0\n")
    for header in ("Origin: https://app.example", "Sec-Fetch-Site: none"):
        assert Operator(hub.metrics).get("/streams", header).status == 403
    refused = Operator(hub.metrics).get("/streams")
    assert refused.status == 503 and b"max_stream_pages" in refused.body
    assert 'alipes_bounds_met_total{bound="max_stream_pages"} 1' in Operator(hub.metrics).get("/metrics").body.decode()
    done = subprocess.run([BIN, "streams", "-c", hub.conf], capture_output=True, text=True, timeout=60)
    assert done.returncode == 1 and "the hub answered 503: Others ask that already (max_stream_pages)." in done.stderr
    hub.conf.write_text(hub.conf.read_text().replace("max_stream_pages 0", "max_stream_pages 1"))
    hub.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: Operator(hub.metrics).get("/streams").status == 200, "the reload")
    for _ in range(20):  # each gives its place back, whether it got a page or not
        assert Operator(hub.metrics).get("/streams?limit=0").status == 400
        assert page(hub) == {"streams": []}


def test_whoever_asks_and_leaves_or_asks_while_the_hub_stops_does_no_harm(measured):
    hub = measured(workers=3)
    streams = [Stream(("127.0.0.1", hub.port), "topic=a") for _ in range(50)]
    for _ in range(30):
        asks = Operator(hub.metrics)
        asks.ask("GET", "/streams?limit=1000")
        asks.close()
    over = threading.Event()

    def ask_on():
        while not over.is_set():
            try:
                Operator(hub.metrics).get("/streams")
            except (OSError, ValueError, AssertionError):
                return

    threads = [threading.Thread(target=ask_on) for _ in range(3)]
    for thread in threads:
        thread.start()
    hub.stop()
    over.set()
    for thread in threads:
        thread.join()
    for stream in streams:
        stream.close()
