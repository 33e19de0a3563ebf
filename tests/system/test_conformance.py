"""What the draft of 1.0 and the specification of 0.x ask of a hub and no other file holds in that dialect, over both
wires. What holds each of their sentences stands in tests/conformance/."""
import re

import pytest

from conftest import PATH, Client, Hub, Stream, publish, token
from fastcgi import Fastcgi
from test_access import ISSUERS, access_token, ends_with_its_token

_names = iter(range(10**9))
FORM = "Content-Type: application/x-www-form-urlencoded"


@pytest.fixture(scope="module")
def modern(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("modern"), ISSUERS + "cors_origins https://app.example", keys=False)
    yield hub
    hub.stop()


@pytest.fixture(params=["http", "fastcgi"])
def wire(request, modern):
    return Fastcgi(modern.socket) if request.param == "fastcgi" else ("127.0.0.1", modern.port)


@pytest.fixture
def topic():
    return f"https://example.com/{next(_names)}"


@pytest.fixture(params=["http", "fastcgi"])
def old(request, hub):
    """A hub of 0.x."""
    return Fastcgi(hub.socket) if request.param == "fastcgi" else ("127.0.0.1", hub.port)


def sent(wire, **form):
    reply = publish(wire, access_token(["*"]), **form)
    assert reply.status == 200, (form, reply.body)
    return reply.body.decode()


def bearer(*topics, **claims):
    return f"Authorization: Bearer {access_token(subscribe=topics, **claims)}"


def test_whoever_is_granted_one_of_its_topics_gets_a_private_update_and_nobody_else(wire, topic):
    granted, other, nobody = (Stream(wire, f"match={topic}", *headers) for headers in (
        [bearer(f"{topic}/alternate")], [bearer("https://else.example")], []))
    for value in ("on", "", "0", "false"):
        sent(wire, topic=[topic, f"{topic}/alternate"], data=value, private=value)
    sent(wire, topic=topic, data="open")
    assert granted.datas(5) == ["on", "", "0", "false", "open"]
    assert other.datas(1) == nobody.datas(1) == ["open"]


def test_a_grant_gives_nothing_that_is_not_asked_for(wire, topic):
    stream = Stream(wire, f"match={topic}", bearer("*"))
    sent(wire, topic=f"{topic}/else", data="else", private="on")
    sent(wire, topic=topic, data="asked for", private="on")
    assert stream.datas(1) == ["asked for"]


def test_what_is_replayed_is_judged_by_the_token_of_now(wire, topic):
    first = sent(wire, topic=topic, data="first")
    sent(wire, topic=topic, data="secret", private="on")
    sent(wire, topic=topic, data="open")
    for headers, want in (([bearer(topic)], ["secret", "open"]), ([bearer("https://else.example")], ["open"]), ([], ["open"])):
        assert Stream(wire, f"match={topic}&last_event_id={first}", *headers).datas(len(want)) == want


# Each is another topic than the first, although a person or a URL parser may see the same.
LIKE = ["https://example.com/caf\u00e9", "https://example.com/cafe\u0301", "https://example.com/caf%C3%A9", "HTTPS://example.com/caf\u00e9",
        "https://EXAMPLE.com/caf\u00e9", "https://example.com:443/caf\u00e9", "https://example.com/x/../caf\u00e9", "https://example.com/Caf\u00e9",
        "https://example.com/caf\u00e9/", "https://example.com/caf\u00e9#", " https://example.com/caf\u00e9", "/caf\u00e9", "caf\u00e9"]


@pytest.mark.parametrize("name", ["match", "match_exact"])
def test_exact_is_byte_for_byte(wire, name):
    from urllib.parse import quote

    streams = [Stream(wire, f"{name}={quote(like, safe='')}") for like in LIKE]
    for like in LIKE:
        sent(wire, topic=like, data=like.strip())
    sent(wire, topic=LIKE, data="end")
    for like, stream in zip(LIKE, streams):
        assert stream.datas(2) == [like.strip(), "end"]
        stream.close()


def test_of_a_url_pattern_the_host_alone_has_no_case(wire, topic):
    path = topic.rpartition("/")[2]
    stream = Stream(wire, f"match_urlpattern=https://Case.example/Books/{path}/:id")
    for base in ("https://case.example/books", "https://case.example/BOOKS", "https://CASE.example/Books"):
        sent(wire, topic=f"{base}/{path}/1", data=base)
    assert stream.datas(1) == ["https://CASE.example/Books"]


def test_what_is_no_url_is_no_path_of_the_hub_and_meets_no_url_pattern(wire):
    streams = [Stream(wire, f"match_urlpattern={p}") for p in ("https://*/*", "*://*/*", "https://*:*/*?*")]
    sent(wire, topic=f"https://[bad{PATH}/x", data="no url")
    sent(wire, topic="https://example.com/x", data="url")
    for stream in streams:
        assert stream.datas(1) == ["url"]


def test_of_an_update_that_is_not_granted_in_whole_nothing_is_sent(wire, topic):
    stream = Stream(wire, f"match={topic}&match={topic}/else")
    for topics in ([topic, f"{topic}/else"], [f"{topic}/else", topic]):
        reply = publish(wire, access_token([topic]), topic=topics, data="half")
        assert reply.status == 403 and 'error="insufficient_scope"' in reply.headers["www-authenticate"]
    sent(wire, topic=topic, data="whole")
    assert stream.datas(1) == ["whole"]


@pytest.mark.parametrize("data", ["a\nb\r\nc\rd\n", "x\nevent: forged\nid: forged\n\ndata: forged", "", "\r", "\0\u200b", " blank before"])
def test_data_cannot_leave_its_field(wire, topic, data):
    stream = Stream(wire, f"match={topic}")
    sent(wire, topic=topic, data=data, id=f"{topic}#1", type="greeting", retry="700", unknown="ignored")
    lines = data.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    assert stream.event() == f"event: greeting\nretry: 700\nid: {topic}#1\n" + "\n".join(f"data: {line}" for line in lines)


def test_a_publish_is_answered_with_the_id_and_nothing_else(wire, topic):
    reply = publish(wire, access_token([topic]), topic=topic, id="urn:mine", data="x", fields="that", nobody="knows")
    assert (reply.status, reply.body, reply.headers["content-type"]) == (200, b"urn:mine", "text/plain; charset=utf-8")
    reply = publish(wire, access_token([topic]), topic=topic)
    assert reply.status == 200 and reply.body.startswith(b"urn:uuid:")


def test_a_publish_that_is_no_form_is_refused(wire):
    auth = f"Authorization: Bearer {access_token(['*'])}"
    for kind in (["Content-Type: application/json"], ["Content-Type: multipart/form-data; boundary=x"], ["Content-Type: text/plain"], []):
        reply = Client(wire).request("POST", PATH, [auth, *kind], b"topic=t&data=x")
        assert reply.status == 400 and "www-authenticate" not in reply.headers, kind


def test_the_cursor_is_the_event_before_the_first_that_is_sent(wire, topic):
    ids = [sent(wire, topic=topic, data=str(i), id=f"{topic}#{i}") for i in range(4)]
    for query, headers, named, want in [
        (f"&last_event_id={ids[1].replace('#', '%23')}", [], ids[1], ["2", "3"]),
        ("", [f"Last-Event-ID: {ids[2]}"], ids[2], ["3"]),
        (f"&last_event_id={ids[0].replace('#', '%23')}", [f"Last-Event-ID: {ids[1]}"], ids[1], ["2", "3"]),
        ("&last_event_id=earliest", [], "earliest", ["0", "1", "2", "3"]),
        ("&last_event_id=nobody-knows", [], "earliest", []),
        ("&last_event_id=", [], "earliest", []),
    ]:
        stream = Stream(wire, f"match={topic}{query}", *headers)
        assert stream.headers["mercure-last-event-id"] == named and "last-event-id" not in stream.headers
        sent(wire, topic=f"{topic}/else", data="not asked for")
        assert stream.datas(len(want)) == want
        stream.close()
    assert "mercure-last-event-id" not in Stream(wire, f"match={topic}").headers


def test_on_a_hub_without_a_history_the_cursor_is_earliest(start_hub):
    for cursor in ("earliest", "unknown"):
        hub = start_hub(ISSUERS, keys=False)
        for at in (("127.0.0.1", hub.port), Fastcgi(hub.socket)):
            assert Stream(at, f"match=t&last_event_id={cursor}").headers["mercure-last-event-id"] == "earliest"


def test_an_id_that_was_used_again_is_the_earliest_and_all_after_it_are_sent(wire, topic):
    for number, id in enumerate(["again", "other", "again", "last"]):
        sent(wire, topic=topic, data=str(number), id=f"{topic}/{id}")
    stream = Stream(wire, f"match={topic}&last_event_id={topic}/again")
    assert stream.datas(3) == ["1", "2", "3"]


def test_a_stream_ends_at_the_exp_of_its_access_token(wire, topic):
    ends_with_its_token(wire, f"match={topic}", lambda exp: access_token(subscribe=[topic], exp=exp))


def test_the_header_counts_before_the_cookie_and_a_url_never(wire, topic):
    good, bad = access_token(subscribe=[topic]), "x.y.z"
    cookie = "Cookie: __Secure-mercure_access_token="

    def status(*headers):
        return Client(wire).request("HEAD", f"{PATH}?match={topic}", headers).status

    assert status(f"Authorization: Bearer {good}", cookie + bad) == 200
    assert status(f"Authorization: Bearer {bad}", cookie + good) == 401
    assert status(f"Authorization: bEARER {good}") == 200
    assert status(cookie + good) == 200 and status(cookie + bad) == 401
    streams = [Stream(wire, f"match={topic}", cookie + good), Stream(wire, f"match={topic}&access_token={good}"),
               Stream(wire, f"match={topic}&authorization={good}")]
    sent(wire, topic=topic, data="secret", private="on")
    sent(wire, topic=topic, data="open")
    assert [stream.datas(1) for stream in streams] == [["secret"], ["open"], ["open"]]


def test_a_page_may_read_the_cursor_and_why_it_was_refused(wire, topic):
    page = "Origin: https://app.example"
    first = sent(wire, topic=topic, data="x")
    stream = Stream(wire, f"match={topic}&last_event_id={first}", page)
    refused = Client(wire).request("GET", f"{PATH}?match={topic}", [page, "Authorization: Bearer x"])
    assert refused.status == 401 and stream.headers["mercure-last-event-id"] == first
    for headers in (stream.headers, refused.headers):
        exposed = {name.strip().lower() for name in headers["access-control-expose-headers"].split(",")}
        assert {"mercure-last-event-id", "link", "www-authenticate"} <= exposed
        assert headers["access-control-allow-origin"] == "https://app.example"
        assert headers["access-control-allow-credentials"] == "true"
    assert "access-control-allow-origin" not in Stream(wire, f"match={topic}", "Origin: https://evil.example").headers


def test_where_any_origin_may_read_none_does_with_credentials(start_hub):
    hub = start_hub(ISSUERS + "cors_origins *", keys=False)
    for at in (("127.0.0.1", hub.port), Fastcgi(hub.socket)):
        headers = Stream(at, "match=t", "Origin: https://any.example").headers
        assert headers["access-control-allow-origin"] == "*" and "access-control-allow-credentials" not in headers
        assert "Mercure-Last-Event-ID" in headers["access-control-expose-headers"]


def test_a_400_that_is_not_about_the_token_carries_no_challenge(wire):
    for query in ("", "matcher=a", "match=%01", "match_urlpattern=https://["):
        reply = Client(wire).request("GET", f"{PATH}?{query}", [bearer("*")])
        assert reply.status == 400 and "www-authenticate" not in reply.headers, query


def test_matchers_of_a_request_are_bounded_in_number_and_length(wire):
    def status(query):
        client = Client(wire)
        client.ask("GET", f"{PATH}?{query}")
        return client.head()[0]

    assert status("&".join(f"match={i}" for i in range(100))) == 200
    assert status("&".join(f"match={i}" for i in range(101))) == 400
    assert status("match=" + "a" * 4096) == 200
    assert status("match=" + "a" * 4097) == 400
    assert status("match_urlpattern=/" + "a" * 4096) == 400


def test_ids_can_be_made_that_tell_nothing(start_hub):
    hub = start_hub(ISSUERS + "id_format uuid4", keys=False)
    ids = {sent(hub.socket, topic="t") for _ in range(50)}
    assert len(ids) == 50 and all(re.fullmatch("urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", id) for id in ids)
    assert len({id[:13] for id in ids}) > 40, "no time in front"


def test_in_0_x_the_header_counts_before_the_parameter(old, topic):
    ids = [publish(old, topic=topic, data=str(i)).body.decode() for i in range(4)]
    stream = Stream(old, f"topic={topic}&lastEventID={ids[0]}", f"Last-Event-ID: {ids[2]}")
    assert stream.headers["last-event-id"] == ids[2]
    assert stream.datas(1) == ["3"]


def test_in_0_x_the_header_counts_before_parameter_and_cookie_and_the_parameter_before_the_cookie(old, topic):
    good, cookie = token(subscribe=["*"]), "Cookie: mercureAuthorization="

    def status(query, *headers):
        return Client(old).request("HEAD", f"{PATH}?topic={topic}{query}", headers).status

    assert status("&authorization=x.y.z", f"Authorization: Bearer {good}", cookie + "x.y.z") == 200
    assert status(f"&authorization={good}", "Authorization: Bearer x.y.z", cookie + good) == 401
    assert status(f"&authorization={good}", cookie + "x.y.z") == 200
    assert status("&authorization=x.y.z", cookie + good) == 401
    assert status("", cookie + good) == 200


def test_what_a_token_in_the_url_opens_is_private_to_caches(old, topic):
    headers = Stream(old, f"topic={topic}&authorization={token(subscribe=['*'])}").headers
    assert {"private", "no-store"} <= {word.strip() for word in headers["cache-control"].split(",")}


def test_in_0_x_of_an_update_that_is_not_granted_in_whole_nothing_is_sent(old, topic):
    stream = Stream(old, f"topic={topic}&topic={topic}/else")
    assert publish(old, token([topic]), topic=[topic, f"{topic}/else"], data="half").status == 401
    assert publish(old, token([topic]), topic=topic, data="whole").status == 200
    assert stream.datas(1) == ["whole"]
