"""Tokens of both dialects through real fronts, over both wires, wherever a token may be; and a front that loses them."""
import json
import socket
import ssl
import subprocess
import threading
from pathlib import Path
from urllib.parse import urlencode

import pytest

from conftest import (APACHE, APACHE_MODULES, FRONTS, PATH, Client, Hub, Stream, apache_conf, certificate, free_port, front_apache, front_ready, publish,
                      snippet, start_apache, token, wait_for)
from test_access import ISSUERS, METADATA, access_token

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
    front_ready(server, ("127.0.0.1", port))
    yield ("127.0.0.1", port)
    server.stop()


def post(address, headers, query=""):
    client = Client(address)
    reply = client.request("POST", PATH + query, [FORM, *headers], urlencode({"topic": "t", "data": "x"}).encode())
    client.close()
    return reply


def test_a_query_without_a_type_is_refused_unless_the_front_gives_it_one(behind, request):
    client = Client(behind)
    client.ask("QUERY", PATH, [], b"match=t")
    # Caddy's FastCGI says application/x-www-form-urlencoded of a body of which its client says nothing.
    assert client.head()[0] == (200 if request.node.callspec.params["behind"] == "caddy-fastcgi" else 400)
    client.close()


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
    assert Client(behind).get(f"{PATH}?match=t", "Accept: application/json").status == 406
    document = Client(behind).get(METADATA)
    assert document.status == 200 and json.loads(document.body)["resource"] == f"http://hub.example{PATH}"


def test_heads_and_events_larger_than_what_a_front_has_for_them_pass(behind):
    large = token(["*"], ["*"], padding="x" * 4000)
    form = {"topic": "t", "data": "x" * (1 << 20), "id": "i" * 1024}
    assert publish(behind, large, **form).status == 200
    stream = Stream(behind, "topic=t", f"Authorization: Bearer {large}", f"Last-Event-ID: {form['id']}")
    assert stream.headers["last-event-id"] == form["id"]
    assert publish(behind, large, topic="t", data=form["data"]).status == 200
    assert stream.datas(1) == [form["data"]]
    stream.close()


@pytest.mark.parametrize("size", [12, 40])
def test_a_body_that_is_too_large_is_refused_in_the_hubs_own_words(behind, tmp_path, size, request):
    """Most fronts send all of it before they look at the answer. (nginx has a bound of its own in the project's file.)"""
    if request.node.callspec.params["behind"].startswith("nginx"):
        return
    (tmp_path / "body").write_bytes(b"topic=t&data=" + b"x" * (size << 20))
    said = subprocess.run(["curl", "-s", "-w", " %{http_code}", "-H", "Expect:", "-H", f"Authorization: Bearer {token(['*'])}", "--data-binary", f"@{tmp_path}/body",
                           f"http://127.0.0.1:{behind[1]}{PATH}"], capture_output=True, text=True).stdout
    assert "max_request_body_size" in said and said.endswith(" 413"), said


def test_a_front_that_loses_the_token_is_told_the_line_to_add(start_hub, tmp_path, monkeypatch):
    hub = start_hub()
    folder = tmp_path / "front"
    folder.mkdir()
    folder.chmod(0o755)
    read = Path.read_text
    monkeypatch.setattr(Path, "read_text", lambda self, *a, **k: read(self, *a, **k).replace("CGIPassAuth On", ""))
    server, port = start_apache(folder, hub, "fastcgi-unix")
    monkeypatch.undo()
    front_ready(server, ("127.0.0.1", port))
    assert post(("127.0.0.1", port), [f"Authorization: Bearer {token(['*'])}"]).status == 401
    assert "CGIPassAuth On" in wait_for(lambda: [x for x in hub.log().split("\n") if "event=authorization_missing" in x], "the hint")[0]
    server.stop()


@pytest.mark.parametrize("wire", ["http", "fastcgi"])
@pytest.mark.parametrize("front", ["caddy", "apache", "nginx", "haproxy"])
def test_behind_tls_the_audience_is_https(start_hub, tmp_path, front, wire):
    """On FastCGI the front's own parameters tell; on HTTP what `forwarded` names, or public_urls."""
    tls = certificate(tmp_path)
    if wire == "http":
        hubs = [start_hub(ISSUERS + extra) for extra in ("public_urls https://hub.example", "forwarded x-forwarded")]
    else:
        hubs = [start_hub(ISSUERS)]
    for n, hub in enumerate(hubs):
        folder = tmp_path / f"front{n}"
        folder.mkdir()
        folder.chmod(0o755)
        begin, _ = FRONTS[f"{front}-{wire}"]
        server, port = begin(folder, hub, f"{wire}-unix", tls=tls)
        context = ssl.create_default_context(cafile=tls[0])

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


class Listener:
    """In place of a hub, or of another application: answers 400 and keeps each head that came."""

    def __init__(self, family, address):
        self.socket, self.heads = socket.socket(family), []
        self.socket.bind(address)
        self.socket.listen(50)
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        while True:
            try:
                peer = self.socket.accept()[0]
            except OSError:
                return
            with peer:
                head = b""
                while b"\r\n\r\n" not in head and (part := peer.recv(65536)):
                    head += part
                self.heads.append(head.decode("latin-1"))
                peer.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")


@pytest.mark.parametrize("name", [name for name in FRONTS if name.endswith("-http")])
def test_path_and_query_reach_the_hub_byte_for_byte(tmp_path, name):
    tmp_path.chmod(0o755)

    class Place:
        socket = tmp_path / "hub.sock"

    listener = Listener(socket.AF_UNIX, str(Place.socket))
    Place.socket.chmod(0o666)
    begin, file = FRONTS[name]
    server, port = begin(tmp_path, Place, file)
    try:
        front_ready(server, ("127.0.0.1", port))
        for target in (f"{PATH}/subscriptions/https%3A%2F%2Fexample.com%2F%7Bid%7D%3Fa%3db/x?y=%2f", f"{PATH}?topic=a%2Fb%7e&topic=%C3%A9+%20&match=/:id(%5Cd)"):
            Client(("127.0.0.1", port)).get(target)
            assert listener.heads[-1].startswith(f"GET {target} HTTP/1.1\r\n"), listener.heads[-1]
            assert "\r\nhost: hub.example\r\n" in listener.heads[-1].lower()
    finally:
        listener.socket.close()
        server.stop()


@pytest.mark.parametrize("name", APACHE_MODULES)
def test_apache_leaves_the_host_of_other_applications_alone(start_hub, tmp_path, name):
    application, port = free_port(), free_port()
    listener = Listener(socket.AF_INET, ("127.0.0.1", application))
    included = snippet(tmp_path, f"apache/{name}.conf", start_hub())
    included.write_text(included.read_text() + f"\nProxyPass /application http://127.0.0.1:{application}/\n")
    modules = [*APACHE_MODULES[name], *(n for n in ("proxy", "proxy_http") if n not in APACHE_MODULES[name])]
    server = front_apache(tmp_path, apache_conf(tmp_path, port, included, modules))
    try:
        front_ready(server, ("127.0.0.1", port))
        Client(("127.0.0.1", port)).get("/application")
        assert f"\r\nHost: 127.0.0.1:{application}\r\n" in listener.heads[-1]
    finally:
        listener.socket.close()
        server.stop()


def configtest(folder, name, modules):
    """What Apache says of the project's file when it has these modules."""
    class Place:
        socket = folder / "hub.sock"

    included = snippet(folder, f"apache/{name}.conf", Place)
    done = subprocess.run([*APACHE, "-t", "-f", apache_conf(folder, free_port(), included, modules)], capture_output=True, text=True)
    return done.returncode, done.stderr


@pytest.mark.parametrize("name", APACHE_MODULES)
def test_apaches_configtest_names_a_module_that_is_missing(tmp_path, name):
    modules = APACHE_MODULES[name]
    assert configtest(tmp_path, name, modules)[0] == 0
    for missing in modules:
        if missing == "proxy":
            continue  # without it there is no proxy_http or proxy_fcgi either
        status, said = configtest(tmp_path, name, [module for module in modules if module != missing])
        assert status != 0 and f"alipes: this needs a2enmod {missing}\n" in said, said
