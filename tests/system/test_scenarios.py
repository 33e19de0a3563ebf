"""The main job, the same through every front."""
import pytest

from conftest import PATH, Client, Stream, publish, token, wait_for
from test_access import seconds_behind_its_token

DIRECT = ["http-tcp", "http-unix", "fastcgi-tcp", "fastcgi-unix"]  # how it is through a front: fronts/cells.py
_names = iter(range(10**9))


@pytest.fixture
def topic():
    return f"https://example.com/{next(_names)}"


def test_a_subscriber_hears_what_is_published(front, topic):
    stream = Stream(front, f"topic={topic}")
    assert stream.status == 200
    assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
    reply = publish(front, topic=topic, data="a\nb\r\nc\rd\n", id="id-1", type="greeting", retry="0700")
    assert (reply.status, reply.body) == (200, b"id-1")
    assert reply.headers["content-type"] == "text/plain; charset=utf-8"
    assert stream.event() == "event: greeting\nretry: 700\nid: id-1\ndata: a\ndata: b\ndata: c\ndata: d\ndata: "


def test_the_hub_makes_ids(front, topic):
    stream = Stream(front, f"topic={topic}")
    reply = publish(front, topic=topic, data="x", retry="0", id="", type="")
    assert reply.body.startswith(b"urn:uuid:") and len(reply.body) == 45
    assert stream.event() == f"id: {reply.body.decode()}\ndata: x"


def test_fifty_streams_hear_everything_in_one_order(front, topic):
    streams = [Stream(front, f"topic={topic}") for _ in range(50)]
    for i in range(20):
        assert publish(front, topic=topic, data=str(i)).status == 200
    for stream in streams:
        assert stream.datas(20) == [str(i) for i in range(20)]
        stream.close()


def test_private_updates_go_to_whom_they_are_granted(front, topic):
    granted = Stream(front, f"topic={topic}", f"Authorization: Bearer {token(subscribe=[topic])}")
    other = Stream(front, f"topic={topic}", f"Authorization: Bearer {token(subscribe=['https://else'])}")
    nobody = Stream(front, f"topic={topic}")
    publish(front, topic=topic, data="secret", private="on")
    publish(front, topic=topic, data="open")
    assert granted.datas(2) == ["secret", "open"]
    assert other.datas(1) == ["open"]
    assert nobody.datas(1) == ["open"]


def test_a_grant_on_an_alternate_topic_is_enough(front, topic):
    stream = Stream(front, f"topic={topic}", f"Authorization: Bearer {token(subscribe=[topic + '/alt'])}")
    publish(front, topic=[topic, topic + "/alt"], data="secret", private="on")
    assert stream.datas(1) == ["secret"]


def test_alternate_topics_and_several_matchers_send_once(front, topic):
    stream = Stream(front, f"topic={topic}&topic={topic}/alt&topic=*")
    publish(front, topic=[topic, topic + "/alt"], data="once")
    publish(front, topic=topic, data="twice")
    found = [d for d in stream.datas(2)]
    assert found == ["once", "twice"]


@pytest.mark.parametrize("how", ["header", "lastEventID", "last_event_id", "lastEventId", "Last-Event-ID"])
def test_a_late_joiner_gets_exactly_what_it_missed(front, topic, how):
    ids = [publish(front, topic=topic, data=str(i)).body.decode() for i in range(5)]
    headers = [f"Last-Event-ID: {ids[1]}"] if how == "header" else []
    query = f"topic={topic}" + ("" if how == "header" else f"&{how}={ids[1]}")
    stream = Stream(front, query, *headers)
    assert stream.headers["last-event-id"] == ids[1]
    publish(front, topic=topic, data="live")
    assert stream.datas(4) == ["2", "3", "4", "live"]


def test_earliest_and_unknown_cursors(front, topic):
    publish(front, topic=topic, data="old")
    stream = Stream(front, f"topic={topic}&lastEventID=earliest")
    assert stream.headers["last-event-id"] == "earliest"
    assert stream.datas(1) == ["old"]
    unknown = Stream(front, f"topic={topic}&lastEventID=nobody-knows")
    assert unknown.headers["last-event-id"] == "earliest"
    publish(front, topic=topic, data="new")
    assert unknown.datas(1) == ["new"]
    assert "last-event-id" not in Stream(front, f"topic={topic}&lastEventID=").headers


def test_head_gives_the_head_of_get(front, topic):
    known = publish(front, topic=topic, data="x").body.decode()
    for cursor in (known, "nobody-knows", "earliest", ""):
        query = f"{PATH}?topic={topic}&lastEventID={cursor}"
        head = Client(front).request("HEAD", query).headers
        stream = Stream(front, f"topic={topic}&lastEventID={cursor}")
        for name in ("last-event-id", "content-type", "cache-control"):
            assert head.get(name) == stream.headers.get(name)
        stream.close()


def test_a_replay_filters_private_updates_with_the_current_token(front, topic):
    publish(front, topic=topic, data="first", id=topic)
    publish(front, topic=topic, data="secret", private="on")
    publish(front, topic=topic, data="open")
    assert Stream(front, f"topic={topic}&lastEventID={topic}").datas(1) == ["open"]
    granted = Stream(front, f"topic={topic}&lastEventID={topic}", f"Authorization: Bearer {token(subscribe=['*'])}")
    assert granted.datas(2) == ["secret", "open"]


@pytest.mark.parametrize("front", DIRECT, indirect=True)
def test_a_client_that_left_is_noticed(front, hub, topic):
    before = hub.log().count("event=stream_end")
    stream = Stream(front, f"topic={topic}")
    stream.close()
    wait_for(lambda: hub.log().count("event=stream_end") > before, "the hub to notice")


@pytest.mark.parametrize("front", DIRECT, indirect=True)
def test_heartbeats_come(front, topic):
    stream = Stream(front, f"topic={topic}")
    while stream.text.count(b":\n") < 3:
        assert stream.piece()


@pytest.mark.parametrize(
    "method, target, status, header",
    [
        ("HEAD", PATH + "?topic=a", 200, ("content-type", "text/event-stream; charset=utf-8")),
        ("GET", PATH, 400, ("cache-control", "no-store")),
        ("GET", PATH + "?match=a", 400, None),
        ("GET", PATH + "?topic=a&authorization=", 401, ("www-authenticate", "Bearer")),
        ("GET", PATH + "?topic=a&authorization=x.y.z", 401, ("www-authenticate", "Bearer")),
        ("DELETE", PATH, 405, ("allow", "GET, HEAD, POST, OPTIONS")),
        ("GET", PATH + "/nothing", 404, None),
        ("GET", PATH + "/", 404, None),
        ("POST", PATH, 401, ("www-authenticate", "Bearer")),
    ],
)
def test_the_status_is_right(front, method, target, status, header):
    reply = Client(front).request(method, target)
    assert reply.status == status
    if header:
        assert reply.headers[header[0]] == header[1]


def test_cors(front):
    def ask(method, *headers):
        return Client(front).request(method, PATH + "?topic=a", headers).headers

    for origin in ("https://app.example", "https://a.wild.example", "https://APP.example"):
        headers = ask("HEAD", f"Origin: {origin}")
        assert headers["access-control-allow-origin"] == origin
        assert headers["access-control-allow-credentials"] == "true"
        assert headers["vary"] == "Origin"
    headers = ask("HEAD", "Origin: https://evil.example")
    assert "access-control-allow-origin" not in headers and headers["vary"] == "Origin"
    headers = ask("OPTIONS", "Origin: https://app.example", "Access-Control-Request-Method: POST")
    assert "POST" in headers["access-control-allow-methods"] and "QUERY" in headers["access-control-allow-methods"]
    headers = ask("OPTIONS", "Origin: https://evil.example", "Access-Control-Request-Method: POST")
    assert not [name for name in headers if name.startswith("access-control")]


def test_where_the_token_may_be(front, topic):
    good = token(["*"])
    cookie = [f'Cookie: a=b; mercureAuthorization="{good}"']
    stream = Stream(front, f"topic={topic}&authorization={token(subscribe=['*'])}")
    form = dict(topic=topic, data="x", private="on")
    assert publish(front, "", **form).status == 401
    assert publish(front, "", cookie, **form).status == 401
    assert publish(front, "", cookie + ["Origin: https://evil.example"], **form).status == 401
    assert publish(front, "", cookie + ["Origin: https://ok.example"], **form).status == 200
    assert publish(front, "", cookie + ["Origin: http://hub.example"], **form).status == 200
    assert publish(front, "", cookie + ["Referer: http://hub.example/page"], **form).status == 200
    assert stream.datas(3) == ["x"] * 3


@pytest.mark.parametrize(
    "auth",
    [
        "nonsense",
        token(["*"], key="another-key-another-key-another-k"),
        token(["*"], exp=1),
        token(["*"], nbf=4102444800),
        token(["*"], headers={"typ": "at+jwt"}),
        token(["*"], headers={"crit": ["x"]}),
        token([]),
        token(["https://else"]),
        token("*"),
        token(["*", 1]),
    ],
)
def test_a_token_that_does_not_fit_is_refused(front, topic, auth):
    reply = publish(front, auth, topic=topic, data="x")
    assert reply.status == 401
    assert reply.headers["www-authenticate"] == "Bearer"


def test_a_stream_ends_when_its_token_does(front, topic):
    def make(exp):
        return token(subscribe=["*"], exp=exp)

    wait_for(lambda: seconds_behind_its_token(front, f"topic={topic}", make) is not None, "a stream that ends")


@pytest.mark.parametrize(
    "form, status",
    [
        (dict(data="x"), 400),
        (dict(topic="t", retry="x"), 400),
        (dict(topic="t", retry="18446744073709551616"), 400),
        (dict(topic="t", id="a\nb"), 400),
        (dict(topic="t", type="a\rb"), 400),
        (dict(topic=["t"] * 1001), 400),
        (dict(topic="https://x/.well-known/mercure/subscriptions"), 403),
        (dict(topic="https://x/.well%2Dknown/mercure/a"), 403),
        (dict(topic="https://x/.well-known/m%65rcure/a"), 403),
        (dict(topic="../.well-known/mercur%65/a"), 403),
        (dict(topic="https://x/%2Ewell-known/mercur%65"), 200),
        (dict(topic="#general"), 200),
        (dict(topic="*", type="mercure"), 200),
        (dict(topic="t\u200b\x01", id="\u200b", type="\x01"), 200),
        (dict(topic=b"\xff", data=b"\xfe", id=b"\xff", type=b"\xff"), 200),
        (dict(topic="t", retry="00018446744073709551615"), 200),
        (dict(topic=["t"] * 1000), 200),
        (dict(topic="t", id="earliest"), 200),
        (dict(topic="t", id="#x"), 200),
        (dict(topic="", data="\0"), 200),
    ],
)
def test_the_fields_of_a_publish_are_judged(front, form, status):
    assert publish(front, **form).status == status
