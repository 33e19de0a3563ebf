"""JWK sets from a real HTTPS server with an authority of its own: there, away, slow, broken, rotated."""
import base64
import http.server
import json
import re
import ssl
import subprocess
import threading
import time

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from conftest import PATH, Client, Stream, publish, wait_for

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
        claims = {"iss": ISSUER, "aud": f"http://hub.example{PATH}", "exp": time.time() + 600, "authorization_details": details, **claims}
        return jwt.encode(claims, self.private, algorithm=self.algorithm, headers={"typ": "at+jwt", "kid": self.kid})


class KeyServer:
    """What it answers may change at any time: a list of keys, or bytes, or a status, or a redirection."""

    def __init__(self, folder, keys):
        self.keys, self.asked, self.delay, self.port = keys, 0, threading.Event(), None
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
                owner.asked += 1
                if owner.slow:
                    owner.delay.wait(20)
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

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", self.port or 0), Handler)
        self.port = self.server.server_port
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
    statuses, waited = [], []
    for c in clients:
        statuses.append(c.reply().status)
        waited.append(time.monotonic() - began)
    assert sorted(statuses) == [401] * 3 + [503] * 7, "nothing is known against those that may not wait"
    assert 0.9 < max(waited) < 4
    assert "bound=max_key_waits" in hub.log()
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


@pytest.mark.parametrize("broken", [404, 500, b"no json", b'{"keys": []}', b'{"keys": "x"}', b"x" * 300000, "http://127.0.0.1:1/", "file:///etc/passwd"],
                         ids=["404", "500", "no-json", "no-keys", "no-list", "large", "to-http", "to-file"])
def test_a_set_stays_in_force_while_its_server_is_broken(start_hub, server, broken):
    key = Key("k")
    keys = server([key])
    hub = start_hub(keys.conf(), keys=False)
    has_set(hub)
    keys.keys = broken
    assert status(hub, Key("other").token()) == 401, "brings a fetch about"
    wait_for(lambda: "event=key_set_failed" in hub.log(), "the failed attempt")
    assert status(hub, key.token()) == 200
    assert "root:" not in hub.log()


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
    assert status(hub, two.token()) == 401
    path.write_text(json.dumps({"keys": [one.jwk, two.jwk]}))
    time.sleep(0.1)  # jwks_cooldown
    assert status(hub, two.token()) == 200
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
