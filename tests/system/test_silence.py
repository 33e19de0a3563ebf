""""200, but my page shows nothing": what the hub says of publishes, streams and refusals, in the log and in replies."""
import json
import os
import re
import signal
import socket
import subprocess
import threading
import time
from urllib.parse import quote, urlencode

import pytest

import fastcgi
import tokens
from conftest import BIN, KEY, PATH, Client, Hub, Server, Stream, free_port, publish, token, wait_for
from fastcgi import Fastcgi
from test_matching import SANITIZED, slow_template

FORM = "Content-Type: application/x-www-form-urlencoded"


def lines(hub, event):
    return [dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', line)) for line in hub.log().split("\n") if f" event={event} " in line]


def line_of(hub, event, **wanted):
    """The one line of that event with those values, waited for."""
    def found():
        return [line for line in lines(hub, event) if all(line.get(k) == v for k, v in wanted.items())]
    return wait_for(found, f"{event} {wanted}")[0]


def address(hub):
    return "127.0.0.1", hub.port


def ids(reply):
    return '"' + reply.body.decode().strip() + '"'


def counts(hub, reply):
    line = line_of(hub, "published", id=ids(reply))
    return tuple(int(line[name]) for name in ("streams", "catching_up", "not_granted"))


# --- a publish ------------------------------------------------------------------------------------

@pytest.mark.parametrize("workers", [1, 4])
def test_a_publish_says_how_many_streams_of_all_workers_it_met(start_hub, workers):
    hub = start_hub(workers=workers)
    open_ones = [Stream(address(hub), "topic=a&topic={x}") for _ in range(9)]
    granted = [Stream(address(hub), "topic=a", f"Authorization: Bearer {token(subscribe=['a'])}") for _ in range(2)]
    others = [Stream(address(hub), "topic=b", f"Authorization: Bearer {token(subscribe=['*'])}") for _ in range(3)]
    assert counts(hub, publish(address(hub), topic="a", data="x")) == (11, 0, 0)
    assert counts(hub, publish(address(hub), topic="a", data="x", private="on")) == (2, 0, 9)
    assert counts(hub, publish(address(hub), topic=["a", "b"], data="x")) == (14, 0, 0)
    # A private update goes to whoever is granted any of its topics: of those that meet it by `a`, the two; by `b`, the three.
    assert counts(hub, publish(address(hub), topic=["a", "b"], data="x", private="on")) == (5, 0, 9)
    assert counts(hub, publish(address(hub), topic="nobody/asks", data="x")) == (0, 0, 0)
    for stream in open_ones + granted + others:
        stream.close()
    wait_for(lambda: len(lines(hub, "stream_end")) == 14, "the streams' ends")
    assert counts(hub, publish(address(hub), topic="a", data="x")) == (0, 0, 0)
    hub.stop()
    assert len(lines(hub, "published")) == 6


def test_a_publish_says_what_it_was(start_hub):
    hub = start_hub()
    reply = publish(address(hub), topic=["https://example.com/a", "https://example.com/b"], data="four", private="on", type="chat", id="one")
    line = line_of(hub, "published", id=ids(reply))
    assert line["topics"] == '"https://example.com/a https://example.com/b"'
    assert (line["private"], line["type"], line["data_bytes"]) == ("true", '"chat"', "4")
    assert "msg" not in line and "unknown" not in line


def test_a_stream_behind_is_counted_apart_and_gets_it_all(start_hub):
    hub = start_hub("tail 32MiB\nheartbeat 0s")
    slow = Stream(hub.socket, "topic=a")
    last = None

    def behind():
        nonlocal last
        last = publish(address(hub), topic="a", data="x" * 100000)
        return counts(hub, last) == (0, 1, 0)

    wait_for(behind, "a publish that finds the stream catching up")
    sent = len(lines(hub, "published"))
    for _ in range(sent):
        event = slow.event()
    assert last.body.decode().strip() in event
    slow.close()
    assert line_of(hub, "stream_end")["events"] == str(sent)


def test_every_publish_of_many_at_once_has_one_right_line(start_hub):
    hub = start_hub(workers=3)
    streams = [Stream(address(hub), "topic=a") for _ in range(5)]
    clients = [Client(address(hub)) for _ in range(40)]
    body = urlencode({"topic": "a", "data": "x"}).encode()
    for client in clients:
        client.ask("POST", PATH, [FORM, f"Authorization: Bearer {token(['*'])}"], body)
    replies = [client.reply() for client in clients]
    assert all(counts(hub, reply) == (5, 0, 0) for reply in replies)
    hub.stop()
    assert len(lines(hub, "published")) == 40 and len(streams) == 5


def test_the_count_is_right_where_matching_takes_many_turns(start_hub):
    """Streams fall behind and are level again while one update is still being matched, and others come: who was there
    before is counted once, wherever it reads the update from."""
    hub = start_hub("max_match_steps 10000000\ntail 32MiB\nheartbeat 0s\nreply_timeout 10m", workers=1)
    topic, updates = "a" * (700 if SANITIZED else 2000) + "z", 18
    slow = [Stream(hub.socket, "topic=" + quote(slow_template(i, 200))) for i in range(8)]
    quick = [Stream(hub.socket, f"topic=*&topic={quote('a{+x}')}") for _ in range(4)]

    def read(stream, begin):
        wait_for(lambda: len(lines(hub, "published")) >= begin, "updates to fall behind of")
        stream.datas(updates)

    readers = [threading.Thread(target=read, args=(stream, i)) for i, stream in enumerate(slow + quick)]
    for reader in readers:
        reader.start()
    body = urlencode({"topic": topic, "data": "x" * 150000}).encode()
    clients = [Client(hub.socket) for _ in range(updates)]
    for client in clients:
        client.ask("POST", PATH, [FORM, f"Authorization: Bearer {token(['*'])}"], body)
    late = [Stream(hub.socket, "topic=other") for _ in range(20)]
    replies = [client.reply() for client in clients]
    for reader in readers:
        reader.join()
    for reply in replies:
        streams, catching_up, not_granted = counts(hub, reply)
        assert (streams + catching_up, not_granted) == (12, 0), reply.body
    hub.stop()
    assert len(late) == 20 and any(line["catching_up"] != "0" for line in lines(hub, "published"))
    assert int(lines(hub, "counted")[0]["matchings_paused"]) > 0


@pytest.mark.parametrize("form, words", [
    ("topic=a&data[event]=x&data[id]=1", "no data"),
    ("topic=a&amp;data=x", "no data"),
    ("topic=a&data=x&private=0", "leave it out"),
    ("topic=a&data=x&private=false", "leave it out"),
    ("topic=a&data=x&private=", "leave it out"),
    ("topic=https://example.com/books/{id}&data=x", "never a template"),
])
def test_a_publish_that_is_right_and_not_meant_says_so(hub, form, words):
    reply = Client(address(hub)).request("POST", PATH, [FORM, f"Authorization: Bearer {token(['*'])}"], form.encode())
    assert reply.status == 200
    assert words in line_of(hub, "published", id=ids(reply))["msg"]


def test_a_field_that_is_not_known_is_named(hub):
    line = line_of(hub, "published", id=ids(publish(address(hub), topic="a", data="x", dat="y", other="z")))
    assert (line["unknown_fields"], line["unknown"]) == ("2", '"dat"')


# --- a stream -------------------------------------------------------------------------------------

def test_a_stream_says_how_it_began_and_ended(start_hub):
    hub = start_hub()
    seen = 0

    def begins(query, *headers, **wanted):
        nonlocal seen
        stream = Stream(address(hub), query, *headers)
        assert stream.status == 200
        seen += 1
        line = wait_for(lambda: len(lines(hub, "stream_begin")) == seen and lines(hub, "stream_begin")[-1], "a beginning")
        assert {name: line[name].strip('"') for name in wanted} == wanted, line
        return stream, line

    mine = token(subscribe=["https://example.com/{id}", "b"])
    stream, line = begins("topic=a&topic=b", topics="a b", token="none", private_topics="", dialect="0.x", cursor="")
    publish(address(hub), topic="a", data="x")
    publish(address(hub), topic="b", data="x")
    stream.datas(2)
    stream.close()
    end = line_of(hub, "stream_end", conn=line["conn"])
    assert end["events"] == "2" and end["by"] == "peer" and 0 <= float(end["seconds"]) < 20
    begins("topic=a", f"Authorization: Bearer {mine}", token="header", private_topics="b https://example.com/{id}")
    begins(f"topic=a&authorization={mine}", token="query", private_topics="b https://example.com/{id}")
    begins("topic=a", f"Cookie: mercureAuthorization={mine}", token="cookie", private_topics="b https://example.com/{id}")
    _, line = begins("topic=a", "Last-Event-ID: nobody-knows", cursor="nobody-knows")
    assert line_of(hub, "stream_cursor", conn=line["conn"])["found"] == "false"
    known = publish(address(hub), topic="a", data="x").body.decode().strip()
    _, line = begins("topic=a", f"Last-Event-ID: {known}", cursor=known)
    assert line_of(hub, "stream_cursor", conn=line["conn"])["found"] == "true"
    hub.stop()
    assert {end["by"] for end in lines(hub, "stream_end")} == {"hub", "peer"}
    assert len(lines(hub, "stream_end")) == seen
    assert mine.split(".")[1] not in hub.log()


def test_a_stream_of_1_0_says_its_matchers(start_hub, tmp_path):
    hub = start_hub(tokens.configuration(tokens.BOTH, tmp_path), keys=False)
    Stream(address(hub), f"match=a&match_urlpattern={quote('https://example.com/*')}")
    line = line_of(hub, "stream_begin")
    assert line["topics"] == '"exact:a urlpattern:https://example.com/*"' and line["dialect"] == "1.0" and "msg" not in line


def test_a_star_that_is_no_wildcard_and_braces_that_are_no_template_are_told(hub):
    Stream(address(hub), "topic=https://example.com/books/*").close()
    assert "no wildcard" in line_of(hub, "stream_begin", topics='"https://example.com/books/*"')["msg"]
    Stream(address(hub), "topic=https://example.com/{book-id}").close()
    assert "no valid URI Template" in line_of(hub, "stream_begin", topics='"https://example.com/{book-id}"')["msg"]
    Stream(address(hub), "topic=https://example.com/{id*}").close()
    assert "msg" not in line_of(hub, "stream_begin", topics='"https://example.com/{id*}"')
    Stream(address(hub), "topic=*").close()
    assert "msg" not in line_of(hub, "stream_begin", topics='"*"')


def test_a_stream_behind_a_front_has_its_clients_address(hub):
    client = Client(Fastcgi(hub.socket))
    client.send(fastcgi.request("GET", f"{PATH}?topic=addressed", REMOTE_ADDR="192.0.2.7"))
    client.head()
    assert line_of(hub, "stream_begin", topics='"addressed"')["address"] == '"192.0.2.7"'


# --- refusals -------------------------------------------------------------------------------------

def test_every_refusal_leaves_its_line(hub):
    asked = [
        ("GET", "/nowhere", [], b"", 404), ("GET", PATH + "/", [], b"", 404), ("GET", PATH, [], b"", 400),
        ("DELETE", PATH, [], b"", 405), ("POST", PATH, [FORM], b"topic=a", 401), ("GET", "/%zz", [], b"", 400),
        ("POST", PATH, [f"Authorization: Bearer {token(['*'])}", "Content-Type: application/json"], b"{}", 400),
        ("POST", PATH, [f"Authorization: Bearer {token(['*'])}", FORM], b"data=x", 400),
        ("POST", PATH, [f"Authorization: Bearer {token(['a'])}", FORM], b"topic=b", 401),
        ("GET", f"{PATH}?topic=a", ["Authorization: Bearer x"], b"", 401),
    ]
    for method, target, headers, body, status in asked:
        for _ in range(2):  # more than one a second
            before = len(lines(hub, "answered"))
            reply = Client(address(hub)).request(method, target, headers, body)
            assert reply.status == status
            line = wait_for(lambda: lines(hub, "answered")[before:], f"the line of {method} {target}")[0]
            assert (line["status"], line["method"], line["path"]) == (str(status), f'"{method}"', f'"{target.split("?")[0]}"')
            assert reply.body.decode().strip() == line["msg"].strip('"')


@pytest.mark.parametrize("raw, status", [
    (b"GET / HTTP/1.1\r\n\r\n\r\nHost : x\r\n\r\n", 400),
    (b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 70000 + b"\r\n\r\n", 431),
    (b"POST %s HTTP/1.1\r\nHost: x\r\n%s\r\nAuthorization: Bearer %s\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"
     % (PATH.encode(), FORM.encode(), token(["*"]).encode()), 400),
])
def test_what_the_wire_refuses_leaves_its_line_too(hub, raw, status):
    before = len(lines(hub, "answered"))
    client = Client(address(hub))
    client.send(raw)
    assert client.head()[0] == status
    assert wait_for(lambda: lines(hub, "answered")[before:], "the line")[0]["status"] == str(status)


def test_at_the_usual_level_there_is_none_of_it(start_hub):
    hub = start_hub("log logfmt info")
    stream = Stream(address(hub), "topic=a")
    publish(address(hub), topic="a", data="x")
    stream.event()
    Client(address(hub)).get("/nowhere")
    stream.close()
    hub.stop()
    assert not re.search(r"level=debug|event=(published|stream_|answered)", hub.log())


def test_a_reload_turns_it_on_and_off(start_hub):
    hub = start_hub("log logfmt info")
    stream = Stream(address(hub), "topic=a")
    text = hub.conf.read_text()
    for turn in range(2):
        publish(address(hub), topic="a", data="quiet")
        hub.conf.write_text(text + "debug\n")
        hub.server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: hub.log().count("event=reloaded") == 2 * turn + 1, "the reload")
        assert counts(hub, publish(address(hub), topic="a", data="loud")) == (1, 0, 0)
        hub.conf.write_text(text)
        hub.server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: hub.log().count("event=reloaded") == 2 * turn + 2, "the reload back")
    assert stream.datas(4) == ["quiet", "loud"] * 2
    hub.stop()
    assert len(lines(hub, "published")) == 2


NASTY = ['a"b', "a\\", "a\nlevel=error event=forged", "a=b c=d", "\x1b[2J", "\u202eabc", "x" * 5000, "\\\"", "é", "}\",\"x\":\"y"]


def test_hostile_values_keep_their_line_whole(start_hub):
    hub = start_hub("log json debug")
    for value in NASTY:
        Stream(address(hub), "topic=" + quote(value)).close()
        assert publish(address(hub), topic=value, data="x", type=value.replace("\n", " "), **{value: "x"}).status == 200
        assert publish(address(hub), token(["b"]), topic=value, data="x").status == 401
        Client(address(hub)).get("/" + quote(value[:3000]), f"Origin: {value!a}"[:300])
    hub.stop()
    events = [json.loads(line) for line in hub.log().split("\n") if line]
    assert not any(event["event"] == "forged" for event in events)
    assert sum(event["event"] == "published" for event in events) == len(NASTY)
    for event in events:
        assert all(len(str(value)) <= 620 for value in event.values()), event


# --- what is said at every level ------------------------------------------------------------------

def test_topic_not_granted_names_the_topic_and_the_grants(start_hub):
    hub = start_hub("log logfmt info")
    assert publish(address(hub), token(["https://example.com/books/*", "b"]), topic="https://example.com/books/1").status == 401
    line = line_of(hub, "refused", reason="topic_not_granted")
    assert line["topic"] == '"https://example.com/books/1"' and line["granted"] == '"b https://example.com/books/*"'
    assert "no wildcard" in line["detail"]


def test_a_subscriber_without_a_token_is_told_of_anonymous(tmp_path):
    hub = Hub(tmp_path, "log logfmt info")
    hub.conf.write_text(hub.conf.read_text().replace("\nanonymous\n", "\n"))
    hub.stop()
    hub.start()
    assert Stream(address(hub), "topic=a").status == 401
    assert "anonymous" in line_of(hub, "refused", reason="no_token", role="subscribe")["detail"]
    # A reason has a line once a second.
    wait_for(lambda: publish(address(hub), "", topic="a").status == 401 and "reason=no_token dialect=0.x role=publish" in hub.log(), "the publisher's line")
    assert "detail" not in line_of(hub, "refused", reason="no_token", role="publish")
    hub.stop()


@pytest.mark.parametrize("claims, words", [
    ({}, "there is no mercure claim"),
    ({"publish": ["*"]}, "belong into it"),
    ({"Mercure": {"publish": ["*"]}}, "lower case"),
    ({"https://mercure.rocks": {"publish": ["*"]}}, "slash"),
    ({"mercure": None}, "there is no mercure claim"),
    ({"mercure": {"publish": []}}, ""),
    ({"mercure": {"subscribe": ["*"]}}, ""),
])
def test_a_missing_claim_is_named(start_hub, claims, words):
    import jwt
    hub = start_hub()
    made = jwt.encode(claims, KEY, algorithm="HS256")
    assert publish(address(hub), made, topic="a").status == 401
    assert words in line_of(hub, "refused", reason="grants_no_topic").get("detail", "")
    Stream(address(hub), "topic=a", f"Authorization: Bearer {made}").close()
    assert words in line_of(hub, "stream_begin").get("msg", "")


@pytest.mark.parametrize("configured, origin, words", [
    ("https://app.example", "http://app.example", "its scheme"),
    ("https://app.example", "https://app.example:8443", "its port"),
    ("https://*.wild.example", "http://x.wild.example", "its scheme"),
    ("https://app.example", "https://elsewhere.example", "it is not in cors_origins"),
    ("https://app.example", "null", "it is not in cors_origins"),
])
@pytest.mark.parametrize("method", ["GET", "OPTIONS"])
def test_a_refused_origin_leaves_a_line(start_hub, configured, origin, words, method):
    hub = start_hub(f"cors_origins {configured}\nlog logfmt info")
    asked = ["Access-Control-Request-Method: GET"] if method == "OPTIONS" else []
    client = Client(address(hub))
    client.ask(method, f"{PATH}?topic=a", [f"Origin: {origin}", *asked])
    assert "access-control-allow-origin" not in client.head()[1]
    line = line_of(hub, "origin_not_allowed")
    assert line["origin"] == f'"{origin}"' and words in line["msg"], line


def test_a_refused_origin_is_told_where_no_origin_is_configured(start_hub):
    hub = start_hub("log logfmt info")
    Stream(address(hub), "topic=a", "Origin: https://app.example").close()
    assert "cors_origins" in line_of(hub, "origin_not_allowed", origin='"https://app.example"')["msg"]


def test_own_pages_and_allowed_ones_leave_no_line(start_hub):
    for extra in ("", "cors_origins https://app.example"):
        hub = start_hub(extra)
        good = ["Origin: http://hub.example"] + (["Origin: https://app.example", "Origin: https://APP.example"] if extra else [])
        for origin in good:
            Stream(address(hub), "topic=a", origin).close()
            publish(address(hub), headers=[origin], topic="a", data="x")
        Stream(address(hub), "topic=a").close()
        # Behind a front that names another host the browser's own word counts.
        publish(address(hub), headers=["Origin: https://public.example", "Sec-Fetch-Site: same-origin"], topic="a", data="x")
        hub.stop()
        assert not lines(hub, "origin_not_allowed")


def test_refused_origins_are_told_once_a_second_with_a_count(start_hub):
    hub = start_hub()
    begun = time.monotonic()

    def told():
        for _ in range(20):
            Client(address(hub)).get("/nowhere", "Origin: https://x.example")
        return any(line["suppressed"] != "0" for line in lines(hub, "origin_not_allowed"))

    wait_for(told, "a line with a count")
    assert len(lines(hub, "origin_not_allowed")) <= time.monotonic() - begun + 2


def test_a_header_that_a_page_may_not_send_is_named_with_those_that_it_may(hub):
    client = Client(address(hub))
    reply = client.request("OPTIONS", PATH, ["Origin: https://app.example", "Access-Control-Request-Method: GET",
                                             "Access-Control-Request-Headers: authorization, x-requested-with"])
    line = line_of(hub, "header_not_allowed")
    assert line["header"] == '"x-requested-with"'
    assert reply.headers["access-control-allow-headers"] in line["msg"]


def test_a_cookie_of_another_site_names_the_site(start_hub):
    hub = start_hub("publish_origins https://ok.example\nlog logfmt info")
    cookie = f"Cookie: mercureAuthorization={token(['*'])}"
    assert publish(address(hub), "", [cookie, "Origin: https://OK.example"], topic="a").status == 401
    line = line_of(hub, "refused", reason="cookie_of_foreign_origin")
    assert line["origin"] == '"https://OK.example"' and "its case" in line["detail"]
    wait_for(lambda: publish(address(hub), "", [cookie], topic="a").status == 401 and "neither Origin nor Referer" in hub.log(), "the line")


# --- replies --------------------------------------------------------------------------------------

@pytest.mark.parametrize("body, words", [
    (b"data=x", "The field topic is missing."),
    (b"topic[0]=a&topic[1]=b&data=x", "repeat topic=..."),
    (b"topic%5B%5D=a", "repeat topic=..."),
    (b"data[x]=1&topic[0]=a", "repeat topic=..."),
    (b'{"topic": "a", "data": "x=y&z"}', "looks like JSON"),
    (b'["a"]', "looks like JSON"),
])
def test_a_form_without_a_topic_says_what_is_there_instead(hub, body, words):
    reply = Client(address(hub)).request("POST", PATH, [FORM, f"Authorization: Bearer {token(['*'])}"], body)
    assert reply.status == 400 and words in reply.body.decode()


def test_a_401_says_that_there_is_no_token_and_never_why_one_is_bad(start_hub):
    hub = start_hub()
    none = publish(address(hub), "", topic="a")
    assert none.status == 401 and none.body.decode() == \
        "There is no token: send Authorization: Bearer ..., or the cookie mercureAuthorization.\n"
    bad = {"x", token(["*"], key="k" * 32), token(["*"], exp=1), token([]), token(["b"])}
    bodies = {publish(address(hub), one, topic="a").body.decode() for one in bad}
    assert bodies == {"The token is not accepted; the hub's log says why (event=refused).\n"}
    named = start_hub("cookie_name session")
    assert "the cookie session." in publish(address(named), "", topic="a").body.decode()


def test_a_401_of_1_0_names_its_cookie(start_hub, tmp_path):
    hub = start_hub(tokens.configuration(tokens.NEW, tmp_path), keys=False)
    assert "__Secure-mercure_access_token." in publish(address(hub), "", topic="a").body.decode()


@pytest.mark.parametrize("target, words", [
    ("/", f"the hub is at {PATH}."), ("/hub", f"the hub is at {PATH}."), (PATH + "/", "without a slash at its end"),
    (PATH + "/ui/", "The directive ui is not set."), (PATH + "/subscriptions", "The directive subscriptions is not set. (It takes a restart.)"),
    (PATH + "/subscriptions/a/b", "The directive subscriptions is not set."),
])
def test_a_404_says_where_the_hub_is(hub, target, words):
    reply = Client(address(hub)).get(target)
    assert reply.status == 404 and words in reply.body.decode()


def test_a_404_names_the_path_that_is_configured_and_on_metrics_its_page(start_hub):
    port = free_port()
    hub = start_hub(f"path /live\nmetrics_listen 127.0.0.1:{port}")
    assert "the hub is at /live." in Client(address(hub)).get(PATH).body.decode()
    assert "/metrics" in Client(("127.0.0.1", port)).get("/").body.decode()


@pytest.mark.parametrize("bound", ["max_streams 1", "max_streams_per_token 1", "max_streams_per_address 1"])
def test_a_stream_that_cannot_be_had_now_says_which_bound_in_a_comment(start_hub, bound):
    hub = start_hub(f"{bound}\nforwarded x-forwarded")
    who = [f"Authorization: Bearer {token(subscribe=['a'])}", "X-Forwarded-For: 192.0.2.1"]
    first = Stream(address(hub), "topic=a", *who)
    second = Stream(address(hub), "topic=a", *who)
    assert second.status == 200
    assert re.fullmatch(rf"retry: \d+\n: {bound.split()[0]}\n\n", second.text.decode()), second.text
    first.close()


# --- the log itself -------------------------------------------------------------------------------

def test_the_journals_lines_have_one_time(tmp_path):
    conf, log, port = tmp_path / "conf", tmp_path / "log", free_port()
    conf.write_text(f"listen 127.0.0.1:{port}\npublisher_jwt {KEY}\nsubscriber_jwt {KEY}\ntransport memory\n")
    log.touch()
    told = log.stat()
    server = Server([BIN, "-c", conf], log, {**os.environ, "JOURNAL_STREAM": f"{told.st_dev}:{told.st_ino}"})
    wait_for(lambda: "event=ready" in server.log(), "the hub")
    assert server.stop() == 0
    assert all(re.match(r"<\d>level=", line) for line in server.log().split("\n") if line)


def test_an_inherited_socket_is_named_by_its_address(tmp_path):
    conf = tmp_path / "conf"
    conf.write_text(f"publisher_jwt {KEY}\nsubscriber_jwt {KEY}\ntransport memory\n")
    for family, name in ((socket.AF_UNIX, str(tmp_path / "s")), (socket.AF_INET, ("127.0.0.1", free_port()))):
        listening = socket.socket(family)
        listening.bind(name)
        listening.listen()
        expected = f"unix/{name}" if family == socket.AF_UNIX else f"127.0.0.1:{name[1]}"
        with open(tmp_path / "log", "wb") as log:
            process = subprocess.Popen([BIN, "-c", conf], stdin=listening, stderr=log)
        wait_for(lambda: "event=ready" in (tmp_path / "log").read_text(), "the hub")
        process.terminate()
        assert process.wait(20) == 0
        assert f'event=listening address="{expected}"' in (tmp_path / "log").read_text()


def test_a_stop_says_what_was_counted_in_one_line(start_hub):
    hub = start_hub()
    for _ in range(3):
        publish(address(hub), topic="a", data="x")
    Client(address(hub)).get("/nowhere")
    hub.stop()
    counted, = lines(hub, "counted")
    assert counted["publishes"] == "3" and counted["refused_404_not_found"] == "1"
