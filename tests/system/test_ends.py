"""A subscription ends in many ways, and an EventSource comes back after a 200 alone. So whatever takes one
away (a stop, a reload, a bound, a history that hangs), in whatever state it is, a status that says what is
wrong with the request itself is never replaced by a cut, and all else is 200, `retry:` and the end."""
import re
import select
import signal
from contextlib import ExitStack
from urllib.parse import quote

import pytest

import fastcgi
from conftest import KEY, PATH, Client, Fastcgi, Stream, free_port, publish, token, wait_for
from frozen import frozen
from test_access import ISSUERS, access_token
from test_keys import Key, server  # noqa: F401
from test_matching import slow_template
from test_reload import NEW, reload

FORM = "Content-Type: application/x-www-form-urlencoded"
# What takes many turns of a worker to compile.
PATTERNS = [f"match_urlpattern=/{i}" + "{a}?" * 900 for i in range(90)]


def at(hub, wire="http"):
    return Fastcgi(("127.0.0.1", hub.port)) if wire == "fastcgi" else ("127.0.0.1", hub.port)


def is_silent(client):
    return not select.select([client.socket], [], [], 0)[0] and not client.bytes


def settle(hub, turns=2):
    """What was sent before is with its handler: the only worker has had so many turns since."""
    client = Client(at(hub))
    for _ in range(turns):
        client.get("/healthz")
    client.close()


def begin(client, method, query, headers, body=b""):
    """A request whose body does not end: but for its last byte, or its last record."""
    if client.records:
        whole = fastcgi.request(method, PATH + query, [*headers, FORM], body)
        client.send(whole[:-8])
    else:
        lines = [f"{method} {PATH}{query} HTTP/1.1", "Host: hub.example", FORM, *headers, f"Content-Length: {len(body)}"]
        client.send("\r\n".join(lines).encode() + b"\r\n\r\n" + body[:-1])


def finish(client, body):
    client.send(fastcgi.record(fastcgi.STDIN) if client.records else body[-1:])


class Case:
    """A hub of one worker, and a subscription that a state keeps from going on."""

    def __init__(self, start_hub, server, wire, stack):
        self.start_hub, self.server, self.wire, self.stack = start_hub, server, wire, stack
        self.again = None  # of a state that passes by itself
        self.auth = f"Authorization: Bearer {access_token(subscribe=['*'])}"
        self.sent = b""

    def start(self, extra=ISSUERS, **options):
        self.hub = self.start_hub(f"shutdown_timeout 20s\nbody_timeout 20s\n{extra}", workers=1, **options)
        self.client = Client(at(self.hub, self.wire))

    def freeze(self, name="history-read"):
        self.stack.enter_context(frozen(self.hub.server.process, name))

    def surprise(self, signal_number=None, conf=None):
        """The signal, or another configuration, while the state is what it is; and the worker has heard of it."""
        def stands():
            with frozen(self.hub.server.process, "worker-0"):
                if not is_silent(self.client):
                    return False
                if conf is None:
                    self.hub.server.process.send_signal(signal_number)
                    wait_for(lambda: "event=stopping" in self.hub.log(), "the stop")
                else:
                    reload(self.hub, conf)
            return True

        while not stands():
            assert self.again, ("the state has passed", self.client.bytes or self.client.socket.recv(4096))
            self.again()
        if conf is not None:
            settle(self.hub)

    def waits_for_keys(self):
        keys = self.server([Key("old")])
        self.start(keys.conf(key_wait_timeout="20s"), keys=False)
        wait_for(lambda: "event=key_set " in self.hub.log(), "the set")
        keys.slow = True
        self.client.ask("GET", PATH + "?match=t", [f"Authorization: Bearer {Key('new').token()}"])
        wait_for(lambda: keys.asked == 2, "the hub to ask")

    def waits_for_its_body(self):
        self.start()
        self.sent = b"match=t&match=u"
        begin(self.client, "QUERY", "", [self.auth], self.sent)
        settle(self.hub)

    def waits_for_its_patterns(self):
        self.start("max_pending_bytes 256MiB\nclient_share 1\nmax_index_bytes 1GiB\n" + ISSUERS)
        self.before, self.again = [], self.asks_for_patterns
        self.asks_for_patterns()

    def asks_for_patterns(self):
        """Others than before: those are compiled, if the machine stood still meanwhile."""
        self.client, first = Client(at(self.hub, self.wire)), len(self.before)
        self.before += [Client(at(self.hub)) for _ in range(8)]
        for number, client in enumerate(self.before[first:], first):
            client.ask("QUERY", PATH, [FORM, self.auth], "&".join(f"{p}-{number}" for p in PATTERNS).encode())
        settle(self.hub, 60)  # a turn takes 16 KiB of a body
        self.client.ask("GET", f"{PATH}?match_urlpattern=/later/:id-{first}", [self.auth])
        settle(self.hub)

    def waits_for_its_cursor(self):
        self.start(ISSUERS + f"transport log {{ path {self.history} }}")
        assert publish(at(self.hub), topic="t", id="known", data="x").status == 200
        self.freeze()
        self.client.ask("GET", PATH + "?match=t", ["Last-Event-ID: known", self.auth])
        settle(self.hub)

    def reads_the_history(self):
        self.start(ISSUERS + f"transport log {{ path {self.history} }}")
        self.freeze()
        self.client.ask("GET", PATH + "?match=t", ["Last-Event-ID: earliest", self.auth])
        self.has_head()

    def is_live(self):
        self.start()
        self.client.ask("GET", PATH + "?match=t", [self.auth])
        self.has_head()

    def has_head(self):
        self.client.until(b":\n" if self.client.records else b":\n\r\n")

    def answer(self):
        """Status, and the text of the stream."""
        status, headers = self.client.head()
        return status, headers, self.client.exactly(int(headers["content-length"]))


WITHOUT_HEAD = ["waits_for_keys", "waits_for_its_body", "waits_for_its_patterns", "waits_for_its_cursor"]
WITH_HEAD = ["reads_the_history", "is_live"]


@pytest.fixture(params=["http", "fastcgi"])
def case(request, start_hub, server, tmp_path):  # noqa: F811
    with ExitStack() as stack:
        made = Case(start_hub, server, request.param, stack)
        made.history = tmp_path / "history"
        yield made


def comes_back(case):
    status, headers, text = case.answer()
    assert status == 200 and headers["content-type"].startswith("text/event-stream"), (status, headers, text)
    assert re.fullmatch(rb"retry: \d+\n: \w+\n\n", text), text
    assert "last-event-id" not in headers and "mercure-last-event-id" not in headers


@pytest.mark.parametrize("state", WITHOUT_HEAD)
def test_a_stop_answers_who_has_no_head_yet(case, state):
    getattr(case, state)()
    case.surprise(signal.SIGTERM)
    comes_back(case)
    case.stack.close()
    case.hub.stop()


@pytest.mark.parametrize("state", WITH_HEAD)
def test_a_stop_ends_who_has_a_head(case, state):
    getattr(case, state)()
    case.surprise(signal.SIGTERM)
    text = case.client.closed()
    assert re.search(rb"retry: \d+\n(id: \S+\n)?\n", text) and (case.client.ends or text.endswith(b"0\r\n\r\n")), text
    case.stack.close()
    case.hub.stop()


def test_a_stop_answers_a_publish_whose_body_is_late(case):
    case.start()
    begin(case.client, "POST", "", [f"Authorization: Bearer {token(['*'])}"], b"topic=t&data=late")
    settle(case.hub)
    case.surprise(signal.SIGTERM)
    status, headers, _ = case.answer()
    assert status == 503 and "retry-after" in headers
    case.hub.stop()
    assert "bound=max_pending_bytes" not in case.hub.log()


def test_a_publish_that_waits_for_keys_is_answered_by_a_stop(case):
    keys = case.server([Key("old")])
    case.start(keys.conf(key_wait_timeout="20s"), keys=False)
    wait_for(lambda: "event=key_set " in case.hub.log(), "the set")
    keys.slow = True
    case.client.ask("POST", PATH, [f"Authorization: Bearer {Key('new').token()}", FORM], b"topic=t")
    wait_for(lambda: keys.asked == 2, "the hub to ask")
    case.surprise(signal.SIGTERM)
    assert case.answer()[0] == 503
    case.hub.stop()


@pytest.mark.parametrize("state", WITHOUT_HEAD[1:3])
def test_who_begins_behind_a_reload_is_judged_by_the_new_rules(case, state):
    """Its key is taken out: nobody gets a stream by it any more, whatever kept it from having one before."""
    getattr(case, state)()
    case.surprise(conf=case.hub.conf.read_text().replace(ISSUERS, ISSUERS.replace(KEY, NEW)))
    if case.sent:
        finish(case.client, case.sent)
    status, headers, _ = case.answer()
    assert status == 401 and 'error="invalid_token"' in headers["www-authenticate"]


@pytest.mark.parametrize("state", WITHOUT_HEAD[1:3])
def test_without_anonymous_nobody_begins_behind_the_reload(case, state):
    case.auth = "X-Nothing: of a token"
    getattr(case, state)()
    case.surprise(conf=case.hub.conf.read_text().replace("anonymous\n", ""))
    if case.sent:
        finish(case.client, case.sent)
    status, headers, _ = case.answer()
    assert status == 401 and "error=" not in headers["www-authenticate"], "there is no token"


def test_who_waits_for_keys_is_judged_by_the_new_rules(case):
    """The key comes, but meanwhile its issuer is nobody's word for subscribers."""
    new = Key("new")
    keys = case.server([Key("old")])
    case.start(keys.conf(key_wait_timeout="20s"), keys=False)
    wait_for(lambda: "event=key_set " in case.hub.log(), "the set")
    keys.slow = True
    case.client.ask("GET", PATH + "?match=t", [f"Authorization: Bearer {new.token()}"])
    wait_for(lambda: keys.asked == 2, "the hub to ask")
    case.surprise(conf=re.sub(r" subscriber \{.*?\}\n", "", case.hub.conf.read_text(), flags=re.S))
    keys.keys = [new]
    keys.delay.set()
    status, headers, _ = case.answer()
    assert status == 401 and "reason=no_key_for_this_role" in case.hub.log()


def test_a_stream_whose_cursor_is_looked_up_ends_with_its_key(case):
    case.waits_for_its_cursor()
    case.surprise(conf=case.hub.conf.read_text().replace(ISSUERS, ISSUERS.replace(KEY, NEW)))
    comes_back(case)
    back = Client(at(case.hub))
    assert back.request("GET", PATH + "?match=t", [case.auth]).status == 401
    case.stack.close()
    assert publish(at(case.hub), topic="t", data="x").status == 200


def test_a_pattern_that_is_struck_answers_who_looks_its_cursor_up(case):
    """It takes too long for another stream: both end, and both may ask again."""
    case.start(f"transport log {{ path {case.history} }}")
    query = "topic=" + quote(slow_template(1), safe="")
    assert publish(at(case.hub), topic="t", id="known", data="x").status == 200
    other = Stream(at(case.hub), query)
    case.freeze()
    case.client.ask("GET", f"{PATH}?{query}", ["Last-Event-ID: known"])
    settle(case.hub)
    assert is_silent(case.client)
    for number in range(3):
        assert publish(at(case.hub), topic="a" * (3000 + number) + "z", data="x").status == 200
    assert b"retry: " in other.end()
    comes_back(case)
    wait_for(lambda: "event=pattern_struck" in case.hub.log(), "the log line")


def test_a_reload_that_changes_nothing_keeps_who_has_no_head_yet(case):
    case.waits_for_its_body()
    case.surprise(conf=case.hub.conf.read_text())
    finish(case.client, case.sent)
    case.has_head()
    publish(at(case.hub), topic="u", data="x", private="on")
    case.client.until(b"data: x\n")


def test_a_body_that_comes_behind_the_loss_of_its_host_is_misdirected(case):
    case.waits_for_its_body()
    case.surprise(conf=case.hub.conf.read_text() + "public_urls https://elsewhere.example\n")
    finish(case.client, case.sent)
    assert case.answer()[0] == 421


def test_a_publish_whose_key_is_taken_out_before_its_body_ends_is_refused(case):
    case.start()
    stream = Stream(at(case.hub), "topic=t")
    body = b"topic=t&data=late"
    begin(case.client, "POST", "", [f"Authorization: Bearer {token(['*'])}"], body)
    settle(case.hub)
    case.surprise(conf=case.hub.conf.read_text().replace(f"publisher_jwt {KEY}", f"publisher_jwt {NEW}"))
    finish(case.client, body)
    assert case.answer()[0] == 401
    assert publish(at(case.hub), token(["*"], key=NEW), topic="t", data="next").status == 200
    assert stream.datas(1) == ["next"]


def test_a_key_that_leaves_its_set_opens_nothing_behind_that(case):
    """No reload: the set is fetched anew."""
    old, new = Key("old"), Key("new")
    keys = case.server([old, new])
    case.start(keys.conf(jwks_refresh="1s"), keys=False)
    wait_for(lambda: "event=key_set " in case.hub.log(), "the set")
    body = b"match=t&match=u"
    begin(case.client, "QUERY", "", [f"Authorization: Bearer {old.token()}"], body)
    settle(case.hub)
    keys.keys = [new]
    wait_for(lambda: re.search(r"event=key_set .*keys=1\b", case.hub.log()), "the set without it")
    finish(case.client, body)
    assert case.answer()[0] == 401


def test_past_max_key_waits_a_subscription_comes_back(case):
    """Nothing is known against its token: the hub alone has no room to wait."""
    keys = case.server([Key("old")])
    case.start(keys.conf(max_key_waits=0), keys=False)
    wait_for(lambda: "event=key_set " in case.hub.log(), "the set")
    case.client.ask("GET", PATH + "?match=t", [f"Authorization: Bearer {Key('new').token()}"])
    comes_back(case)
    assert "bound=max_key_waits" in case.hub.log()


def test_streams_without_a_head_are_no_streams_in_the_metrics(case):
    port = free_port()
    case.metrics = f"metrics_listen 127.0.0.1:{port}\n"
    case.start(case.metrics + ISSUERS + f"transport log {{ path {case.history} }}")
    assert publish(at(case.hub), topic="t", id="known", data="x").status == 200
    case.freeze()
    case.client.ask("GET", PATH + "?match=t", ["Last-Event-ID: known", case.auth])
    settle(case.hub)
    case.surprise(conf=case.hub.conf.read_text().replace(ISSUERS, ISSUERS.replace(KEY, NEW)))
    comes_back(case)
    settle(case.hub)
    text = Client(("127.0.0.1", port)).get("/metrics").body.decode()
    counted = {name: int(value) for name, value in re.findall(r"^alipes_(streams\w*) (\d+)$", text, re.M)}
    assert {counted[name] for name in ("streams", "streams_opened_total", "streams_closed_total")} == {0}, counted
