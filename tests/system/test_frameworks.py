"""What frameworks put on the wire, as it was recorded (versions in examples/README.md, "Frameworks"), and the status that
each request has to get; and which lines of the configuration an application with tokens of 1.0 needs."""
import time
from urllib.parse import quote, urlencode

import jwt
import pytest

import laravel
from conftest import KEY, PATH, Client, Hub, Stream, token

PUBLIC = f"https://app.example{PATH}"
FORM = "Content-Type: application/x-www-form-urlencoded"
ORIGIN = "http://localhost:19000"
SYMFONY = ["Accept: */*", "Accept-Encoding: gzip", "User-Agent: Symfony HttpClient/Curl"]
CHANNEL, WHISPER = laravel.topic_of("presence-chat.1"), laravel.whisper_of("presence-chat.1")


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """Both dialects; the secrets are one, as an application's are."""
    folder = tmp_path_factory.mktemp("hub")
    hub = Hub(folder, f"{laravel.configuration(PUBLIC)}\ncors_origins {ORIGIN}")
    yield hub
    hub.stop()


def send(hub, body, headers, host="hub.internal:3000", form=FORM):
    client = Client(("127.0.0.1", hub.port))
    head = [f"POST {PATH} HTTP/1.1", f"Host: {host}", form, *headers, f"Content-Length: {len(body)}"]
    client.send("\r\n".join(head).encode() + b"\r\n\r\n" + body.encode())
    reply = client.reply("POST")
    client.close()
    return reply


def bearer(text):
    return f"Authorization: Bearer {text}"


def symfony():
    """A token for each publish, whose end is a fraction."""
    return [bearer(token(["*"], ["*"], exp=time.time() + 86400.88565)), *SYMFONY]


def broadcaster():
    return [bearer(laravel.access_token(PUBLIC, [laravel.detail(["publish"], ["*"])], 3600)), *SYMFONY]


def python_publisher():
    return [bearer(token(["https://example.com/books/{id}"], exp=int(time.time()) + 3600)), "User-Agent: python-httpx/0.28.1"]


def without_end():
    return [bearer(token(["*"]))]


def page():
    details = [laravel.detail(["subscribe"], [CHANNEL]), laravel.detail(["subscribe", "publish"], [WHISPER])]
    return [f"Cookie: __Secure-mercure_access_token={laravel.access_token(PUBLIC, details, 300)}", "Origin: https://app.example", "Sec-Fetch-Site: same-origin"]


def echo_form(topic):
    data = '{"channels":["presence-chat.1"],"event":"client-typing","payload":{},"socket":"u"}'
    return f"topic={quote(topic, safe='')}&data={quote(data, safe='')}&private=on"


PUBLISHES = [
    ("symfony/mercure, public", symfony, "topic=https%3A%2F%2Fexample.com%2Fbooks%2F1&data=%7B%22status%22%3A%22sold%22%7D", 200),
    ("symfony/mercure, private", symfony, "topic=https%3A%2F%2Fexample.com%2Fbooks%2F1&data=x&private=on", 200),
    ("symfony/mercure, several topics", symfony, "topic=https%3A%2F%2Fexample.com%2Fbooks%2F1&topic=%C3%A9&data=x", 200),
    ("symfony/mercure, empty id and type and a retry of 0", symfony, "topic=a&data=x&id=&type=&retry=0", 200),
    ("symfony/mercure, no data", symfony, "topic=a&data=", 200),
    ("symfony/mercure, a retry of -1", symfony, "topic=a&data=x&retry=-1", 400),
    ("symfony/mercure, no topic", symfony, "data=x", 400),
    ("Laravel, two public channels are two topics", broadcaster, "topic=https%3A%2F%2Flaravel.alt%2Fecho%2Fchannel%2Forders&topic=https%3A%2F%2Flaravel.alt%2Fecho%2Fchannel%2Fnews&data=%7B%22channels%22%3A%5B%22orders%22%2C%22news%22%5D%2C%22event%22%3A%22App%5C%5CEvents%5C%5COrderShipped%22%2C%22payload%22%3A%7B%22id%22%3A7%7D%2C%22socket%22%3A%22abc.1%22%7D", 200),
    ("Laravel, a name that is encoded twice", broadcaster, "topic=https%3A%2F%2Flaravel.alt%2Fecho%2Fchannel%2Fprivate-a%2520b%252F%25C3%25A9%252A%253A%257Bx%257D%253F&data=%7B%7D&private=on", 200),
    ("mercure-publisher 0.1.0", python_publisher, "topic=https%3A%2F%2Fexample.com%2Fbooks%2F1&data=%7B%22status%22%3A+%22published%22%7D", 200),
    ("mercure-publisher 0.1.0, one of two topics not granted", python_publisher, "topic=https%3A%2F%2Fexample.com%2Fbooks%2F1&topic=https%3A%2F%2Fexample.com%2Fauthors%2F1&data=x&private=on&id=event-123&type=book.updated&retry=1000", 401),
    ("pymercure 0.0.1.0, whose target is nothing any more", without_end, "topic=mytopic&data=secret+for+bob&target=https%3A%2F%2Fexample.com%2Fusers%2Fbob", 200),
    ("flask-mercure-sse 0.4.1", without_end, "topic=https%3A%2F%2Fexample.com%2Fbooks%2F1&data=%7B%22a%22%3A+1%7D&private=on&id=f1&type=upd&retry=3000", 200),
]


@pytest.mark.parametrize("headers, body, status", [row[1:] for row in PUBLISHES], ids=[row[0] for row in PUBLISHES])
def test_a_recorded_publish_gets_its_status(hub, headers, body, status):
    assert send(hub, body, headers()).status == status


@pytest.mark.parametrize("topic, status", [(WHISPER, 200), (CHANNEL, 403)])
def test_a_page_whispers_by_its_cookie_and_never_to_the_channel_itself(hub, topic, status):
    assert send(hub, echo_form(topic), page(), "app.example", f"{FORM};charset=UTF-8").status == status


EVENTS = f"{PATH}/subscriptions/:match_type/{laravel.encoded(CHANNEL)}/:subscriber"
SUBSCRIPTIONS = [
    ("ux-turbo 3.5.1, a template for a class", urlencode({"topic": "https://symfony.com/ux-turbo/App%5CEntity%5CBook/{id}"}), [f"Origin: {ORIGIN}"]),
    ("API Platform's GraphQL, not encoded", "topic=http://example.com/subscriptions/0f6b", []),
    ("flask-mercure-sse, by the query", urlencode({"topic": "a", "authorization": token(subscribe=["a"])}), []),
    ("Echo", urlencode({"match": CHANNEL, "match_urlpattern": EVENTS}), page()[:1]),
]


@pytest.mark.parametrize("query, headers", [row[1:] for row in SUBSCRIPTIONS], ids=[row[0] for row in SUBSCRIPTIONS])
def test_a_recorded_subscription_opens(hub, query, headers):
    stream = Stream(("127.0.0.1", hub.port), query, *headers)
    assert stream.status == 200
    stream.close()


def test_a_class_of_entities_is_heard_by_the_template_that_ux_turbo_makes(hub):
    stream = Stream(("127.0.0.1", hub.port), SUBSCRIPTIONS[0][1])
    assert send(hub, urlencode({"topic": "https://symfony.com/ux-turbo/App%5CEntity%5CBook/7", "data": "<turbo-stream>\n</turbo-stream>"}), symfony()).status == 200
    assert "data: <turbo-stream>\ndata: </turbo-stream>" in stream.event()
    stream.close()


def test_symfony_names_the_cursor_of_a_hub_of_1_0_by_the_old_names(hub):
    """mercure() in Twig: lastEventID and Last-Event-ID beside match."""
    first, second = (send(hub, f"topic=cursor&data={data}", symfony()).body.decode() for data in "ab")
    stream = Stream(("127.0.0.1", hub.port), urlencode({"match": "cursor", "lastEventID": first, "Last-Event-ID": first}))
    assert stream.event() == f"id: {second}\ndata: b"
    stream.close()


FRONT = ["Host: app.example", "X-Forwarded-Proto: https", "X-Forwarded-For: 192.0.2.1"]
ISSUER = laravel.configuration(PUBLIC).rpartition("\n")[0]


@pytest.mark.parametrize("lines, expected", [
    ("", [401, 401, 401]),
    ("forwarded x-forwarded", [401, 200, 200]),
    ("public_urls https://app.example", [421, 200, 200]),
    (f"resource_identifier {PUBLIC}", [200, 200, 200]),
    (f"resource_identifier {PUBLIC}\npublic_urls https://app.example", [421, 200, 200]),
], ids=["nothing", "forwarded", "public_urls", "resource_identifier", "both"])
def test_resource_identifier_is_the_line_for_an_application_that_publishes_by_an_internal_url(start_hub, lines, expected):
    """Its token's `aud` is the public URL; the pages come through a front that ends TLS."""
    hub = start_hub(f"{ISSUER}\n{lines}", keys=False)
    access = laravel.access_token(PUBLIC, [laravel.detail(["publish", "subscribe"], ["*"])], 300)
    cookie = f"Cookie: __Secure-mercure_access_token={access}"
    publish = send(hub, "topic=a&data=x&private=on", [bearer(access)])
    client = Client(("127.0.0.1", hub.port))
    client.send("\r\n".join([f"HEAD {PATH}?match=a HTTP/1.1", *FRONT, cookie]).encode() + b"\r\n\r\n")
    subscribe = client.reply("HEAD")
    client.close()
    whisper = send(hub, "topic=a&data=x&private=on", [*FRONT[1:], cookie, "Origin: https://app.example"], "app.example")
    assert [publish.status, subscribe.status, whisper.status] == expected
    assert publish.status != 421 or b"resource_identifier" in publish.body


def test_the_seventh_presence_channel_makes_a_cookie_that_browsers_throw_away():
    """The figure of examples/README.md: of name and value they keep 4,096 bytes."""
    app = laravel.Laravel(PUBLIC)

    def size(names):
        return len("__Secure-mercure_access_token" + laravel.access_token(PUBLIC, app.rights(names, "1"), 300))

    fits = [count for count in range(1, 30) if size([f"presence-chat.{number}" for number in range(count)]) <= 4096]
    app.stop()
    assert fits[-1] == 6
