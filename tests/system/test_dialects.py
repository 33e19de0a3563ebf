"""What both dialects ask of a publish, a QUERY and a path, over both wires: one hub that speaks both, each row
with the token of each."""
import select
import time

import jwt
import pytest

from conftest import KEY, PATH, Client, Hub, Query, Stream, publish, token, wait_for
from fastcgi import Fastcgi

ISSUER = "https://issuer.example"
RESOURCE = f"https://hub.example{PATH}"


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    hub = Hub(
        tmp_path_factory.mktemp("both"),
        f"issuer {ISSUER} {{\n\tpublisher {{\n\t\tjwt {KEY} HS256\n\t}}\n\tsubscriber {{\n\t\tjwt {KEY} HS256\n\t}}\n}}\n"
        f"resource_identifier {RESOURCE}\nmax_request_body_size 64KiB\nmax_query_body_size 64KiB\ncors_origins https://app.example",
    )
    yield hub
    hub.stop()


@pytest.fixture(params=["http", "fastcgi"])
def wire(request, both):
    return Fastcgi(both.socket) if request.param == "fastcgi" else ("127.0.0.1", both.port)


def access_token(*details, **claims):
    kind = "https://mercure.rocks/authorization-detail"
    claims = {"iss": ISSUER, "aud": RESOURCE, "exp": time.time() + 86400, **claims}
    claims["authorization_details"] = [{"type": kind, **d} for d in details]
    return jwt.encode(claims, KEY, algorithm="HS256", headers={"typ": "at+jwt"})


def grants(action, match="*"):
    return access_token({"actions": [action], "topics": [{"match": match}]})


ANY = {"0.x": lambda: token(["*"]), "1.0": lambda: grants("publish")}

# form, status with a 0.x token, status with a 1.0 token
FAULTS = [
    (dict(topic="t", data="x"), 200, 200),
    (dict(data="x"), 400, 400),
    (dict(topic="t", retry="x"), 400, 400),
    (dict(topic="t", retry="18446744073709551616"), 400, 400),
    (dict(topic="t", retry="00018446744073709551615"), 200, 200),
    (dict(topic="t", id="a\nb"), 400, 400),
    (dict(topic="t", id="\x7f"), 400, 400),
    (dict(topic="t", type="a\rb"), 400, 400),
    (dict(topic="t", type="a\0b"), 400, 400),
    (dict(topic="t", type="a\tb"), 200, 400),
    (dict(topic=b"t\xff"), 200, 400),
    (dict(topic="t", data=b"\xff"), 200, 400),
    (dict(topic="t", id=b"\xff"), 200, 400),
    (dict(topic="t", type=b"\xff"), 200, 400),
    (dict(topic="t", unknown=b"\xff"), 200, 400),
    (dict(topic="t", data="\0\u200b"), 200, 200),
    (dict(topic="t\x01"), 200, 400),
    (dict(topic="t\u0085"), 200, 400),
    (dict(topic="t\u200b"), 200, 400),
    (dict(topic=["t", "t\u202e"]), 200, 400),
    (dict(topic="t", id="\u0085"), 200, 400),
    (dict(topic="t", id="\u00ad"), 200, 400),
    (dict(topic="t", type="\ufeff"), 200, 400),
    (dict(topic="t", id="earliest"), 200, 400),
    (dict(topic="t", id="#x"), 200, 400),
    (dict(topic="t", type="mercure"), 200, 400),
    (dict(topic="*"), 200, 400),
    (dict(topic=["t", "*"]), 200, 400),
    (dict(topic=f"https://x{PATH}/a"), 403, 400),
    (dict(topic=["t", f"https://x{PATH}/a"]), 403, 400),
    (dict(topic="https://x/.well-known/m%65rcure/a"), 403, 400),
    (dict(topic="..\\.well-known\\mercure\\a"), 403, 400),
    (dict(topic=f"https://x/a{PATH}"), 403, 200),
    (dict(topic="https://x/.well-known/m%65rcure"), 200, 400),
    (dict(topic="#general"), 200, 400),
    (dict(topic="?q"), 200, 400),
    (dict(topic=""), 200, 400),
    (dict(topic="https://x/.well-known%2Fm%65rcure/a"), 200, 200),
    (dict(topic=["t"] * 1000), 200, 200),
    (dict(topic=["t"] * 1001), 400, 413),
    (dict(topic="t", id="x" * 1024), 200, 200),
    (dict(topic="t", id="x" * 1025), 400, 413),
    (dict(topic="t", x=["y"] * 1999), 200, 200),
    (dict(topic="t", x=["y"] * 2000), 400, 413),
    (dict(topic="t", data="x" * 65536), 413, 413),
]


@pytest.mark.parametrize("dialect", ANY)
def test_the_fault_table_of_a_publish(wire, dialect):
    wrong = []
    for form, old, new in FAULTS:
        status = publish(wire, ANY[dialect](), **form).status
        if status != (old if dialect == "0.x" else new):
            wrong.append((dialect, str(form)[:80], status))
    assert not wrong


def test_a_topic_that_is_not_granted(wire):
    old = publish(wire, token(["https://granted"]), topic=["https://granted", "https://else"], data="x")
    assert old.status == 401 and old.headers["www-authenticate"] == "Bearer"
    new = publish(wire, grants("publish", "https://granted"), topic=["https://granted", "https://else"], data="x")
    assert new.status == 403 and 'error="insufficient_scope"' in new.headers["www-authenticate"]
    assert publish(wire, grants("publish", "https://granted"), topic="https://granted", data="x").status == 200


def test_bytes_of_0_x_go_out_as_they_came(wire):
    stream = Stream(wire, "topic=https://bytes")
    assert publish(wire, topic="https://bytes", data=b"\xfe\xff", type=b"\x80", id=b"\xff\xfe").status == 200
    while b"\n\n" not in stream.text.lstrip(b":\n"):
        stream.piece()
    assert stream.text.lstrip(b":\n").startswith(b"event: \x80\nid: \xff\xfe\ndata: \xfe\xff\n\n")
    stream.close()


FORM = "Content-Type: application/x-www-form-urlencoded"


def test_query_subscribes_to_what_url_and_body_name(wire):
    stream = Query(wire, "?match=https://in-url", b"match=https%3A%2F%2Fin-body&x=y&match_exact=https://exact&match_urlpattern=/p/*", FORM)
    assert stream.status == 200 and stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    topics = ["https://in-url", "https://in-body", "https://exact", "https://hub.example/p/x", "/p/y"]
    for topic in topics:
        assert publish(wire, topic=topic, data=topic).status == 200
    publish(wire, topic="https://else", data="else")
    publish(wire, topic="https://in-url", data="last")
    assert stream.datas(6) == topics + ["last"]
    stream.close()


def test_a_query_of_the_right_type_is_served_also_without_a_body(wire):
    for query, body, headers in [
        ("?match=https://a", b"", (FORM,)),
        ("", b"match=https://a", (FORM + "; charset=utf-8",)),
        ("", b"x=y&%6Datch=https://a", (FORM.upper(),)),
    ]:
        stream = Query(wire, query, body, *headers)
        assert stream.status == 200
        stream.close()


# query, body, headers, status
QUERIES = [
    ("", b"match=a", [], 400),
    ("?match=a", b"", [], 400),
    ("", b"match=a", ["Content-Type: "], 400),
    ("", b"match=a", ["Content-Type: form"], 400),
    ("", b"match=a", ["Content-Type: a/b, application/x-www-form-urlencoded"], 400),
    ("", b"match=a", [FORM, "Accept: application/json"], 406),
    ("", b"match=a", [FORM, "Accept: text/event-stream"], 200),
    ("", b'{"match": "a"}', ["Content-Type: application/json"], 415),
    ("?match=a", b"", ["Content-Type: text/plain"], 415),
    ("", b"match=a", ["Content-Type: multipart/form-data; boundary=x"], 415),
    ("", b"match=" + b"a" * 65536, [FORM], 413),
    ("", b"", [FORM], 400),
    ("", b"x=y", [FORM], 400),
    ("", b"topic=a", [FORM], 400),
    ("?topic=a", b"", [FORM], 400),
    ("?match=a", b"topic=a", [FORM], 400),
    ("?topic=a", b"match=a", [FORM], 400),
    ("", b"matcher=a", [FORM], 400),
    ("", b"match=%FF", [FORM], 400),
    ("", b"match=%01", [FORM], 400),
    ("", b"match=" + b"a" * 4097, [FORM], 400),
    ("", b"match=" + b"a" * 4096, [FORM], 200),
    ("?match=a", b"&".join(b"match=%d" % i for i in range(100)), [FORM], 400),
    ("", b"&".join(b"match=%d" % i for i in range(100)), [FORM], 200),
    ("", b"match_urlpattern=https://[", [FORM], 400),
    ("", b"match=a", [FORM, "Authorization: Bearer nonsense"], 401),
    ("", b"match=a", ["Content-Type: text/plain", "Authorization: Bearer nonsense"], 401),
]


def test_the_status_of_a_query(wire):
    wrong = []
    for query, body, headers, status in QUERIES:
        client = Client(wire)
        client.ask("QUERY", PATH + query, headers, body)
        got = client.head()[0]
        if got != status:
            wrong.append((query, body[:40], headers, got))
        client.close()
    assert not wrong


# The Accept headers of a subscription, and whether 1.0 serves it.
ACCEPTS = [
    (["text/event-stream"], True),
    ([], True),
    (["*/*"], True),
    ([""], True),
    (["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], True),
    (["text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2"], True),
    (["application/json", "text/event-stream;q=0.1"], True),
    (["application/json"], False),
    (["text/html, application/*"], False),
    (["*/*, text/event-stream;q=0"], False),
]


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_who_accepts_no_event_stream_gets_none_in_1_0_and_one_as_ever_in_0_x(wire, method):
    wrong = []
    for values, served in ACCEPTS:
        for query, status in (("match=a", 200 if served else 406), ("topic=a", 200)):
            client = Client(wire)
            client.ask(method, f"{PATH}?{query}", [f"Accept: {value}" for value in values])
            got, found = client.head()
            if got != status or (found["content-type"] == "text/event-stream; charset=utf-8") != (got == 200):
                wrong.append((values, query, got, found))
            client.close()
    assert not wrong


def test_what_is_wrong_with_a_subscription_is_said_before_what_it_accepts(wire):
    for query, status in (("matcher=a", 400), ("match=a&topic=b", 400), ("match=a", 406)):
        reply = Client(wire).request("GET", f"{PATH}?{query}", ["Accept: application/json"])
        assert reply.status == status and reply.headers["cache-control"] == "no-store"
        assert reply.headers["content-type"] == "application/problem+json"


def test_a_token_never_comes_in_the_url_of_a_query(wire):
    for auth in (token(subscribe=["*"]), grants("subscribe")):
        reply = Client(wire).request("QUERY", f"{PATH}?authorization={auth}", [FORM], b"match=a")
        assert reply.status == 401
    stream = Stream(wire, f"topic=a&authorization={token(subscribe=['*'])}")
    assert stream.status == 200
    stream.close()


def test_a_refused_query_keeps_the_connection(both):
    client = Client(("127.0.0.1", both.port))
    assert client.request("QUERY", PATH, [FORM], b"topic=a").status == 400
    assert client.request("GET", PATH).status == 400
    client.close()


def test_the_cursor_of_a_query_is_header_then_url_then_body(wire):
    topic = f"https://cursor/{time.time()}"
    for name in "abcd":
        assert publish(wire, topic=topic, data=name, id=f"{topic}/{name}").status == 200
    match = f"match={topic}".encode()
    for query, body, headers, want in [
        ("", b"&last_event_id=", [], None),
        ("", b"&last_event_id=%s/c", [], "c"),
        ("?last_event_id=%s/b", b"&last_event_id=%s/c", [], "b"),
        ("?last_event_id=", b"&last_event_id=%s/c", [], "c"),
        ("?last_event_id=%s/b", b"&last_event_id=%s/c", ["Last-Event-ID: %s/a"], "a"),
        ("", b"&lastEventID=%s/c&last_event_id=%s/b", [], "b"),
    ]:
        stream = Query(wire, query.replace("%s", topic), match + body.replace(b"%s", topic.encode()), FORM,
                       *[h.replace("%s", topic) for h in headers])
        expected = "earliest" if want is None else f"{topic}/{want}"
        assert stream.headers["mercure-last-event-id"] == expected
        if want:
            after = "abcd"["abcd".index(want) + 1:]
            assert stream.datas(len(after)) == list(after)
        stream.close()


def test_query_counts_as_1_0_where_0_x_stands_alone(hub):
    for address in (("127.0.0.1", hub.port), Fastcgi(hub.socket)):
        reply = Client(address).request("QUERY", PATH, [FORM], b"match=a")
        assert reply.status == 405 and reply.headers["allow"] == "GET, HEAD, POST, OPTIONS"


ALLOW = "GET, HEAD, POST, QUERY, OPTIONS"

# method, target, headers, status, a header of the reply
ROUTES = [
    ("HEAD", PATH + "?match=a", [], 200, ("content-type", "text/event-stream; charset=utf-8")),
    ("HEAD", PATH, [], 400, None),
    ("OPTIONS", PATH, [], 204, ("allow", ALLOW)),
    ("OPTIONS", PATH, ["Origin: https://app.example"], 204, ("allow", ALLOW)),
    ("OPTIONS", PATH, ["Origin: https://app.example", "Access-Control-Request-Method: QUERY"], 204,
     ("access-control-allow-methods", "GET, HEAD, POST, QUERY")),
    ("OPTIONS", PATH, ["Origin: https://app.example", "Access-Control-Request-Method: QUERY"], 204,
     ("access-control-allow-headers", "authorization, cache-control, last-event-id, content-type, if-none-match")),
    ("OPTIONS", "/anything", ["Origin: https://app.example", "Access-Control-Request-Method: POST"], 204,
     ("access-control-allow-origin", "https://app.example")),
    ("OPTIONS", "/anything", [], 204, ("allow", "GET, HEAD, OPTIONS")),
    ("PUT", PATH, [], 405, ("allow", ALLOW)),
    ("PATCH", PATH + "?match=a", [], 405, ("allow", ALLOW)),
    ("query", PATH + "?match=a", [], 405, ("allow", ALLOW)),
    ("POST", "/healthz", [], 405, ("allow", "GET, HEAD, OPTIONS")),
    ("GET", PATH + "/?match=a", [], 404, None),
    ("GET", "/" + PATH + "?match=a", [], 404, None),
    ("GET", PATH.replace("/mercure", "//mercure") + "?match=a", [], 404, None),
    ("GET", PATH.replace("mercure", "m%65rcure") + "?match=a", [], 404, None),
    ("GET", PATH.replace("/mercure", "%2Fmercure") + "?match=a", [], 404, None),
    ("GET", PATH.upper() + "?match=a", [], 404, None),
    ("GET", "/.well-known/./mercure?match=a", [], 404, None),
    ("GET", "/.well-known/x/../mercure?match=a", [], 404, None),
    ("GET", PATH + "x", [], 404, None),
    ("GET", PATH + "/nothing", [], 404, None),
    ("POST", PATH + "/nothing", [], 404, None),
    ("GET", PATH + "%zz", [], 400, None),
    ("GET", PATH + "/subscriptions/%z", [], 400, None),
    ("GET", "/%", [], 400, None),
    ("GET", PATH + "?match=%zz&x=%", [], 200, ("content-type", "text/event-stream; charset=utf-8")),
    ("GET", PATH + "?%6Datch=a", [], 200, ("content-type", "text/event-stream; charset=utf-8")),
    ("GET", PATH + "?match[]=a", [], 400, None),
    ("GET", PATH + "?Match=a", [], 400, None),
    ("GET", PATH + "?match", [], 200, ("content-type", "text/event-stream; charset=utf-8")),
]


def test_every_route(wire):
    wrong = []
    for method, target, headers, status, header in ROUTES:
        client = Client(wire)
        client.ask(method, target, headers)
        got, found = client.head()
        if got != status or (header and found.get(header[0]) != header[1]):
            wrong.append((method, target, got, found))
        client.close()
    assert not wrong


def test_a_chunked_query_streams_on_its_connection(both):
    stream = Query.__new__(Query)
    Client.__init__(stream, ("127.0.0.1", both.port))
    stream.send(f"QUERY {PATH} HTTP/1.1\r\nHost: hub.example\r\n{FORM}\r\nTransfer-Encoding: chunked\r\n"
                "Expect: 100-continue\r\n\r\n".encode())
    assert stream.head()[0] == 100
    stream.send(b"6\r\nmatch=\r\n9\r\nhttps://c\r\n0\r\n\r\n")
    stream.status, stream.headers = stream.head()
    stream.chunked, stream.text, stream.comments, stream.ended = True, b"", 0, False
    assert stream.status == 200
    assert publish(("127.0.0.1", both.port), topic="https://c", data="x").status == 200
    assert stream.datas(1) == ["x"]
    stream.send(b"G")  # a byte behind a streaming request ends it
    stream.closed()
    stream.close()


def test_the_body_of_a_query_is_given_back_when_it_streams(start_hub):
    hub = start_hub(f"issuer {ISSUER} {{\n\tsubscriber {{\n\t\tjwt {KEY} HS256\n\t}}\n}}\nmax_pending_bytes 4MiB")
    body = b"match=https://a&x=" + b"y" * 200000
    streams = [Query(("127.0.0.1", hub.port), "", body, FORM) for _ in range(12)]
    assert [s.status for s in streams] == [200] * 12 and not any(b"retry" in s.text for s in streams)
    for stream in streams:
        stream.close()


def test_queries_that_do_not_end_leave_publishers_their_budget(start_hub):
    """Whoever may subscribe may send bodies; they take a quarter of max_pending_bytes at most."""
    hub = start_hub(f"issuer {ISSUER} {{\n\tsubscriber {{\n\t\tjwt {KEY} HS256\n\t}}\n}}\nmax_pending_bytes 4MiB\nmax_query_body_size 512KiB")
    at = ("127.0.0.1", hub.port)
    head = f"QUERY {PATH} HTTP/1.1\r\nHost: hub.example\r\n{FORM}\r\nContent-Length: 500000\r\n\r\n".encode()
    hostile = [Client(at) for _ in range(10)]
    for client in hostile:
        client.send(head + b"match=" + b"a" * 400000)
    refused = wait_for(lambda: [c for c in hostile if select.select([c.socket], [], [], 0)[0]], "those that have no room")
    assert publish(at, topic="t", data="x" * 1000000).status == 200
    for client in refused:
        reply = client.reply()
        assert (reply.status, reply.body[:7]) == (200, b"retry: "), reply.status
    assert "bound=max_pending_bytes" in hub.log()
    others = [c for c in hostile if c not in refused]
    assert others, "who has room goes on"
    for client in hostile:
        client.close()
    wait_for(lambda: Query(at, "", b"match=a&x=" + b"y" * 500000, FORM).text == b":\n", "the share to be given back")
    reply = Client(at).request("QUERY", PATH, [FORM], b"match=a&x=" + b"y" * 600000)
    assert (reply.status, reply.body) == (413, b"The body is larger than max_query_body_size.\n")
    assert "bound=max_query_body_size" in hub.log()
