"""`alipes trace`: what happens to the updates of a topic, live, as the workers do it."""
import os
import re
import signal
import subprocess
from urllib.parse import quote, urlencode

import pytest

from conftest import BIN, KEY, PATH, Client, Operator, Stream, free_port, publish, token, wait_for
from frozen import frozen
from redis import start_node, start_redis, start_relay  # noqa: F401
from test_matching import SANITIZED, slow_template
from test_silence import FORM, NASTY, address, ids, lines

ON = "debug\nmetrics_listen unix/{}/m.sock|0600\n"


def fields(line):
    return dict(re.findall(r'(\w+)=("(?:[^"\\]|\\.)*"|\S+)', line))


class Trace(Operator):
    """One that traces: its groups of lines, each line a dict."""

    def __init__(self, address, topic, version="1.1"):
        super().__init__(address)
        self.ask("GET", f"/trace?{urlencode({'topic': topic})}", version=version)
        self.status, self.headers = self.head()
        self.chunked = "chunked" in self.headers.get("transfer-encoding", "")
        self.text = b""

    def piece(self):
        if not self.chunked:
            more = self.bytes or (self.more() and self.bytes)
            self.text, self.bytes = self.text + self.bytes, b""
            return bool(more)
        size = int(self.until(b"\r\n"), 16)
        self.text += self.exactly(size)
        self.exactly(2)
        return size > 0

    def group(self):
        while b"\n\n" not in self.text:
            if not self.piece():
                raise EOFError(self.text)
        group, _, self.text = self.text.partition(b"\n\n")
        found = [line for line in group.decode("ascii").split("\n") if line != ":"]
        assert all(line.startswith("data: ") for line in found), found
        return [fields(line[6:]) for line in found]

    def until_event(self, *events):
        """The next group that begins with one of these."""
        while True:
            group = self.group()
            if group[0]["event"] in events:
                return group

    def published(self, reply):
        """The group of that publish, which is the next one that is told."""
        group = self.until_event("published", "lost")
        assert group[0].get("id") == ids(reply), group
        return group

    def told(self):
        """All that is left when it has ended."""
        groups = []
        while True:
            try:
                groups.append(self.group())
            except EOFError:
                return groups


@pytest.fixture
def traced(start_hub, tmp_path):
    def start(extra="", **options):
        hub = start_hub(ON.format(tmp_path) + extra, **options)
        hub.metrics = tmp_path / "m.sock"
        hub.trace = lambda topic="a", **more: begin(hub, topic, **more)
        return hub
    return start


def begin(hub, topic, **more):
    trace = Trace(hub.metrics, topic, **more)
    assert trace.status == 200
    trace.until_event("tracing")
    return trace


def counts(group):
    return tuple(int(group[0][name]) for name in ("matched", "catching_up", "withheld"))


def bearer(*topics):
    return f"Authorization: Bearer {token(subscribe=list(topics))}"


# --- what is told ---------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 4])
@pytest.mark.parametrize("version", ["1.0", "1.1"])
def test_whom_an_update_met_is_summed_over_all_workers(traced, workers, version):
    hub = traced(workers=workers)
    open_ones = [Stream(address(hub), "topic=a&topic={x}") for _ in range(4)]
    granted = [Stream(address(hub), "topic=a", bearer("a")) for _ in range(2)]
    others = [Stream(address(hub), "topic=a", bearer("c", "d/*")) for _ in range(3)]
    elsewhere = Stream(address(hub), "topic=b")
    trace = hub.trace(version=version)
    assert counts(trace.published(publish(address(hub), topic="a", data="x"))) == (9, 0, 0)
    assert publish(address(hub), topic="b", data="not asked for").status == 200
    group = trace.published(publish(address(hub), topic="a", data="x", private="on"))
    assert counts(group) == (2, 0, 7) and group[0]["private"] == "true" and group[0]["connected"] == "10"
    by_reason = {reason: [line for line in group if line.get("reason") == reason] for reason in ("no_token", "not_granted")}
    assert len(by_reason["no_token"]) == 4 and all(line["token"] == "none" for line in by_reason["no_token"])
    assert len(by_reason["not_granted"]) == 3
    for line in by_reason["not_granted"]:
        assert (line["event"], line["granted"], line["token"]) == ("withheld", '"c d/*"', "header") and "no wildcard" in line["msg"]
    assert len({line["conn"] for line in group[1:]}) == 9
    assert counts(trace.published(publish(address(hub), topic=["b", "a"], data="x"))) == (10, 0, 0)
    assert len(open_ones + granted + others + [elsewhere]) == 10


def test_conn_is_the_number_that_the_log_has(traced):
    hub = traced()
    Stream(address(hub), "topic=b")
    stream = Stream(address(hub), "topic=a")
    group = hub.trace().published(publish(address(hub), topic="a", data="x"))
    assert group[1]["event"] == "matched"
    assert wait_for(lambda: [line for line in lines(hub, "stream_begin") if line["topics"] == '"a"'], "the line")[0]["conn"] == group[1]["conn"]
    stream.close()


@pytest.mark.parametrize("form, words", [
    ({"type": "chat"}, "onmessage"), ({"type": "message"}, None), ({}, None),
    ({"type": "chat", "private": "on"}, "nobody gets it"), ({"topic": "nobody/asks"}, "asks for any of its topics"),
])
def test_what_keeps_a_page_from_hearing_an_update_is_hinted_at(traced, form, words):
    hub = traced()
    stream = Stream(address(hub), "topic=a")
    group = hub.trace("*").published(publish(address(hub), **{"topic": "a", "data": "x", **form}))
    stream.close()
    assert words in group[0]["msg"] if words else "msg" not in group[0]


def test_who_may_not_use_the_sockets_is_told_who_may(start_hub, tmp_path):
    """root without the right to pass over modes, or anybody else."""
    hub = start_hub(f"metrics_listen unix/{tmp_path}/m.sock|0000\n")
    bare = [] if os.getuid() else ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    for words in ("trace", "t"), ("streams",), ("stat",):
        done = subprocess.run([*bare, BIN, *words, "-c", hub.conf], capture_output=True, text=True, timeout=60)
        assert done.returncode == 1 and "Permission denied; whoever may use that socket may ask: root" in done.stderr, done


def test_an_update_to_nobody_says_so(traced):
    hub = traced()
    assert "nobody is connected" in hub.trace().published(publish(address(hub), topic="a", data="x"))[0]["msg"]


def test_who_begins_and_ends_to_ask_for_the_topic_is_told(traced):
    hub = traced(workers=2)
    trace = hub.trace("https://example.com/books/1")
    Stream(address(hub), "topic=https://example.com/books/2").close()
    stream = Stream(address(hub), "topic=" + quote("https://example.com/books/{id}"), bearer("b"))
    line = trace.group()[0]
    assert (line["event"], line["topics"], line["token"], line["private_topics"]) == ("stream_begin", '"https://example.com/books/{id}"', "header", '"b"')
    publish(address(hub), topic="https://example.com/books/1", data="x")
    stream.event()
    assert trace.until_event("published")[1]["conn"] == line["conn"]
    stream.close()
    end = trace.group()[0]
    assert (end["event"], end["conn"], end["by"], end["events"]) == ("stream_end", line["conn"], "peer", "1")


def test_a_publisher_who_may_not_is_told_each_time_with_what_its_token_grants(traced):
    hub = traced()
    trace = hub.trace("https://example.com/books/1")
    assert publish(address(hub), token(["b"]), topic="another", data="x").status == 401
    for _ in range(3):
        refused = publish(address(hub), token(["https://example.com/books/*", "b"]), topic=["b", "https://example.com/books/1"], data="x")
        assert refused.status == 401
        line = trace.group()[0]
        assert (line["event"], line["role"], line["reason"]) == ("refused", "publish", "topic_not_granted")
        assert line["topic"] == '"https://example.com/books/1"' and line["granted"] == '"b https://example.com/books/*"' and "no wildcard" in line["detail"]


def test_a_stream_behind_is_told_apart(traced):
    hub = traced("tail 32MiB\nheartbeat 0s")
    slow = Stream(hub.socket, "topic=a")
    trace = hub.trace()
    wait_for(lambda: counts(trace.published(publish(address(hub), topic="a", data="x" * 100000))) == (0, 1, 0), "a stream that catches up")
    slow.close()


def test_begins_and_ends_of_active_subscriptions_can_be_traced(traced):
    hub = traced("subscriptions {\n hold_back 0s\n}\n")
    watcher = Stream(address(hub), f"topic={quote(PATH + '/subscriptions/{topic}/{subscriber}')}", bearer("*"))
    trace = hub.trace("*")
    Stream(address(hub), "topic=a").close()
    assert counts(trace.until_event("subscription_begun"))[0] == 1
    assert counts(trace.until_event("subscription_ended"))[0] == 1
    watcher.close()


def test_what_another_hub_publishes_is_told_where_it_is_delivered(start_redis, start_node):
    server = start_redis()
    here, there = start_node(server.url), start_node(server.url)
    here.metrics = ("127.0.0.1", here.metrics_port)
    streams = [Stream(here.address, "topic=a"), Stream(there.address, "topic=a")]
    trace = begin(here, "a")
    group = trace.published(publish(there.address, topic="a", data="x", type="chat"))
    assert counts(group) == (1, 0, 0) and group[0]["connected"] == "1" and "onmessage" in group[0]["msg"]
    assert counts(trace.published(publish(here.address, topic="a", data="x", private="on"))) == (0, 0, 1)
    for stream in streams:
        stream.close()


def test_several_trace_at_once_each_its_own(traced):
    hub = traced(workers=3)
    traces = {topic: hub.trace(topic) for topic in ("a", "b", "*")}
    for round in range(5):
        one, other = publish(address(hub), topic="a", data="x"), publish(address(hub), topic="b", data="x")
        traces["a"].published(one)
        traces["b"].published(other)
        traces["*"].published(one)
        traces["*"].published(other)


def test_the_counts_are_those_of_the_log_also_where_matching_takes_many_turns(traced):
    """Streams fall behind and are level again while an update is still being matched, and others come; and the trace begins
    in the middle of it."""
    hub = traced("max_match_steps 10000000\ntail 32MiB\nheartbeat 0s\nreply_timeout 10m", workers=2)
    topic, updates = "a" * (700 if SANITIZED else 2000) + "z", 18
    streams = [Stream(hub.socket, "topic=" + quote(slow_template(i, 200))) for i in range(8)]
    streams += [Stream(hub.socket, "topic=" + quote("a{+x}")) for _ in range(4)]
    trace = hub.trace("*")
    body = urlencode({"topic": topic, "data": "x" * 150000}).encode()
    clients = [Client(hub.socket) for _ in range(updates)]
    for client in clients:
        client.ask("POST", PATH, [FORM, f"Authorization: Bearer {token(['*'])}"], body)
    late = Trace(hub.metrics, "*")
    assert all(client.reply().status == 200 for client in clients)
    logged = wait_for(lambda: len(lines(hub, "published")) == updates and lines(hub, "published"), "the log's lines")
    expected = {line["id"]: (int(line["streams"]), int(line["catching_up"]), int(line["not_granted"])) for line in logged}
    told = [trace.until_event("published", "lost") for _ in range(updates)]
    assert {group[0]["id"]: counts(group) for group in told} == expected
    assert [group[0]["time"] for group in told] == sorted(group[0]["time"] for group in told)
    hub.stop()
    for group in late.told():
        if group[0]["event"] == "published":
            assert counts(group) == expected[group[0]["id"]]
    assert len(streams) == 12


@pytest.mark.parametrize("workers", [1, 2])
def test_nothing_is_told_before_it_is_committed(start_hub, tmp_path, workers):
    hub = start_hub(f"transport log {{\n path {tmp_path}/history\n}}\n" + ON.format(tmp_path), workers=workers)
    hub.metrics = tmp_path / "m.sock"
    trace = begin(hub, "a")
    client = Client(address(hub))
    with frozen(hub.server.process, "history-write"):
        client.ask("POST", PATH, [FORM, f"Authorization: Bearer {token(['*'])}"], b"topic=a&data=x")
        for _ in range(3):  # the workers go on, and have nothing to say of it
            Stream(address(hub), "topic=a").close()
            trace.until_event("stream_end")
        assert not lines(hub, "published")
    reply = client.reply()
    assert reply.status == 200
    trace.published(reply)


def test_values_are_cut_and_escaped(traced):
    hub = traced()
    trace = hub.trace("*")
    for value in NASTY:
        stream = Stream(address(hub), "topic=" + quote(value))
        begun = trace.until_event("stream_begin")
        assert len(begun) == 1
        group = trace.published(publish(address(hub), topic=value, data="x", type=value.replace("\n", " ")))
        assert counts(group) == (1, 0, 0) and len(group) == 2
        assert all(len(text) <= 200 for line in begun + group for key, text in line.items() if key != "msg")
        assert group[0]["topics"] == begun[0]["topics"]
        stream.close()
    assert len(lines(hub, "published")) == len(NASTY)


# --- bounds ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_what_a_slow_reader_misses_is_counted_and_told(traced, workers):
    hub = traced("log logfmt info\n", workers=workers)
    trace, updates = hub.trace(), 4000
    client, body = Client(address(hub)), urlencode({"topic": "a", "data": "x", "type": "t" * 150}).encode()
    request = (f"POST {PATH} HTTP/1.1\r\nHost: x\r\n{FORM}\r\nAuthorization: Bearer {token(['*'])}\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body
    for _ in range(updates // 100):
        client.send(request * 100)
        assert all(client.reply().status == 200 for _ in range(100))
    shown = lost = 0
    while shown + lost < updates:
        line = trace.until_event("published", "lost")[0]
        shown += line["event"] == "published"
        lost += int(line.get("count", 0))
    assert shown + lost == updates and shown and lost
    trace.published(publish(address(hub), topic="a", data="x"))


def test_there_are_so_many_and_no_more_and_who_leaves_makes_room(traced):
    hub = traced("max_traces 2\n")
    one, two = hub.trace(), hub.trace("b")
    refused = Client(hub.metrics).get("/trace?topic=a")
    assert refused.status == 503 and b"max_traces" in refused.body
    assert 'alipes_bounds_met_total{bound="max_traces"} 1' in Client(hub.metrics).get("/metrics").body.decode()
    two.close()
    three = wait_for(lambda: (t := Trace(hub.metrics, "c")).status == 200 and t, "the place of who left")
    three.until_event("tracing")
    assert publish(address(hub), topic="a", data="x").status == 200
    one.until_event("published")


def test_none_may_where_the_directive_says_so_also_after_a_reload(traced):
    hub = traced("max_traces 1\n")
    going_on = hub.trace()
    hub.conf.write_text(hub.conf.read_text().replace("max_traces 1", "max_traces 0"))
    hub.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "event=reloaded" in hub.log(), "the reload")
    assert wait_for(lambda: Client(hub.metrics).get("/trace?topic=a").status == 503, "the refusal")
    going_on.published(publish(address(hub), topic="a", data="x"))


def test_who_asks_wrongly_is_told(traced):
    hub = traced()
    assert Client(hub.metrics).get("/trace").status == 400
    assert Client(hub.metrics).get("/trace?topic=a", "Origin: http://localhost").status == 403
    post = Client(hub.metrics).request("POST", "/trace?topic=a", [FORM], b"x")
    assert post.status == 405 and post.headers["allow"] == "GET"
    assert Client(address(hub)).get("/trace?topic=a").status == 404


def test_a_page_whose_name_is_made_to_lead_to_this_machine_sees_no_trace(start_hub, browser):
    port = free_port()
    hub = start_hub(f"metrics_listen 127.0.0.1:{port}\n")
    hub.metrics = ("127.0.0.1", port)
    begin(hub, "*").close()
    browser.get(f"http://evil.example:{port}/nothing")
    status = "const done = arguments[0]; fetch('/trace?topic=*').then(reply => done(reply.status), error => done(String(error)))"
    assert browser.execute_async_script(status) == 403


def test_a_stop_ends_it_with_a_word(traced):
    hub = traced(workers=3)
    stream, traces = Stream(address(hub), "topic=a"), [hub.trace(), hub.trace("*"), hub.trace(version="1.0")]
    publish(address(hub), topic="a", data="x")
    stream.event()
    hub.stop()
    for trace in traces:
        groups = trace.told()
        assert groups[0][0]["event"] == "published" and groups[-1][0]["event"] == "ended"


def test_who_leaves_in_the_middle_of_it_leaves_nothing_behind(traced):
    hub = traced("max_traces 8\n", workers=3)
    client, body = Client(address(hub)), b"topic=a&data=x"
    for _ in range(20):
        traces = [Trace(hub.metrics, topic) for topic in ("a", "*", "b")]
        for _ in range(5):
            client.ask("POST", PATH, [FORM, f"Authorization: Bearer {token(['*'])}"], body)
        for trace in traces:
            trace.close()
        assert all(client.reply().status == 200 for _ in range(5))
        wait_for(lambda: (t := Trace(hub.metrics, "a")).status == 200 and not t.close(), "a place")
    hub.stop()


# --- the command ----------------------------------------------------------------------------------


def command(hub, *words):
    return subprocess.Popen([BIN, "trace", "-c", hub.conf, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def test_the_command_prints_it_line_by_line(traced):
    hub = traced()
    topic = "https://example.com/a?b=c&d=é#{x}%41"
    for words, topics in (([topic], [topic]), ([], [topic, "b"])):
        running = command(hub, *words)
        try:
            assert "event=tracing" in running.stdout.readline()
            for one in topics:
                reply = publish(address(hub), topic=one, data="x")
                line = fields(running.stdout.readline())
                assert (line["event"], line["id"]) == ("published", ids(reply))
        finally:
            running.kill()
            running.communicate()


def test_the_command_ends_with_the_hub_and_says_so(traced):
    hub = traced()
    running = command(hub)
    assert "event=tracing" in running.stdout.readline()
    hub.stop()
    out, err = running.communicate(timeout=60)
    assert running.returncode == 1 and "event=ended" in out and err == "alipes trace: the hub has ended it\n"


def test_the_command_says_why_it_cannot(traced, tmp_path):
    hub = traced("max_traces 0\n")
    running = command(hub, "a")
    _, err = running.communicate(timeout=60)
    assert running.returncode == 1 and "503" in err and "max_traces" in err
    hub.stop()
    running = command(hub, "a")
    _, err = running.communicate(timeout=60)
    assert running.returncode == 1 and "m.sock" in err
    hub.conf.write_text(f"publisher_jwt {KEY}\nsubscriber_jwt {KEY}\ntransport memory\n")
    running = command(hub, "a")
    _, err = running.communicate(timeout=60)
    assert running.returncode == 2 and "metrics_listen unix//run/alipes/metrics.sock|0600" in err
