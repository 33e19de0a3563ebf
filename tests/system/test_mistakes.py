"""Every mistake of tests/data/mistakes/table.tsv is made, with real fronts where it is about them, and what the table says names it."""
import base64
import http.server
import os
import re
import resource
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from urllib.parse import quote

import jwt
import pytest

from conftest import (BIN, FRONTS, KEY, PATH, ROOT, Client, Hub, Server, Stream, apache_conf, certificate, free_port, front_ready, publish, snippet,
                      start_apache, token, wait_for)
from doctor import doctor, place

sys.path.insert(0, str(ROOT / "tests/tools"))
import mistakes  # noqa: E402

OTHER = "fedcba9876543210fedcba9876543210"
MADE = {}


def makes(made):
    MADE[made.__name__] = made
    return made


@pytest.mark.parametrize("row", mistakes.rows(), ids=lambda row: row.key)
def test_a_usual_mistake_is_named(row, request):
    said = MADE[row.key](Scene(request))
    assert row.words in said, said[-4000:]


def test_each_mistake_stands_once_in_the_table_and_at_least_forty_do():
    keys = [row.key for row in mistakes.rows()]
    assert sorted(keys) == sorted(MADE) and len(set(keys)) == len(keys) >= 40
    assert {row.who for row in mistakes.rows()} == set(mistakes.COMMANDS)


def test_the_document_has_the_table_as_it_is():
    assert mistakes.section(mistakes.DOCUMENT.read_text())[1] == mistakes.table(), "tests/tools/mistakes.py --write"


def test_a_front_that_loses_the_token_is_told_in_1_0_too(request):
    scene = Scene(request)
    hub = scene.hub(f"issuer https://issuer.example {{ publisher {{ jwt {KEY} }}\nsubscriber {{ jwt {KEY} }} }}", keys=False)
    port = scene.front(hub, "apache-fastcgi", ("CGIPassAuth On", ""))
    found = doctor(hub.conf, scene.root, f"http://127.0.0.1:{port}")
    assert found.bad() == ["publish"] and "CGIPassAuth On" in found.of("publish")[0]["add"]
    assert "lost on its way" in found.of("subscription", "skipped")[0]["said"]


class Scene:
    """What a mistake is made with. Each method returns what was said."""

    def __init__(self, request):
        self.request, self.folder = request, request.getfixturevalue("tmp_path")
        self.folder.chmod(0o755)
        self.patch = request.getfixturevalue("monkeypatch")
        self.root = self.folder / "root"
        self.root.mkdir()

    def hub(self, extra="", **options):
        return self.request.getfixturevalue("start_hub")(extra, **options)

    def run(self, *arguments, text="", env=()):
        clean = {k: v for k, v in os.environ.items() if not k.startswith(("MERCURE", "ALIPES_CONFIG", "ALIPES_DEFAULTS"))}
        done = subprocess.run([BIN, *map(str, arguments)], env={**clean, **dict(env)}, input=text, capture_output=True, text=True)
        return done.stdout + done.stderr

    def check(self, lines, head=f"publisher_jwt {KEY}\nsubscriber_jwt {KEY}\ntransport memory\n"):
        conf = self.folder / "alipes.conf"
        conf.write_text(head + lines + "\n")
        return self.run("config", "check", conf)

    def inspect(self, made, extra="", publisher=KEY, subscriber=KEY):
        conf = self.folder / "alipes.conf"
        conf.write_text(f"publisher_jwt {publisher}\nsubscriber_jwt {subscriber}\ntransport memory\n{extra}\n")
        return self.run("token", "inspect", "-c", conf, text=made)

    def logged(self, hub, mark):
        return wait_for(lambda: "\n".join(line for line in hub.log().splitlines() if mark in line), mark)

    def front(self, hub, name, *changes, kind=None, **options):
        """One of the project's files with some of its text changed; ("127.0.0.1", port)."""
        read, folder = Path.read_text, self.folder / f"front-{len(list(self.folder.iterdir()))}"
        folder.mkdir()
        folder.chmod(0o755)

        def changed(path, *a, **k):
            text = read(path, *a, **k)
            for old, new in changes if "proxy-config" in str(path) else ():
                assert old in text, (path, old)
                text = text.replace(old, new)
            return text

        begin, file = FRONTS[name]
        self.patch.setattr(Path, "read_text", changed)
        server, port = begin(folder, hub, file, **options)
        self.patch.undo()
        self.request.addfinalizer(lambda: Server.stop(server))
        wait_for(lambda: listens(port) or server.process.poll() is not None, name)
        assert server.process.poll() is None, server.log()
        self.conf = next(p for p in (folder / n for n in ("apache.conf", "nginx.conf", "Caddyfile", "haproxy.cfg", "lighttpd.conf")) if p.exists())
        return port

    def through(self, name, *changes, extra="", ca=None, url=None, **options):
        """What the doctor says of a hub behind that front."""
        hub = self.hub(extra)
        port = self.front(hub, name, *changes, **options)
        return doctor(hub.conf, self.root, url or f"http://127.0.0.1:{port}", *(["--ca", ca] if ca else [])).complaints()


def listens(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


# --- config check ---------------------------------------------------------------------------------


@makes
def port_alone(scene):
    return scene.check("listen 8080")


@makes
def no_such_group(scene):
    return scene.check(f"listen unix/{scene.folder}/a.sock|0660|no-such-group")


@makes
def origin_with_slash(scene):
    return scene.check("cors_origins https://app.example.com/")


@makes
def origin_without_scheme(scene):
    return scene.check("cors_origins app.example.com")


@makes
def all_origins_and_cookies(scene):
    return scene.check("cors_origins *")


@makes
def mistyped_directive(scene):
    return scene.check("cors_origin https://app.example.com")


@makes
def switched_on_with_a_word(scene):
    return scene.check("anonymous on")


@makes
def key_given_twice(scene):
    return scene.check(f"publisher_jwt {OTHER}")


@makes
def key_is_a_path(scene):
    return scene.check("subscriber_jwt /etc/alipes/subscriber.key")


@makes
def key_in_quotes(scene):
    return scene.run("config", "check", env={"MERCURE_PUBLISHER_JWT_KEY": f"'{KEY}'", "MERCURE_SUBSCRIBER_JWT_KEY": KEY,
                                             "MERCURE_EXTRA_DIRECTIVES": "transport memory"})


@makes
def key_open_to_all(scene):
    return scene.check("anonymous")


@makes
def nobody_may_subscribe(scene):
    return scene.check("max_streams 0")


@makes
def authorities_missing(scene):
    return scene.check(f"jwks_ca {scene.folder}/none.pem")


# --- token inspect --------------------------------------------------------------------------------


@makes
def other_key(scene):
    return scene.inspect(token(["*"], key="00112233445566778899aabbccddeeff"))


@makes
def keys_swapped(scene):
    return scene.inspect(token(subscribe=["*"], key=OTHER), publisher=OTHER)


@makes
def key_with_line_end(scene):
    return scene.inspect(token(["*"], key=KEY + "\n"))


@makes
def key_empty(scene):
    return scene.inspect(token(["*"], key=""))


@makes
def key_decoded(scene):
    return scene.inspect(token(["*"], key=base64.b64decode(KEY)))


@makes
def token_expired(scene):
    return scene.inspect(token(["*"], exp=1))


@makes
def exp_in_milliseconds(scene):
    return scene.inspect(token(["*"], exp=int(time.time() * 1000)))


@makes
def rights_at_the_top(scene):
    return scene.inspect(jwt.encode({"publish": ["*"]}, KEY, algorithm="HS256"))


@makes
def audience_of_another(scene):
    issuer = f"issuer https://issuer.example {{ publisher {{ jwt {KEY} }} }}\nresource_identifier https://hub.example{PATH}"
    details = [{"type": "https://mercure.rocks/authorization-detail", "actions": ["publish"], "topics": [{"match": "a"}]}]
    claims = {"iss": "https://issuer.example", "aud": f"https://other.example{PATH}", "exp": int(time.time()) + 60, "sub": "a", "client_id": "a",
              "jti": "1", "iat": int(time.time()), "authorization_details": details}
    return scene.inspect(jwt.encode(claims, KEY, algorithm="HS256", headers={"typ": "at+jwt"}), issuer)


@makes
def cookie_too_large(scene):
    return scene.inspect(token(subscribe=[f"https://example.com/channels/{n}/private" for n in range(80)]))


# --- the log --------------------------------------------------------------------------------------


@makes
def no_token(scene):
    hub = scene.hub()
    hub.conf.write_text(hub.conf.read_text().replace("anonymous\n", ""))
    hub.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: Client(("127.0.0.1", hub.port)).get(f"{PATH}?topic=a").status == 401, "the reload")
    return scene.logged(hub, "reason=no_token")


@makes
def port_taken(scene):
    hub = scene.hub()
    (scene.folder / "second.conf").write_text(hub.conf.read_text().replace(str(hub.socket), f"{hub.socket}2"))
    return scene.run("-c", scene.folder / "second.conf")


@makes
def folder_in_use(scene):
    hub = scene.hub(f"transport log {{ path {scene.folder}/history }}")
    lines = hub.conf.read_text().replace(str(hub.socket), f"{hub.socket}2").replace(f"127.0.0.1:{hub.port}", "")
    (scene.folder / "second.conf").write_text(lines)
    return scene.run("-c", scene.folder / "second.conf")


@makes
def topic_not_granted(scene):
    hub = scene.hub()
    assert publish(("127.0.0.1", hub.port), token(["b"]), topic="a", data="x").status in (401, 403)
    return scene.logged(hub, "reason=topic_not_granted")


def heard(scene, query="topic=a", headers=(), **form):
    """What the log says of an update beside one stream."""
    hub = scene.hub()
    stream = Stream(("127.0.0.1", hub.port), query, *headers)
    assert publish(("127.0.0.1", hub.port), **form).status == 200
    said = scene.logged(hub, "event=published")
    stream.close()
    return said


@makes
def private_is_false(scene):
    return heard(scene, topic="a", data="x", private="false")


@makes
def other_topic(scene):
    return heard(scene, "topic=https%3A%2F%2Fexample.com%2Fbook", topic="https://example.com/books", data="x")


@makes
def private_without_grant(scene):
    return heard(scene, topic="a", data="x", private="on")


@makes
def type_unheard(scene):
    return heard(scene, topic="a", data="x", type="chat")


def refused(scene, body, kind="application/x-www-form-urlencoded"):
    """What the log says of a publish that is no good form."""
    hub = scene.hub()
    reply = Client(("127.0.0.1", hub.port)).request("POST", PATH, [f"Content-Type: {kind}", f"Authorization: Bearer {token(['*'])}"], body)
    assert reply.status in (400, 415)
    return scene.logged(hub, "event=answered")


@makes
def topic_missing(scene):
    return refused(scene, b"data=x")


@makes
def body_is_json(scene):
    return refused(scene, b'{"topic":"a"}', "application/json")


@makes
def topic_in_brackets(scene):
    return refused(scene, b"topic%5B0%5D=a&data=x")


@makes
def field_mistyped(scene):
    return heard(scene, topic="a", dat="x")


@makes
def origin_not_named(scene):
    hub = scene.hub("cors_origins https://app.example")
    Stream(("127.0.0.1", hub.port), "topic=a", "Origin: https://other.example").close()
    return scene.logged(hub, "event=origin_not_allowed")


@makes
def header_not_allowed(scene):
    hub = scene.hub("cors_origins https://app.example")
    Client(("127.0.0.1", hub.port)).request("OPTIONS", PATH, ["Origin: https://app.example", "Access-Control-Request-Method: POST",
                                                              "Access-Control-Request-Headers: x-requested-with"])
    return scene.logged(hub, "event=header_not_allowed")


@makes
def subscriptions_off(scene):
    hub = scene.hub()
    assert Client(("127.0.0.1", hub.port)).get(f"{PATH}/subscriptions").status == 404
    return scene.logged(hub, "event=answered")


@makes
def too_many_streams(scene):
    hub = scene.hub("max_streams 1")
    first, second = (Stream(("127.0.0.1", hub.port), "topic=a") for _ in range(2))
    said = scene.logged(hub, "event=bound_met")
    first.close(), second.close()
    return said


# --- the doctor, about the hub and its machine ----------------------------------------------------


def inside(scene, lines="", hub=None, root=None):
    """What it says of the inside alone, of a configuration or of a hub's."""
    conf = scene.folder / "doctor.conf"
    if hub is None:
        conf.write_text(f"listen unix/{scene.folder}/none.sock\n{lines}\n" + ("" if "publisher_jwt" in lines else f"publisher_jwt {KEY}\n") + "anonymous\n")
        conf.chmod(0o600)
    return doctor(hub.conf if hub else conf, root or scene.root).complaints()


@makes
def hub_not_running(scene):
    return inside(scene, "transport memory")


@makes
def key_too_short(scene):
    return inside(scene, "transport memory\npublisher_jwt six-ty")


@makes
def one_key_for_both(scene):
    return inside(scene, f"transport memory\npublisher_jwt {KEY}\nsubscriber_jwt {KEY}")


@makes
def history_in_memory(scene):
    folder = Path("/dev/shm") / f"alipes-{os.getpid()}-{scene.folder.parent.name}"
    folder.mkdir()
    scene.request.addfinalizer(lambda: shutil.rmtree(folder))
    return inside(scene, f"transport log {{ path {folder} }}")


@makes
def history_of_root(scene):
    folder = scene.folder / "history"
    folder.mkdir()
    (folder / "prepared").touch()
    if os.geteuid() == 0:
        shutil.chown(folder, "www-data")
    return inside(scene, f"transport log {{ path {folder} }}")


@makes
def heartbeat_off(scene):
    hub = scene.hub("heartbeat 0s")
    return doctor(hub.conf, scene.root, f"http://127.0.0.1:{hub.port}").complaints()


@makes
def descriptors_few(scene):
    hub = scene.hub("max_streams 5000")
    resource.prlimit(hub.server.process.pid, resource.RLIMIT_NOFILE, (1024, 1024))
    return inside(scene, hub=hub)


def beside_nginx(scene, hub):
    """A root in which nginx is the hub's front."""
    included = snippet(scene.folder, "nginx/http-unix.conf", hub)
    return place(scene.root, "nginx", included)


@makes
def socket_of_another_group(scene):
    hub = scene.hub()
    os.chmod(hub.socket, 0o600)
    return inside(scene, hub=hub, root=beside_nginx(scene, hub))


@makes
def folder_closed(scene):
    hub = scene.hub()
    root = beside_nginx(scene, hub)
    hub.folder.chmod(0o700)
    return inside(scene, hub=hub, root=root)


@makes
def socket_under_tmp(scene):
    hub = scene.hub()
    if not str(hub.socket).startswith(("/tmp/", "/var/tmp/")):
        hub = Hub(Path(scene.folder.parent / "elsewhere"))
    unit = scene.root / "lib/systemd/system/nginx.service"
    unit.parent.mkdir(parents=True)
    unit.write_text("[Service]\nPrivateTmp=true\n")
    return inside(scene, hub=hub, root=beside_nginx(scene, hub))


# --- the doctor, about fronts ---------------------------------------------------------------------


@makes
def other_host(scene):
    return scene.through("caddy-http", extra="public_urls https://example.com")


@makes
def path_not_passed(scene):
    return scene.through("nginx-http", ("^~ /.well-known/mercure", "/elsewhere"))


@makes
def is_a_redirect(scene):
    return scene.through("nginx-http", ("proxy_http_version 1.1;", "return 301 https://hub.example$request_uri;"))


@makes
def certificate_unknown(scene):
    tls, hub = certificate(scene.folder, ("localhost",)), scene.hub()
    port = scene.front(hub, "nginx-http", tls=tls)
    return doctor(hub.conf, scene.root, f"https://localhost:{port}").complaints()


@makes
def apache_without_flushpackets(scene):
    return scene.through("apache-fastcgi", ("flushpackets=on", ""))


@makes
def apache_keeps_authorization(scene):
    return scene.through("apache-fastcgi", ("CGIPassAuth On", ""))


@makes
def apache_refuses_slashes(scene):
    return scene.through("apache-http", ("AllowEncodedSlashes NoDecode", ""))


def beside_apache(scene, name, modules, mpm="event"):
    """A root in which Apache, with these modules, is the hub's front; the hub is not asked."""
    hub = scene.hub()
    conf = apache_conf(scene.folder, free_port(), snippet(scene.folder, f"apache/{name}.conf", hub), modules, mpm=mpm)
    return inside(scene, hub=hub, root=place(scene.root, "apache", conf))


@makes
def apache_without_asis(scene):
    return beside_apache(scene, "http-unix", ["proxy", "proxy_http", "headers"])


@makes
def apache_prefork(scene):
    return beside_apache(scene, "module-unix", ["proxy", "alipes", "proxy_http", "asis", "headers"], mpm="prefork")


@makes
def apache_few_workers(scene):
    return beside_apache(scene, "http-unix", ["proxy", "proxy_http", "asis", "headers"])


@makes
def haproxy_keeps_authorization(scene):
    return scene.through("haproxy-fastcgi", ("pass-header Authorization", ""))


@makes
def haproxy_waits(scene):
    return scene.through("haproxy-http", ("option http-no-delay", ""))


@makes
def nginx_buffers(scene):
    return scene.through("nginx-http", ("proxy_buffering off;", "proxy_ignore_headers X-Accel-Buffering;"),
                         ("proxy_http_version 1.1;", ""))  # with it nginx sends what comes, whatever it is told of buffers


@makes
def nginx_compresses(scene):
    return scene.through("nginx-http", ("proxy_buffering off;", "proxy_buffering off; gzip on; gzip_types text/event-stream;"))


@makes
def nginx_keeps_the_cookie(scene):
    return scene.through("nginx-http", ("proxy_buffering off;", 'proxy_buffering off; proxy_set_header Cookie "";'))


@makes
def nginx_adds_an_origin(scene):
    return scene.through("nginx-http", ("proxy_buffering off;", "proxy_buffering off; add_header Access-Control-Allow-Origin * always;"),
                         extra="cors_origins https://app.example")


@makes
def nginx_times_out(scene):
    return scene.through("nginx-http", ("proxy_read_timeout 1d;", "proxy_read_timeout 2s;"), extra="heartbeat 60s")


@makes
def lighttpd_buffers(scene):
    return scene.through("lighttpd-fastcgi", ("server.stream-response-body = 2", ""))


@makes
def deaf_after_a_restart(scene):
    hub = scene.hub()
    port = scene.front(hub, "nginx-http", bare=True)
    hub.stop()
    return doctor(hub.conf, scene.root, f"http://127.0.0.1:{port}").complaints()


@makes
def seventh_tab(scene):
    tls = certificate(scene.folder, ("localhost",))
    hub = scene.hub()
    port = scene.front(hub, "apache-http", tls=tls, http2=False)
    return doctor(hub.conf, scene.root, f"https://localhost:{port}", "--ca", tls[0]).complaints()


@makes
def clocks_apart(scene):
    """A front's Date is its own machine's."""
    class Late(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            self.send_response_only(401)
            for name, value in (("Date", "Mon, 01 Jan 2024 00:00:00 GMT"), ("Content-Type", "application/problem+json"), ("Content-Length", "2")):
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Late)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    scene.request.addfinalizer(server.shutdown)
    return doctor(scene.hub().conf, scene.root, f"http://127.0.0.1:{server.server_port}").complaints()
