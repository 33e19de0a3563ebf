"""Tokens of both dialects through real fronts, over both wires, wherever a token may be; and a front that loses them."""
import json
import socket
import ssl
import subprocess
from pathlib import Path
from urllib.parse import urlencode

import pytest

from conftest import FRONTS, PATH, Client, Hub, Stream, start_apache, start_caddy, token, wait_for
from test_access import ISSUERS, METADATA, access_token
from test_dialects import Query

FORM = "Content-Type: application/x-www-form-urlencoded"
OWN = "Origin: http://hub.example"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory):
    hub = Hub(tmp_path_factory.mktemp("mixed"), ISSUERS + "debug")
    yield hub
    hub.stop()


@pytest.fixture(scope="module", params=FRONTS)
def behind(request, mixed, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    folder.chmod(0o755)
    begin, name = FRONTS[request.param]
    server, port = begin(folder, mixed, name)
    ready(server, port)
    yield ("127.0.0.1", port)
    server.stop()


def ready(server, port):
    def answers():
        assert server.process.poll() is None, server.log()
        try:
            return Client(("127.0.0.1", port)).get(PATH).status == 400
        except OSError:
            return False

    wait_for(answers, "the front")


def post(address, headers, query=""):
    client = Client(address)
    reply = client.request("POST", PATH + query, [FORM, *headers], urlencode({"topic": "t", "data": "x"}).encode())
    client.close()
    return reply


def test_query_passes_with_its_body(behind):
    form = urlencode({"topic": "https://in-body", "data": "x"}).encode()

    def heard():
        stream = Query(behind, "?match=x", b"match=https%3A%2F%2Fin-body", FORM)
        assert stream.status == 200
        assert Client(behind).request("POST", PATH, [FORM, f"Authorization: Bearer {token(['*'])}"], form).status == 200
        try:
            return stream.datas(1)
        except ConnectionError:
            return None  # Caddy 2.6 closes when the answer begins before it has seen the body's end: ask again
        finally:
            stream.close()

    assert wait_for(heard, "a stream that lasts") == ["x"]
    assert Client(behind).request("QUERY", PATH, ["Content-Type: application/json"], b"{}").status == 415


def test_a_token_counts_wherever_it_may_be(behind):
    old, new = token(["t"], ["t"]), access_token(["t"], ["t"])
    old_cookie, new_cookie = f"Cookie: mercureAuthorization={old}", f"Cookie: a=b; __Secure-mercure_access_token={new}"
    for auth in (old, new):
        assert post(behind, [f"Authorization: Bearer {auth}"]).status == 200
        assert post(behind, [f"Authorization: bearer {auth}"]).status == 200
    for cookie in (old_cookie, new_cookie):
        assert post(behind, [cookie, OWN]).status == 200
        assert post(behind, [cookie, "Referer: http://hub.example/x"]).status == 200
    assert post(behind, [old_cookie, "Origin: http://evil.example"]).status == 401
    assert post(behind, [new_cookie, "Origin: http://evil.example"]).status == 400
    assert post(behind, [], f"?authorization={old}").status == 200
    assert post(behind, [], f"?authorization={new}").status == 401
    for query, headers in (("topic=t", [f"Authorization: Bearer {old}"]), ("match=t", [f"Authorization: Bearer {new}"]),
                           ("topic=t", [old_cookie]), ("match=t", [new_cookie]), (f"topic=t&authorization={old}", [])):
        stream = Stream(behind, query, *headers)
        assert stream.status == 200, query
        stream.close()
    for query, headers in (("topic=t", ["Authorization: Bearer x"]), ("match=t", ["Cookie: __Secure-mercure_access_token=x"]),
                           ("topic=t&authorization=x", [])):
        assert Client(behind).get(f"{PATH}?{query}", *headers).status == 401


def test_refusals_and_metadata_pass(behind):
    reply = post(behind, [])
    assert reply.status == 401
    assert reply.headers["www-authenticate"] == f'Bearer resource_metadata="http://hub.example{METADATA}"'
    assert post(behind, [f"Authorization: Bearer {access_token(['else'])}"]).status == 403
    document = Client(behind).get(METADATA)
    assert document.status == 200 and json.loads(document.body)["resource"] == f"http://hub.example{PATH}"


def test_a_front_that_loses_the_token_is_told_the_line_to_add(start_hub, tmp_path, monkeypatch):
    hub = start_hub()
    folder = tmp_path / "front"
    folder.mkdir()
    folder.chmod(0o755)
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda self, *a, **k: read(self, *a, **k).replace("CGIPassAuth On", ""))
    server, port = start_apache(folder, hub, "fastcgi-unix")
    monkeypatch.undo()
    ready(server, port)
    assert post(("127.0.0.1", port), [f"Authorization: Bearer {token(['*'])}"]).status == 401
    assert "CGIPassAuth On" in wait_for(lambda: [x for x in hub.log().split("\n") if "event=authorization_missing" in x], "the hint")[0]
    server.stop()


def test_caddy_tells_at_once_that_a_client_has_left(start_hub, tmp_path):
    hub = start_hub("heartbeat 60s")  # later than anybody waits here
    server, port = start_caddy(tmp_path, hub, "http-unix")
    try:
        ready(server, port)
        stream = Stream(("127.0.0.1", port), "topic=a")
        assert stream.status == 200
        stream.close()
        wait_for(lambda: "event=stream_end" in hub.log(), "the hub to notice")
    finally:
        server.stop()


@pytest.mark.parametrize("wire", ["http", "fastcgi"])
@pytest.mark.parametrize("front", ["caddy", "apache", "nginx", "haproxy"])
def test_behind_tls_the_audience_is_https(start_hub, tmp_path, front, wire):
    """On FastCGI the front's own parameters tell; on HTTP what `forwarded` names, or public_urls."""
    run = lambda *a: subprocess.run(["openssl", *a], check=True, capture_output=True, cwd=tmp_path)  # noqa: E731
    run("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "key.pem", "-out", "cert.pem",
        "-subj", "/CN=hub.example", "-addext", "subjectAltName=DNS:hub.example", "-days", "2")
    for name in ("key.pem", "cert.pem"):
        (tmp_path / name).chmod(0o644)
    if wire == "http":
        hubs = [start_hub(ISSUERS + extra) for extra in ("public_urls https://hub.example", "forwarded x-forwarded")]
    else:
        hubs = [start_hub(ISSUERS)]
    for n, hub in enumerate(hubs):
        folder = tmp_path / f"front{n}"
        folder.mkdir()
        folder.chmod(0o755)
        begin, _ = FRONTS[f"{front}-{wire}"]
        server, port = begin(folder, hub, f"{wire}-unix", tls=(tmp_path / "cert.pem", tmp_path / "key.pem"))
        context = ssl.create_default_context(cafile=tmp_path / "cert.pem")

        def connect():
            assert server.process.poll() is None, server.log()
            try:
                return context.wrap_socket(socket.create_connection(("127.0.0.1", port)), server_hostname="hub.example")
            except OSError:
                return None

        def ask(method, path, *headers, body=b""):
            s = wait_for(connect, "the front")
            s.sendall("\r\n".join([f"{method} {path} HTTP/1.1", "Host: hub.example", "Connection: close", "X-Forwarded-Proto: http",
                                   f"Content-Length: {len(body)}", *headers]).encode() + b"\r\n\r\n" + body)
            text = b""
            while part := s.recv(65536):
                text += part
            return int(text.split()[1]), text

        def status(aud):
            return ask("POST", PATH, FORM, f"Authorization: Bearer {access_token(['t'], aud=aud)}", body=b"topic=t&data=x")[0]

        try:  # what a client says of itself (X-Forwarded-Proto) does not count
            assert status(f"https://hub.example{PATH}") == 200, hub.log()
            assert status(f"http://hub.example{PATH}") == 401
            assert f'"https://hub.example{PATH}"'.encode() in ask("GET", METADATA)[1]
        finally:
            server.stop()
