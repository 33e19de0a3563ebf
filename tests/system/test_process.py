"""Start, stop, bounds, and what bad peers may not do."""
import grp
import os
import re
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor

import pytest

from conftest import BIN, KEY, PATH, Client, Server, Stream, free_port, publish, token, wait_for

GET = f"GET {PATH}?topic=a HTTP/1.1\r\n"
POST = f"POST {PATH} HTTP/1.1\r\nHost: a\r\n"


def address(hub):
    return ("127.0.0.1", hub.port)


BAD = [
    ("\0\0\0\0", 400), ("get / HTTP/1.1\r\n\r\n", 400), (" GET / HTTP/1.1\r\n\r\n", 400),
    ("GET  / HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET / HTTP/1.1 \r\nHost: a\r\n\r\n", 400),
    ("GET / HTTP/1.2\r\nHost: a\r\n\r\n", 400), ("GET / HTTP/2.0\r\nHost: a\r\n\r\n", 505), ("GET / http/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /\r\n\r\n", 400), ("GET a HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET /#a HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    ("GET /\x80 HTTP/1.1\r\nHost: a\r\n\r\n", 400), ("GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400),
    (GET + "\r\n", 400), (GET + "Host: a\r\nHost: a\r\n\r\n", 400), (GET + "Host: a b\r\n\r\n", 400), (GET + "Host: a/b\r\n\r\n", 400),
    (GET + "Host : a\r\n\r\n", 400), (GET + "Host: a\r\n folded\r\n\r\n", 400), (GET + "Host: a\r\nX y: z\r\n\r\n", 400),
    (GET + "Host: a\r\n: z\r\n\r\n", 400), (GET + "Host: a\r\nnocolon\r\n\r\n", 400), (GET + "Host: a\r\nX: a\0b\r\n\r\n", 400),
    (GET + "Host: a\r\nX: a\rb\r\n\r\n", 400), (GET + "Host: a\n\r\n", 400), ("GET / HTTP/1.1\nHost: a\n\n", 400),
    (POST + "Content-Length: 1\r\nContent-Length: 1\r\n\r\na", 400), (POST + "Content-Length: +1\r\n\r\na", 400),
    (POST + "Content-Length: -1\r\n\r\n", 400), (POST + "Content-Length: 1, 1\r\n\r\na", 400),
    (POST + "Content-Length: 99999999999999999999\r\n\r\n", 400), (POST + "Content-Length: 0x1\r\n\r\n", 400),
    (POST + "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n", 400), (POST + "Transfer-Encoding: gzip, chunked\r\n\r\n", 501),
    (POST + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n", 400),
    (f"POST {PATH} HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400), (POST + "Expect: something\r\n\r\n", 417),
    (GET + "Host: a\r\n" + "X: y\r\n" * 200 + "\r\n", 431), (GET + "Host: a\r\nX: " + "y" * 70000 + "\r\n\r\n", 431),
    (f"GET {PATH}/%zz HTTP/1.1\r\nHost: a\r\n\r\n", 400), (POST + "Content-Length: 3\r\n\r\na=b", 401),
    (POST + f"Authorization: Bearer {token(['*'])}\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}", 400),
    (POST + f"Authorization: Bearer {token(['*'])}\r\nContent-Type: application/x-www-form-urlencoded\r\nTransfer-Encoding: chunked\r\n\r\nxyz", 400),
]


@pytest.mark.parametrize("number", range(len(BAD)))
def test_bad_input_gets_its_status_and_the_next_request_works(hub, number):
    text, status = BAD[number]
    client = Client(address(hub))
    client.send(text.encode("latin-1"))
    client.socket.shutdown(1)
    assert client.closed().split(b" ")[1] == str(status).encode()
    assert publish(address(hub), topic="t", data="x").status == 200


def test_a_peer_that_speaks_tls_is_closed_and_the_log_says_why(start_hub):
    hub = start_hub()
    client = Client(address(hub))
    client.send(b"\x16\x03\x01\x02\x00\x01")
    assert client.closed() == b""
    wait_for(lambda: "event=tls_refused" in hub.log(), "the log line")
    assert publish(address(hub), topic="t", data="x").status == 200


def form_head(size, *more):
    lines = [POST + f"Authorization: Bearer {token(['*'])}", "Content-Type: application/x-www-form-urlencoded", *more]
    if size is not None:
        lines.append(f"Content-Length: {size}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def test_pipelined_requests_are_answered_in_order(hub):
    client = Client(address(hub))
    body = b"topic=t&id=%d"
    client.send(b"".join(form_head(len(body % i)) + body % i for i in range(50)))
    assert [client.reply().body for _ in range(50)] == [b"%d" % i for i in range(50)]


def test_a_chunked_body_byte_by_byte(hub):
    client = Client(address(hub))
    raw = form_head(None, "Transfer-Encoding: chunked") + b"7;x=y\r\ntopic=t\r\n5\r\n&id=7\r\n0\r\nT: x\r\n\r\n"
    for i in range(len(raw)):
        client.send(raw[i:i + 1])
    assert client.reply().body == b"7"


def test_a_publisher_that_expects_100_gets_it_before_the_body(hub):
    client = Client(address(hub))
    client.send(form_head(7, "Expect: 100-continue"))
    assert client.until(b"\r\n\r\n") == b"HTTP/1.1 100 Continue"
    client.send(b"topic=t")
    assert client.reply().status == 200


def test_a_refused_publisher_that_expects_100_gets_the_refusal(hub):
    client = Client(address(hub))
    client.send((POST + "Expect: 100-continue\r\nContent-Length: 1000\r\n\r\n").encode())
    assert client.head()[0] == 401


def test_a_half_closed_publisher_gets_its_answer(hub):
    client = Client(address(hub))
    client.send(form_head(7) + b"topic=t")
    client.socket.shutdown(1)
    assert client.reply().status == 200


def test_http_1_0(hub):
    stream = Stream(address(hub), "topic=ten", version="1.0")
    assert "transfer-encoding" not in stream.headers
    publish(address(hub), topic="ten", data="x")
    assert stream.datas(1) == ["x"]
    client = Client(address(hub))
    client.send(b"GET /healthz HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")
    assert client.reply().headers["connection"] == "keep-alive"
    client.send(b"GET /healthz HTTP/1.0\r\n\r\n")
    assert client.closed().endswith(b"\r\n\r\nok\n")


def test_a_byte_behind_a_streaming_request_ends_it(hub):
    stream = Stream(address(hub), "topic=a")
    stream.send(b"G")
    with pytest.raises(ConnectionError):
        stream.end()


def test_an_early_refusal_is_read_by_a_peer_that_still_writes(start_hub):
    hub = start_hub("linger_timeout 1m")
    for _ in range(20):
        client = Client(address(hub))
        client.send((POST + "Content-Length: 3000000\r\n\r\n").encode())
        for _ in range(30):
            client.send(b"x" * 100000)
        assert client.reply().status == 401


def test_bounds(start_hub):
    hub = start_hub("max_streams 2\nmax_request_body_size 2KiB\n"
                    "max_matchers 3\nmax_form_fields 20\nmax_topics_per_publish 4\nmax_topics_size 1KiB\nmax_streams_per_token 1\nmax_update_size 4KiB\n"
                    "max_token_selectors 5")
    at = address(hub)
    auth = f"Authorization: Bearer {token(subscribe=['*'])}"
    one = Stream(at, "topic=a", auth)
    assert one.chunked
    busy = Stream(at, "topic=a", auth)
    assert busy.status == 200 and busy.text.startswith(b"retry: ")
    two = Stream(at, "topic=a")
    assert Stream(at, "topic=a").text.startswith(b"retry: ")
    two.close()
    wait_for(lambda: not Stream(at, "topic=a").text.startswith(b"retry: "), "the place of a stream that left")
    assert publish(at, topic="t", data="x" * 3000).status == 413
    assert publish(at, topic="t", data="\n" * 600).status == 413
    assert publish(at, topic=["t"] * 5).status == 400
    assert publish(at, topic=["t" * 256] * 4).status == 200
    assert publish(at, topic=["t" * 256] * 3 + ["t" * 257]).status == 400
    assert publish(at, token(publish=[f"t{i}" for i in range(6)]), topic="t1").status == 401
    assert publish(at, token(publish=[f"t{i}" for i in range(5)]), topic="t1").status == 200
    assert publish(at, **{f"f{i}": "" for i in range(21)}).status == 400
    assert Client(at).get(PATH + "?" + "&topic=a" * 4).status == 400
    for bound in ("max_streams", "max_streams_per_token", "max_request_body_size", "max_update_size", "max_matchers",
                  "max_form_fields", "max_topics_per_publish", "max_topics_size", "max_token_selectors"):
        assert f"bound={bound} " in hub.log(), bound


def test_time_outs(start_hub):
    hub = start_hub("head_timeout 300ms\nbody_timeout 300ms")
    at = address(hub)
    slow = Client(at)
    slow.send(b"GET / HT")
    assert slow.reply().status == 408
    slow = Client(at)
    slow.send(form_head(100) + b"topic")
    assert slow.reply().status == 408
    for bound in ("head_timeout", "body_timeout"):
        assert f"bound={bound} " in hub.log(), bound
    hub = start_hub("idle_timeout 300ms")
    assert Client(address(hub)).closed() == b""
    assert "bound=idle_timeout " in hub.log()


def test_busy_503(start_hub):
    hub = start_hub("max_streams 1\nbusy 503")
    stream = Stream(address(hub), "topic=a")
    assert Stream(address(hub), "topic=a").status == 503
    stream.close()


def test_write_timeout_ends_a_stream(start_hub):
    hub = start_hub("write_timeout 1s")
    assert b"retry: " in Stream(address(hub), "topic=a").end()


def test_pending_bytes_past_the_bound_are_a_503(start_hub):
    hub = start_hub("max_pending_bytes 64KiB")
    assert publish(address(hub), topic="t", data="x" * 300000).status == 503
    assert publish(address(hub), topic="t", data="x").status == 200


def test_max_connections_makes_the_rest_wait(start_hub):
    hub = start_hub("max_connections 5")
    held = [Client(address(hub)) for _ in range(5)]
    for client in held:
        assert client.get("/healthz").status == 200
    waiting = Client(address(hub))
    waiting.send(b"GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n")
    held[0].close()
    assert waiting.reply().status == 200


def test_a_reader_that_stops_delays_nobody_and_is_cut(start_hub):
    hub = start_hub("reply_timeout 2s\ntail 1MiB")
    at = address(hub)
    stuck = Stream(at, "topic=a")
    reader = Stream(at, "topic=a")
    for i in range(1000):
        assert publish(at, topic="a", data=f"{i} " + "x" * 10000).status == 200
        assert reader.event().splitlines()[1].startswith(f"data: {i} ")
    wait_for(lambda: "bound=reply_timeout" in hub.log() or "event=stream_overtaken" in hub.log(), "the cut")
    got = 0
    try:
        while True:
            assert stuck.event().splitlines()[1].startswith(f"data: {got} ")
            got += 1
    except (ConnectionError, ValueError):
        pass
    assert 0 < got < 1000


def test_a_reader_that_pauses_misses_nothing(start_hub):
    hub = start_hub("tail 64MiB\nheartbeat 60s\nreply_timeout 60s")  # else a slow machine's pause is cut
    at = address(hub)
    stream = Stream(at, "topic=a")
    for i in range(1500):
        assert publish(at, topic="a", data=f"{i} " + "x" * 10000).status == 200
    wait_for(lambda: "to=CATCHING_UP" in hub.log(), "the socket to be full")
    for i in range(1500):
        assert stream.event().splitlines()[1].startswith(f"data: {i} ")
    publish(at, topic="a", data="live")
    assert stream.datas(1) == ["live"]
    assert "to=LIVE" in hub.log()


def test_a_stream_that_the_tail_has_left_ends_and_learns_it_on_its_return(start_hub):
    hub = start_hub("tail 100KiB\nreply_timeout 60s\nheartbeat 60s")
    at = hub.socket
    stuck = Stream(at, "topic=a")
    for i in range(300):
        assert publish(at, topic="a", data=f"{i} " + "x" * 10000).status == 200
    got = []
    while not (event := stuck.event()).startswith("retry: "):
        got.append(re.search(r"^id: (.*)\ndata: (\d+)", event, re.M).groups())
    assert stuck.end() == b"" and stuck.ended
    assert [number for _, number in got] == [str(i) for i in range(len(got))] and 0 < len(got) < 300
    assert "event=stream_overtaken" in hub.log()
    back = Stream(at, f"topic=a&lastEventID={got[-1][0]}")
    assert back.headers["last-event-id"] == "earliest"


def test_a_stop_under_load_loses_nothing_that_was_answered(start_hub):
    hub = start_hub()
    streams = [Stream(address(hub), "topic=a") for _ in range(20)]
    answered, refused = [], []

    def publisher(number):
        for i in range(100000):
            try:
                reply = publish(address(hub), topic="a", data=f"{number}-{i}")
            except OSError:
                return
            (answered if reply.status == 200 else refused).append(f"{number}-{i}")
            if reply.status != 200:
                assert reply.status == 503
                return

    with ThreadPoolExecutor(8) as pool:
        done = [pool.submit(publisher, n) for n in range(8)]
        wait_for(lambda: len(answered) > 200, "some publishes")
        hub.server.process.terminate()
        for one in done:
            one.result(60)
    heard = []
    for stream in streams:
        text = stream.text + stream.end()
        assert b"retry: " in text
        heard.append(re.findall(rb"data: (\d+-\d+)", text))
    assert all(one == heard[0] for one in heard)
    assert set(answered) <= {x.decode() for x in heard[0]}
    hub.stop()


@pytest.mark.parametrize("listen, clients", [
    ("[::1]:{port}", ["::1"]), (":{port}", ["127.0.0.1", "::1"]), ("localhost:{port}", ["127.0.0.1"])])
def test_addresses_to_listen_on(tmp_path, listen, clients):
    port, conf = free_port(), tmp_path / "c"
    conf.write_text(f"listen {listen.format(port=port)}\npublisher_jwt {KEY}\nsubscriber_jwt {KEY}\nanonymous\ntransport memory\n")
    server = Server([BIN, "-c", conf], tmp_path / "log")
    try:
        wait_for(lambda: "event=ready" in server.log(), "the hub")
        for client in clients:
            with socket.create_connection((client, port)) as s:
                s.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
                assert s.recv(100).startswith(b"HTTP/1.1 200")
    finally:
        assert server.stop() == 0


def test_a_unix_socket_has_the_mode_and_group_that_were_asked_for(tmp_path):
    path, conf = tmp_path / "s", tmp_path / "c"
    group = grp.getgrgid(os.getgid()).gr_name
    conf.write_text(f"listen unix/{path}|0640|{group}\npublisher_jwt {KEY}\nsubscriber_jwt {KEY}\ntransport memory\n")
    server = Server([BIN, "-c", conf], tmp_path / "log")
    try:
        wait_for(lambda: "event=ready" in server.log(), "the hub")
        assert path.stat().st_mode & 0o777 == 0o640 and path.stat().st_gid == os.getgid()
    finally:
        assert server.stop() == 0
    assert not path.exists()
    conf.write_text(f"listen unix/{path}|0640|no-such-group\npublisher_jwt {KEY}\nsubscriber_jwt {KEY}\ntransport memory\n")
    assert "no-such-group" in subprocess.run([BIN, "-c", conf], capture_output=True, text=True, timeout=30).stderr


def test_stop_ends_streams_cleanly_and_start_takes_the_socket_back(start_hub):
    hub = start_hub()
    streams = [Stream(address(hub), "topic=a") for _ in range(20)] + [Stream(hub.socket, "topic=a")]
    idle = Client(address(hub))
    assert idle.get("/healthz").status == 200
    hub.stop()
    for stream in streams:
        assert b"retry: " in stream.end()
    assert idle.closed() == b""
    hub.start()
    stream = Stream(hub.socket, "topic=a")
    publish(hub.socket, topic="a", data="again")
    assert stream.datas(1) == ["again"]


def test_a_stale_socket_is_replaced_and_a_live_one_is_not(start_hub):
    hub = start_hub()
    second = subprocess.run([BIN, "-c", hub.conf], capture_output=True, text=True, timeout=30)
    assert second.returncode == 1 and "listen" in second.stderr
    hub.server.process.kill()
    hub.server.process.wait()
    assert hub.socket.exists()
    hub.start()


def test_listen_fds(tmp_path):
    import socket

    conf = tmp_path / "alipes.conf"
    conf.write_text(f"publisher_jwt {KEY}\nanonymous\ntransport memory\n")
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        s.listen(10)
        port = s.getsockname()[1]
        script = f'exec 3<&{s.fileno()}; export LISTEN_PID=$$ LISTEN_FDS=1; exec "{BIN}" -c "{conf}"'
        process = subprocess.Popen(["bash", "-c", script], pass_fds=[s.fileno()], stderr=subprocess.DEVNULL)
    try:
        assert Client(("127.0.0.1", port)).get("/healthz").status == 200
    finally:
        process.terminate()
        assert process.wait(30) == 0


def run(env, *arguments):
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MERCURE")}
    return subprocess.run([BIN, *arguments], env={**clean, **env}, capture_output=True, text=True, timeout=30)


def listens(path):
    """It is there a moment before it listens."""
    try:
        Client(path).close()
        return True
    except OSError:
        return False


def test_the_environment_alone_configures(tmp_path):
    path = tmp_path / "s.sock"
    secret = tmp_path / "secret"
    secret.write_text(KEY + "\n")
    env = {**os.environ, "MERCURE_LISTEN_ADDR": f"unix/{path}|0600", "MERCURE_PUBLISHER_JWT_KEY": KEY,
           "MERCURE_SUBSCRIBER_JWT_KEY_FILE": str(secret), "MERCURE_ALLOW_ANONYMOUS": "1",
           "MERCURE_EXTRA_DIRECTIVES": "path /hub\ntransport memory\ncors_origins https://a.example"}
    process = subprocess.Popen([BIN], env=env, stderr=subprocess.DEVNULL)
    try:
        wait_for(lambda: listens(path), "the socket")
        assert path.stat().st_mode & 0o777 == 0o600
        reply = Client(path).request("HEAD", "/hub?topic=a", ["Origin: https://a.example"])
        assert reply.headers["access-control-allow-origin"] == "https://a.example"
    finally:
        process.terminate()
        assert process.wait(30) == 0


def test_mistakes_in_the_configuration_are_named(tmp_path):
    assert "MERCURE_PUBLISHER_JWT_KEY" in run({}).stderr
    env = {"MERCURE_PUBLISHER_JWT_KEY": KEY, "MERCURE_SUBSCRIBER_JWT_KEY": KEY}
    assert "expected 0, 1" in run({**env, "MERCURE_ALLOW_ANONYMOUS": "yes"}).stderr
    assert "MERCURE_PUBLISHER_JWT_KEY" in run({"JWT_KEY": "x"}).stderr
    conf = tmp_path / "bad.conf"
    for text, line, word in [("anonymous\nlisen :80\n", 2, "listen"), ("\n\nheartbeat x\n", 3, "heartbeat"),
                             ("subscriptions yes\n", 1, "it stands alone"), ("mercure {\nanonymous\n", 1, "not closed"),
                             ("jwt_key x\n", 1, "publisher_jwt"), ("transport tape\n", 1, "memory"), ("max_streams 9999999999\n", 1, "1000000")]:
        conf.write_text(text)
        checked = run({}, "config", "check", conf)
        assert checked.returncode == 1
        assert checked.stderr.startswith(f"{conf}:{line}:") and word in checked.stderr, checked.stderr
    conf.write_text("mercure {\n\tpublisher_jwt {$NO_SUCH_NAME:changeme} HS256 # short\n\tsubscriber_jwt \"a b\"\n\tdispatch_timeout 5s\n\ttransport memory\n}\n")
    checked = run({}, "config", "check", conf)
    assert checked.returncode == 0, checked.stderr
    assert "shorter than 32" in checked.stdout and "example" in checked.stdout and "dispatch_timeout" in checked.stdout
    assert "max_streams N" in run({}, "config", "--help").stdout


def test_every_variable_may_be_a_file_and_issuers_are_trusted_with_the_same_keys(tmp_path):
    from test_access import access_token

    def file(name, text):
        (tmp_path / name).write_text(text + "\n")
        return str(tmp_path / name)

    path = tmp_path / "s.sock"
    env = {"PATH": os.environ["PATH"], "MERCURE_LISTEN_ADDR_FILE": file("listen", f"unix/{path}"),
           "MERCURE_PUBLISHER_JWT_KEY_FILE": file("publisher", KEY), "MERCURE_SUBSCRIBER_JWT_KEY": KEY,
           "MERCURE_SUBSCRIBER_JWT_ALG_FILE": file("alg", "HS256"), "MERCURE_DEBUG_FILE": file("debug", "true"),
           "MERCURE_TRUSTED_ISSUERS_FILE": file("issuers", "https://other.example,\nhttps://auth.example"),
           "MERCURE_CORS_ORIGINS": "https://a.example", "MERCURE_EXTRA_DIRECTIVES_FILE": file("extra", "transport memory\ncors_origins https://b.example")}
    log = tmp_path / "log"
    with open(log, "wb") as out:
        process = subprocess.Popen([BIN], env=env, stderr=out)
    try:
        wait_for(lambda: listens(path), "the socket")
        assert publish(path, topic="t").status == 200
        assert publish(path, access_token(["t"]), topic="t").status == 200
        reply = publish(path, access_token(["t"], iss="https://nobody.example"), topic="t")
        assert (reply.status, reply.headers["x-alipes-reason"]) == (401, "unknown_issuer")
        assert "MERCURE_TRUSTED_ISSUERS" in log.read_text(), "the log names the variable"
        reply = Client(path).request("HEAD", PATH + "?topic=a", [f"Authorization: Bearer {token(subscribe=['*'])}", "Origin: https://b.example"])
        assert reply.headers["access-control-allow-origin"] == "https://b.example", "directives win over variables"
    finally:
        process.terminate()
        assert process.wait(30) == 0
    pem = "-----BEGIN PUBLIC KEY-----\\nMFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEEVs/o5+uQbTjL3chynL4wXgUg2R9\\nq9UU8I5mEovUf86QZ7kOBIjJwqnzD1omageEHWwHdBO6B+dFabmdT9POxg==\\n-----END PUBLIC KEY-----"
    told = {"MERCURE_PUBLISHER_JWT_KEY": pem, "MERCURE_SUBSCRIBER_JWT_KEY": KEY}
    for extra, word in [({"MERCURE_PUBLISHER_JWT_KEY_FILE": "/x"}, "both are there"), ({"MERCURE_SUBSCRIBER_JWT_KEY": ""}, "empty"),
                        ({"MERCURE_PUBLISHER_JWT_ALG": "HS256"}, "HS256"), ({"MERCURE_DEBUG": "2"}, "expected 0, 1"),
                        ({"MERCURE_PUBLISHER_JWT_ALG": "XS1"}, "XS1")]:
        refused = run({**told, **extra})
        assert refused.returncode == 1 and word in refused.stderr, refused.stderr


@pytest.mark.parametrize("debug", [False, True])
def test_a_crash_leaves_no_memory_behind_unless_debug_asks_for_it(start_hub, debug):
    import resource

    hard = resource.getrlimit(resource.RLIMIT_CORE)[1]
    before = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (hard, hard))
    try:
        hub = start_hub("debug" if debug else "")
    finally:
        resource.setrlimit(resource.RLIMIT_CORE, before)
    with open(f"/proc/{hub.server.process.pid}/limits") as text:
        limit = re.search(r"Max core file size +(\w+)", text.read()).group(1)
    assert limit in (("1", "0") if not debug else (str(hard) if hard >= 0 else "unlimited", "0")), "0: a sanitizer's, or the machine's"
