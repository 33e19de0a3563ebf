"""Rows of hostile.py: what topics, matchers and rights can do."""
from itertools import product
from string import ascii_lowercase, digits

from conftest import KEY, token
from hostile import FORM, AUTH, SANITIZED, Row, publish_many, send, streams, topics

FEW = 10 if SANITIZED else 1
NAMES = ["".join(pair) for pair in product(ascii_lowercase + digits, repeat=2) if "".join(pair) != "aa"][:1000]
EARLIEST = "Last-Event-ID: earliest"
ISSUER = f"issuer https://issuer.example {{\n subscriber {{\n jwt {KEY} HS256\n }}\n}}"
PUBLISH = (FORM, AUTH)


def history(form, count):
    return lambda hub: publish_many(hub, [form] * (count // FEW))


def replays(count, query):
    return lambda hub, stage: [send(hub, "GET", query, EARLIEST) for _ in range(count)]


def of_rights(hub):
    """Streams of many tokens, none of which may get what will come."""
    return [client for i in range(1000 // FEW) for client in streams(
        hub, ["topic=*"],
        "Authorization: Bearer " + token(subscribe=[f"https://example.com/users/{i}/{{kind{k}}}/{{id}}" for k in range(5)]))]


def private(hub, stage):
    form = b"private=on&data=x" + b"".join(b"&topic=https://example.com/users/x%d/a/b" % i for i in range(1000))
    return [send(hub, "POST", "", *PUBLISH, body=form), *stage]


def slow_template(number, expressions):
    """With a topic of many a it costs as many sweeps as it has expressions."""
    return f"a{{+x{number}}}" + "a{+x}" * expressions + "z"


def of_hosts(count, query):
    """Streams that reached the hub under as many names."""
    return lambda hub: [client for i in range(count) for client in streams(hub, [query], host=f"h{i}.example")]


def publishes(*forms):
    """On a connection each."""
    return lambda hub, stage: [*[send(hub, "POST", "", *PUBLISH, body=form) for form in forms], *(stage or ())]


def spelt_out(count, size):
    """Topics in which only a URL parser sees whether they lead to the hub: dots, and a percent sign."""
    return b"&".join(b"topic=/%25" + b"/.." * ((size - 2) // 3) for _ in range(count)) + b"&data=x"


def asks(count, query, method="GET", body=b""):
    headers = [FORM] if method == "QUERY" else []
    return lambda hub, stage: [send(hub, method, query(i), *headers, body=body) for i in range(count)]


def hostile_pattern(number):
    return topics([f"/{number}-{i}" + "{a}?" * 900 for i in range(6)], "match_urlpattern")


def leave(hub, stage):
    for client in stage:
        client.close()


def lists(count, leaves=False):
    """Of all active subscriptions, on a connection each; nobody reads more than the sockets take."""
    def request(hub, stage):
        clients = [send(hub, "GET", "", "Authorization: Bearer " + token(subscribe=["*"]), below="/subscriptions") for _ in range(count)]
        if leaves:
            leave(hub, clients)
        return [*stage, *([] if leaves else clients)]
    return request


LARGE = "\nmax_topics_size 1MiB"
CROWD = lambda hub: streams(hub, [topics([f"{i}{name}" for name in NAMES]) for i in range(32)])  # noqa: E731
LISTED = "subscriptions {\n max_bytes 256MiB\n}"
LONG = b"&".join(b"topic=/%d" % i + b"x" * 1000 for i in range(1000)) + b"&data=x"
RELATIVE = b"&".join(b"topic=/%d" % i for i in range(1000)) + b"&data=x"

ROWS = [
    Row("a replay of 16,000 updates by 1,000 exact topics", replays(1, topics(NAMES)), history(b"topic=aa&data=x", 16000)),
    Row("a replay of 160 updates of 1,000 topics by 1,000 exact topics", replays(1, topics(NAMES)),
        history(b"topic=aa&" * 1000 + b"data=x", 160)),
    Row("ten of these", replays(10, topics(NAMES)), history(b"topic=aa&" * 1000 + b"data=x", 160)),
    Row("a replay of 500 topics by one template near its limit", replays(1, topics([slow_template(1, 4)])),
        history(b"&".join(b"topic=" + b"a" * 2000 + b"%d%%22z" % i for i in range(500)) + b"&data=x", 40), LARGE),
    Row("a private update of 1,000 topics for 1,000 tokens", private, of_rights),
    Row("an update of 1,000 topics, and 2,000 templates that all match each", publishes(b"topic=aa&" * 1000 + b"data=x"),
        lambda hub: streams(hub, [topics([f"a{{x{k}_{i}}}" for i in range(200)]) for k in range(10)])),
    Row("an update of 1,000 relative topics, and URL Patterns under 64 names", publishes(RELATIVE),
        of_hosts(64, "match_urlpattern=/:x"), ISSUER),
    Row("the same with long ones", publishes(LONG), of_hosts(64, "match_urlpattern=/:x"), ISSUER + LARGE),
    Row("an update of one topic that takes long to resolve", publishes(spelt_out(1, (1 << 18) - 2))),
    Row("an update of 1,000 such topics", publishes(spelt_out(1000, 260))),
    Row("an update for 2,000 streams", publishes(b"topic=a&data=x"), lambda hub: streams(hub, ["topic=*"] * (2000 // FEW))),
    Row("ten GETs of the URL Patterns that take longest to compile", asks(10, hostile_pattern), conf=ISSUER),
    Row("64 GETs of 1,000 topics at once", asks(64, lambda i: topics([f"{i}{name}" for name in NAMES]))),
    Row("32 streams of 1,000 topics that leave at once", leave, CROWD),
    Row("32 lists of 32,000 subscriptions at once", lists(32), CROWD, LISTED),
    Row("the same, whose readers leave at once", lists(32, leaves=True), CROWD, LISTED),
]
