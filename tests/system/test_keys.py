"""JWK sets from a real HTTPS server with an authority of its own: there, away, slow, broken, rotated."""
import base64
import http.server
import json
import os
import re
import select
import signal
import ssl
import subprocess
import threading
import time
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from conftest import BIN, PATH, Client, Server, Stream, free_port, publish, wait_for

ISSUER = "https://auth.example"


def b64(number, size):
    return base64.urlsafe_b64encode(number.to_bytes(size, "big")).rstrip(b"=").decode()


class Key:
    def __init__(self, kid, kind="ES256"):
        self.kid, self.algorithm = kid, kind
        self.private = ec.generate_private_key(ec.SECP256R1()) if kind == "ES256" else rsa.generate_private_key(65537, 2048)
        numbers = self.private.public_key().public_numbers()
        self.jwk = {"kid": kid, "use": "sig", "alg": kind}
        if kind == "ES256":
            self.jwk.update(kty="EC", crv="P-256", x=b64(numbers.x, 32), y=b64(numbers.y, 32))
        else:
            self.jwk.update(kty="RSA", n=b64(numbers.n, 256), e=b64(numbers.e, 3))

    def token(self, actions=("publish", "subscribe"), **claims):
        details = [{"type": "https://mercure.rocks/authorization-detail", "actions": list(actions), "topics": [{"match": "*"}]}]
        claims = {"iss": ISSUER, "aud": f"http://hub.example{PATH}", "exp": time.time() + 86400, "authorization_details": details, **claims}
        return jwt.encode(claims, self.private, algorithm=self.algorithm, headers={"typ": "at+jwt", "kid": self.kid})


class KeyServer:
    """What it answers may change at any time: a list of keys, or bytes, or a status, or a redirection."""

    def __init__(self, folder, keys):
        self.keys, self.asked, self.counting, self.delay, self.port = keys, 0, threading.Lock(), threading.Event(), free_port()
        self.slow = False
        run = lambda *a: subprocess.run(["openssl", *a], check=True, capture_output=True, cwd=folder)  # noqa: E731
        run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-subj", "/CN=test authority", "-days", "2")
        run("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "server.key", "-out", "server.csr",
            "-subj", "/CN=127.0.0.1")
        (folder / "ext").write_text("subjectAltName=IP:127.0.0.1\n")
        run("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "ext",
            "-out", "server.pem")
        self.folder = folder
        self.start()

    def start(self):
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                with owner.counting:
                    owner.asked += 1
                if owner.slow:
                    owner.delay.wait(60)
                what = owner.keys
                if isinstance(what, int):
                    self.send_error(what)
                    return
                if isinstance(what, str):
                    self.send_response(302)
                    self.send_header("Location", what)
                    self.end_headers()
                    return
                body = what if isinstance(what, bytes) else json.dumps({"keys": [k.jwk for k in what]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/jwk-set+json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.server.handle_error = lambda *_: None  # a hub that gave it up
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.folder / "server.pem", self.folder / "server.key")
        self.server.socket = context.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        self.delay.set()
        self.server.shutdown()
        self.server.server_close()

    def conf(self, path="/jwks", ca=True, **timing):
        timing = {"jwks_cooldown": "100ms", **timing}
        url = f"https://127.0.0.1:{self.port}{path}"
        lines = [f"{name} {value}" for name, value in timing.items()]
        return "\n".join([f"issuer {ISSUER} {{\n publisher {{\n jwks_uri {url}\n }}\n subscriber {{\n jwks_uri {url} ES256\n }}\n}}",
                          *([f"jwks_ca {self.folder}/ca.pem"] if ca else []), *lines])


@pytest.fixture
def server(tmp_path):
    servers = []

    def make(keys):
        folder = tmp_path / f"keys{len(servers)}"
        folder.mkdir()
        servers.append(KeyServer(folder, keys))
        return servers[-1]

    yield make
    for s in servers:
        s.stop()


def address(hub):
    return ("127.0.0.1", hub.port)


def status(hub, auth):
    return publish(address(hub), auth, topic="t", data="x").status


def not_now_or(wanted, hub, token):
    """Within key_wait_timeout a busy machine reads no set: "not now" comes before the answer, and no other one."""
    deadline = time.monotonic() + 60
    while (answer := status(hub, token)) == 503 and time.monotonic() < deadline:
        pass
    return answer == wanted


def has_set(hub, count=1):
    wait_for(lambda: hub.log().count("event=key_set ") >= count, "the key set")


def test_keys_come_over_https_and_each_role_has_its_algorithms(start_hub, server):
    one, two = Key("one"), Key("two", "RS256")
    keys = server([one, two])
    hub = start_hub(keys.conf(), keys=False)
    has_set(hub)
    assert status(hub, one.token()) == 200
    assert status(hub, two.token()) == 200
    subscribe = lambda key: Client(address(hub)).request("HEAD", PATH + "?match=t", [f"Authorization: Bearer {key.token()}"]).status  # noqa: E731
    assert (subscribe(one), subscribe(two)) == (200, 401), "RS256 is not in the subscribers' list"
    assert keys.asked == 1, "one URL, one set, whoever names it"


def test_an_unknown_kid_is_asked_for_and_the_request_waits(start_hub, server):
    old, new = Key("old"), Key("new")
    keys = server([old])
    hub = start_hub(keys.conf(jwks_cooldown="1m"), keys=False)
    has_set(hub)
    keys.keys = [old, new]
    assert status(hub, new.token()) == 200
    assert status(hub, old.token()) == 200, "both count while they overlap"
    assert keys.asked == 2
    for _ in range(5):
        assert status(hub, Key("third").token()) == 401
    assert keys.asked == 2, "at most once a jwks_cooldown"


def test_requests_that_wait_are_bounded_in_number_and_time(start_hub, server):
    old = Key("old")
    keys = server([old])
    hub = start_hub(keys.conf(max_key_waits=3, key_wait_timeout="1s", jwks_cooldown="1m"), keys=False)
    has_set(hub)
    keys.slow = True
    clients = [Client(address(hub)) for _ in range(10)]
    began = time.monotonic()
    other = Key("other").token()
    for c in clients:
        c.ask("POST", PATH, [f"Authorization: Bearer {other}", "Content-Type: application/x-www-form-urlencoded"], b"topic=t")
    waited = []
    for c in clients:
        assert c.reply().status == 503, "nobody has said that the key is a wrong one"
        waited.append(time.monotonic() - began)
    assert 0.9 < max(waited) < 4
    assert "bound=max_key_waits" in hub.log()
    stream = Stream(address(hub), "match=t", f"Authorization: Bearer {other}")
    assert stream.status == 200 and b"retry: " in stream.text, "an EventSource must come back"
    assert status(hub, old.token()) == 200, "nobody else waits"


def test_before_the_first_set_it_cannot_be_served_now(start_hub, server):
    key = Key("k")
    keys = server(500)
    hub = start_hub(keys.conf(key_wait_timeout="300ms"), keys=False)
    reply = publish(address(hub), key.token(), topic="t", data="x")
    assert reply.status == 503 and "retry-after" in reply.headers
    stream = Stream(address(hub), "match=t", f"Authorization: Bearer {key.token()}")
    assert stream.status == 200 and b"retry: " in stream.text, "an EventSource must come back"
    assert "www-authenticate" not in stream.headers
    assert Stream(address(hub), "match=t").status == 200, "who has no token does not wait"
    keys.keys = [key]
    client = Client(address(hub))
    wait_for(lambda: status(hub, key.token()) == 200, "the set")
    client.close()


def test_who_comes_before_the_first_set_waits_for_it(start_hub, server):
    key = Key("k")
    keys = server([key])
    keys.slow = True
    hub = start_hub(keys.conf(key_wait_timeout="20s"), keys=False)
    stream, publisher = Client(address(hub)), Client(address(hub))
    auth = f"Authorization: Bearer {key.token()}"
    stream.ask("GET", PATH + "?match=t", [auth])
    publisher.ask("POST", PATH, [auth, "Content-Type: application/x-www-form-urlencoded"], b"topic=t&data=x")
    gone = Client(address(hub))
    gone.ask("GET", PATH + "?match=t", [auth])
    gone.close()
    wait_for(lambda: keys.asked == 1, "the hub to ask")
    keys.delay.set()
    assert publisher.reply().status == 200
    assert stream.head()[0] == 200


def test_a_list_of_active_subscriptions_waits_for_keys_as_a_stream_does(start_hub, server):
    key = Key("k")
    keys = server([key])
    keys.slow = True
    hub = start_hub(keys.conf(key_wait_timeout="20s") + "\nsubscriptions", keys=False)
    auth, target = f"Authorization: Bearer {key.token()}", PATH + "/subscriptions"
    stays, leaves = Client(address(hub)), Client(address(hub))
    for client in (stays, leaves):
        client.ask("GET", target, [auth])
    leaves.close()
    wait_for(lambda: keys.asked == 1, "the hub to ask")
    keys.delay.set()
    assert json.loads(stays.reply().body)["type"] == "subscriptions"


def test_a_list_of_active_subscriptions_that_waits_for_keys_in_vain_is_503(start_hub, server):
    hub = start_hub(server(500).conf(key_wait_timeout="300ms") + "\nsubscriptions", keys=False)
    reply = Client(address(hub)).get(PATH + "/subscriptions", f"Authorization: Bearer {Key('k').token()}")
    assert reply.status == 503 and "retry-after" in reply.headers


@pytest.mark.parametrize("broken", [404, 410, 500, b"no json", b'{"keys": "x"}', b"x" * 300000, "http://127.0.0.1:1/", "file:///etc/passwd"],
                         ids=["404", "410", "500", "no-json", "no-list", "large", "to-http", "to-file"])
def test_a_set_stays_in_force_while_its_server_is_broken(start_hub, server, broken):
    key = Key("k")
    keys = server([key])
    hub = start_hub(keys.conf(), keys=False)
    has_set(hub)
    keys.keys = broken
    assert status(hub, Key("other").token()) == 503, "brings a fetch about, and that does not answer"
    wait_for(lambda: "event=key_set_failed" in hub.log(), "the failed attempt")
    assert status(hub, key.token()) == 200
    assert "root:" not in hub.log()
    keys.keys = [key]
    wait_for(lambda: status(hub, Key("other").token()) == 401, "the server's own word")


def test_a_server_that_is_away_or_not_whom_it_should_be_is_no_reason_to_stop(start_hub, server):
    key = Key("k")
    keys = server([key])
    unknown = start_hub(keys.conf(ca=False, key_wait_timeout="300ms"), keys=False)
    wait_for(lambda: "event=key_set_failed" in unknown.log(), "the refusal of an authority that is not known")
    assert status(unknown, key.token()) == 503
    hub = start_hub(keys.conf(jwks_refresh="1s"), keys=False)
    has_set(hub)
    keys.stop()
    wait_for(lambda: "event=key_set_failed" in hub.log(), "an attempt in vain")
    assert status(hub, key.token()) == 200
    keys.keys = [key, Key("more")]
    keys.start()
    wait_for(lambda: re.search(r"event=key_set .*keys=2", hub.log()), "the server's return")


def test_a_key_that_was_taken_out_ends_its_streams_within_a_second(start_hub, server):
    old, new = Key("old"), Key("new")
    keys = server([old, new])
    hub = start_hub(keys.conf(jwks_refresh="1s"), keys=False)
    has_set(hub)
    streams = [Stream(address(hub), "match=t", f"Authorization: Bearer {k.token()}") for k in (old, new)]
    anonymous = Stream(address(hub), "match=t")
    keys.keys = [new]
    assert b"retry: " in streams[0].end()
    taken_out = time.monotonic()
    assert status(hub, old.token()) == 401
    assert status(hub, new.token()) == 200
    assert "x" in streams[1].event() and "x" in anonymous.event()
    assert time.monotonic() - taken_out < 5


def test_a_set_in_a_file_is_read_at_start_and_when_a_kid_is_not_known(start_hub, tmp_path):
    one, two = Key("one"), Key("two")
    path = tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [one.jwk]}))
    hub = start_hub(f"issuer {ISSUER} {{ publisher {{ jwks_uri file://{path} }} subscriber {{ jwks_uri file://{path} }} }}\njwks_cooldown 100ms",
                    keys=False)
    assert status(hub, one.token()) == 200
    assert not_now_or(401, hub, two.token())
    path.write_text(json.dumps({"keys": [one.jwk, two.jwk]}))
    time.sleep(0.1)  # jwks_cooldown
    assert not_now_or(200, hub, two.token())
    path.write_text("{")
    assert status(hub, one.token()) == 200


def test_a_set_of_0x(start_hub, server):
    key = Key("k")
    keys = server([key])
    hub = start_hub(f"publisher_jwks_url https://127.0.0.1:{keys.port}/jwks\njwks_ca {keys.folder}/ca.pem", keys=False)
    has_set(hub)
    claims = {"mercure": {"publish": ["*"]}}
    assert status(hub, jwt.encode(claims, key.private, algorithm="ES256", headers={"kid": "k"})) == 200
    assert status(hub, jwt.encode(claims, Key("k").private, algorithm="ES256", headers={"kid": "k"})) == 401


@pytest.mark.parametrize("emptied", [b'{"keys": []}', b'{"keys": [{"kty": "future"}]}'], ids=["no-keys", "no-usable-key"])
def test_an_issuer_takes_all_its_keys_back_by_a_set_without_one(start_hub, server, emptied):
    key = Key("k")
    keys = server([key])
    hub = start_hub(keys.conf(jwks_refresh="1s"), keys=False)
    has_set(hub)
    stream = Stream(address(hub), "match=t", f"Authorization: Bearer {key.token()}")
    assert status(hub, key.token()) == 200
    keys.keys = emptied
    stream.event()
    assert b"retry: " in stream.end()
    assert status(hub, key.token()) == 401
    assert re.search(r"level=warn event=key_set .*keys=0 .*it vouches for nobody", hub.log())
    keys.keys = [key]
    wait_for(lambda: status(hub, key.token()) == 200, "the keys' return")


def test_a_file_without_a_key_takes_them_back_at_sighup(start_hub, tmp_path):
    key, path = Key("k"), tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [key.jwk]}))
    hub = start_hub(f"issuer {ISSUER} {{ publisher {{ jwks_uri file://{path} }} subscriber {{ jwks_uri file://{path} }} }}", keys=False)
    assert status(hub, key.token()) == 200
    path.write_text('{"keys": []}')
    checked = subprocess.run([BIN, "config", "check", hub.conf], capture_output=True, text=True)
    assert checked.returncode == 0 and "it vouches for nobody" in checked.stdout
    hub.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "event=reloaded" in hub.log(), "the new configuration")
    assert status(hub, key.token()) == 401


def test_a_set_that_cannot_be_renewed_counts_until_it_is_jwks_max_age_old(start_hub, server):
    key = Key("k")
    keys = server([key])
    hub = start_hub(keys.conf(jwks_refresh="1s", jwks_max_age="4s", key_wait_timeout="100ms"), keys=False)
    has_set(hub, 2)
    stream = Stream(address(hub), "match=t", f"Authorization: Bearer {key.token()}")
    keys.keys = 500
    wait_for(lambda: "event=key_set_failed" in hub.log(), "the first attempt in vain")
    assert status(hub, key.token()) == 200, "an outage alone says nothing"
    assert "x" in stream.event()
    assert b"retry: " in stream.end()
    assert "event=key_set_too_old" in hub.log() and "bound=jwks_max_age" in hub.log()
    assert status(hub, key.token()) == 503
    again = Stream(address(hub), "match=t", f"Authorization: Bearer {key.token()}")
    assert again.status == 200 and b"retry: " in again.text, "it comes back until the set is there"
    keys.keys = [key]
    wait_for(lambda: status(hub, key.token()) == 200, "the server's return")


def test_a_set_may_not_become_too_old_before_it_is_renewed(tmp_path):
    conf = tmp_path / "conf"
    conf.write_text("anonymous\njwks_refresh 1h\njwks_max_age 1h\n")
    checked = subprocess.run([BIN, "config", "check", conf], capture_output=True, text=True)
    assert checked.returncode == 1 and f"{conf}:3: jwks_max_age: it must be longer than jwks_refresh" in checked.stderr
    conf.write_text("anonymous\njwks_refresh 1h\njwks_max_age 0s\n")
    assert subprocess.run([BIN, "config", "check", conf], capture_output=True).returncode == 0


def fetches(server):
    """Threads that are fetching a set."""
    found = 0
    for task in Path(f"/proc/{server.process.pid}/task").iterdir():
        try:
            found += (task / "comm").read_text() == "key-fetch\n"
        except OSError:
            pass  # it has just ended
    return found


def other_issuer(url):
    return f"issuer https://other.example {{\n publisher {{\n jwks_uri {url}\n }}\n}}"


def test_a_silent_server_delays_no_other_issuer_and_no_stop(start_hub, server):
    old, new = Key("old"), Key("new")
    keys, silent = server([old]), server([old])
    both = keys.conf() + "\n" + other_issuer(f"https://127.0.0.1:{silent.port}/jwks") + f"\njwks_ca {keys.folder}/both.pem\nshutdown_timeout 1s"
    (keys.folder / "both.pem").write_text((keys.folder / "ca.pem").read_text() + (silent.folder / "ca.pem").read_text())
    silent.slow = True
    hub = start_hub(both, keys=False)
    has_set(hub)
    wait_for(lambda: silent.asked, "the other set to be asked for")
    keys.keys = [old, new]
    began = time.monotonic()
    assert status(hub, new.token()) == 200
    assert time.monotonic() - began < 2.5, "before key_wait_timeout"
    stream = Stream(address(hub), "match=t")
    began = time.monotonic()
    hub.stop()
    assert time.monotonic() - began < 4
    assert b"retry: " in stream.end()


# The hub's process with name servers that say nothing: sockets that nobody reads, in a network of its own.
SILENT = """
import fcntl, os, socket, struct, subprocess, sys
subprocess.run(["mount", "--bind", sys.argv[1], "/etc/resolv.conf"], check=True)
up = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
fcntl.ioctl(up, 0x8914, struct.pack("16sh", b"lo", 1))
for last in (53, 54, 55):
    name_server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    name_server.bind((f"127.0.0.{last}", 53))
    os.set_inheritable(name_server.detach(), True)
os.execv(sys.argv[2], sys.argv[2:])
"""


def test_a_silent_name_server_delays_no_other_issuer_and_no_stop(tmp_path):
    old, new = Key("old"), Key("new")
    resolv, keys, socket, conf = (tmp_path / name for name in ("resolv", "keys.json", "s", "conf"))
    resolv.write_text("".join(f"nameserver 127.0.0.{last}\n" for last in (53, 54, 55)))
    keys.write_text(json.dumps({"keys": [old.jwk]}))
    conf.write_text(f"listen unix/{socket}\nanonymous\ntransport memory\nshutdown_timeout 1s\njwks_cooldown 100ms\n"
                    f"issuer {ISSUER} {{ publisher {{ jwks_uri file://{keys} }} }}\n" + other_issuer("https://keys.example/jwks"))
    unshare = ["unshare", "--mount", "--net"] + ([] if os.geteuid() == 0 else ["--map-root-user"])
    hub = Server([*unshare, "/usr/bin/python3", "-c", SILENT, resolv, BIN, "-c", conf], tmp_path / "log")
    try:
        wait_for(lambda: "event=ready" in hub.log() or hub.process.poll() is not None, "the hub")
        wait_for(lambda: fetches(hub), "the other set to be asked for")
        keys.write_text(json.dumps({"keys": [old.jwk, new.jwk]}))
        began = time.monotonic()
        assert publish(socket, new.token(), topic="t", data="x").status == 200
        assert time.monotonic() - began < 2.5, "before key_wait_timeout"
        began = time.monotonic()
        assert hub.stop() == 0
        assert time.monotonic() - began < 4
    finally:
        hub.stop(signal.SIGKILL)
    assert "event=stopped" in hub.log() and "Sanitizer" not in hub.log()


def test_unknown_kids_of_one_issuer_leave_places_for_another(start_hub, server):
    old, new = Key("old"), Key("new")
    keys, other = server([old]), server([old])
    (keys.folder / "both.pem").write_text((keys.folder / "ca.pem").read_text() + (other.folder / "ca.pem").read_text())
    hub = start_hub(keys.conf(ca=False, max_key_waits=4, key_wait_timeout="20s", jwks_cooldown="1m") + "\n"
                    + other_issuer(f"https://127.0.0.1:{other.port}/jwks") + f"\njwks_ca {keys.folder}/both.pem", keys=False)
    has_set(hub, 2)
    keys.slow = other.slow = True
    burst = [Client(address(hub)) for _ in range(8)]
    for i, c in enumerate(burst):
        forged = Key(f"u{i}").token(iss="https://other.example")
        c.ask("POST", PATH, [f"Authorization: Bearer {forged}", "Content-Type: application/x-www-form-urlencoded"], b"topic=t")
    wait_for(lambda: len(select.select([c.socket for c in burst], [], [], 0)[0]) == 6 and other.asked == 2, "the burst")
    assert "bound=max_key_waits" in hub.log()
    keys.keys = [old, new]
    honest = Client(address(hub))
    honest.ask("POST", PATH, [f"Authorization: Bearer {new.token()}", "Content-Type: application/x-www-form-urlencoded"], b"topic=t")
    wait_for(lambda: keys.asked == 2, "its set to be asked for")
    keys.delay.set()
    assert honest.reply().status == 200
    other.delay.set()
    assert sorted(c.reply().status for c in burst) == [401] * 2 + [503] * 6


def test_what_is_secret_of_a_url_is_not_logged(start_hub, server):
    key = Key("k")
    keys = server([key])
    url = f"https://someone:hunter2@127.0.0.1:{keys.port}/jwks?token=hunter3#hunter4"
    hub = start_hub(f"issuer {ISSUER} {{ publisher {{ jwks_uri {url} }} }}\njwks_ca {keys.folder}/ca.pem\njwks_refresh 1s", keys=False)
    has_set(hub)
    keys.keys = 500
    wait_for(lambda: "event=key_set_failed" in hub.log(), "a failed attempt")
    assert f'url="https://127.0.0.1:{keys.port}/jwks"' in hub.log()
    assert "hunter" not in hub.log() and "someone" not in hub.log()


@pytest.mark.parametrize("odd", ["fifo", "device", "folder"])
def test_what_is_no_file_is_not_waited_for(start_hub, tmp_path, odd):
    key, path, secret = Key("k"), tmp_path / "keys.json", tmp_path / "secret"
    path.write_text(json.dumps({"keys": [key.jwk]}))
    secret.write_text("0123456789abcdef0123456789abcdef")
    hub = start_hub(f"issuer {ISSUER} {{ publisher {{ jwks_uri file://{path} }} }}\njwks_refresh 1s\npublisher_jwt file:{secret}", keys=False)
    for place in (path, secret):
        place.unlink()
        {"fifo": os.mkfifo, "device": lambda p: os.symlink("/dev/zero", p), "folder": os.mkdir}[odd](place)
    wait_for(lambda: re.search("event=key_set_failed .*it is no regular file", hub.log()), "the attempt in vain")
    hub.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: re.search("event=reload_failed .*it is no regular file", hub.log()), "the refusal")
    assert status(hub, key.token()) == 200
    began = time.monotonic()
    hub.stop()
    assert time.monotonic() - began < 5


def test_reloads_beside_fetches_of_a_set_lose_no_change(start_hub, tmp_path):
    """What one thread reads at SIGHUP, another may be reading because of a token: the later reading counts, and caches hear of it."""
    sets, path = [[Key(f"{kid}{i}") for i in range(20)] for kid in "ab"], tmp_path / "keys.json"

    def write(keys):
        (tmp_path / "new").write_text(json.dumps({"keys": [k.jwk for k in keys]}))
        (tmp_path / "new").rename(path)

    write(sets[0])
    hub = start_hub(f"issuer {ISSUER} {{ publisher {{ jwks_uri file://{path} }} }}\njwks_cooldown 100ms\n"
                    "key_wait_timeout 100ms", keys=False)
    stop = threading.Event()

    def ask():
        unknown = Key("unknown").token()
        while not stop.is_set():
            status(hub, unknown)

    askers = [threading.Thread(target=ask) for _ in range(2)]
    for a in askers:
        a.start()
    try:
        for turn in range(40):
            write(sets[turn % 2])
            hub.server.process.send_signal(signal.SIGHUP)
            wait_for(lambda: hub.log().count("event=reloaded") > turn, "the new configuration")
    finally:
        stop.set()
        for a in askers:
            a.join()
    assert status(hub, sets[1][3].token()) == 200
    assert not_now_or(401, hub, sets[0][3].token())


def test_no_token_is_for_a_hub_that_does_not_know_its_name(start_hub, tmp_path):
    key, path = Key("k"), tmp_path / "keys.json"
    path.write_text(json.dumps({"keys": [key.jwk]}))
    hub = start_hub(f"issuer {ISSUER} {{ publisher {{ jwks_uri file://{path} }} }}\njwks_cooldown 100ms", keys=False)
    for host in ("", "Host: a b\r\n", "Host: \r\n"):
        client = Client(address(hub))
        client.send(f"POST {PATH} HTTP/1.0\r\n{host}Authorization: Bearer {key.token(aud='')}\r\nContent-Length: 7\r\n"
                    "Content-Type: application/x-www-form-urlencoded\r\n\r\ntopic=t".encode())
        assert client.reply().status in ([401] if host == "" else [400, 401]), host
    assert "reason=aud" in hub.log()


def test_64_sets_are_fetched_at_a_time_and_the_rest_after_them(start_hub, server):
    keys, most = server([Key("k")]), 64
    keys.slow = True
    issuers = (f"issuer https://{i}.example {{\n publisher {{\n jwks_uri https://127.0.0.1:{keys.port}/{i}\n }}\n}}" for i in range(most + 6))
    hub = start_hub("\n".join(issuers) + f"\njwks_ca {keys.folder}/ca.pem", keys=False)
    # A busy machine may meet the time-out of a fetch, whose place another takes: what counts is how many there are at once.
    seen = []
    wait_for(lambda: seen.append(fetches(hub.server)) or seen.count(most) >= 20, "as many as there may be")
    assert max(seen) == most
    keys.delay.set()
    wait_for(lambda: len(set(re.findall("event=key_set url=(\\S+)", hub.log()))) == most + 6, "all of them")
