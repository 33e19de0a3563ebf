"""`alipes doctor`: all is well behind each of the project's files, whatever lacks in them is named, and no peer holds it up."""
import json
import os
import re
import socket
import subprocess
import threading

import jwt
import pytest

from conftest import BIN, FRONTS, KEY, PATH, ROOT, Server, free_port, front_ready, token
from doctor import doctor, place, run

TABLE = (ROOT / "backend/cli/doctor/remedy.def").read_text()
REMEDIES = [row for row in re.findall(r'^REMEDY\((\w+), (\w+), "(.*?)", "(.*?)", ".*"\)$', TABLE, re.M) if row[3]]
CAUSES = dict(re.findall(r'^SYMPTOM\((\w+), "(.*)"\)$', TABLE, re.M))
CONFS = {"apache": "apache.conf", "nginx": "nginx.conf", "caddy": "Caddyfile", "haproxy": "haproxy.cfg", "lighttpd": "lighttpd.conf"}


@pytest.mark.parametrize("name", FRONTS)
def test_behind_each_of_the_projects_files_nothing_is_bad(start_hub, tmp_path, name):
    hub = start_hub("cors_origins https://app.example https://*.wild.example\nsubscriptions")
    tmp_path.chmod(0o755)
    begin, file = FRONTS[name]
    kind = name.partition("-")[0]
    server, port = begin(tmp_path, hub, file)
    try:
        front_ready(server, ("127.0.0.1", port))
        beside = [tmp_path / f"{file}.{end}" for end in ("caddyfile",) if (tmp_path / f"{file}.{end}").exists()]
        root = place(tmp_path / "root", kind, tmp_path / CONFS[kind], beside)
        if kind == "haproxy":
            (root / "etc/default").mkdir()
            (root / "etc/default/haproxy").write_text(f'EXTRAOPTS="-f {tmp_path}/{file}.cfg"\n')
        found = doctor(hub.conf, root, f"http://127.0.0.1:{port}")
        assert found.status == 0 and not found.bad(), found.complaints()
        assert any("nothing is missing" in row["said"] for row in found.of("front", "ok")), found.rows
        for check in ("socket", "address", "publish", "subscription", "compression", "streaming", "heartbeat", "slashes", "cookie"):
            assert found.of(check, "ok"), (check, found.rows)
        assert len(found.of("cors", "ok")) == 2
        named = {"caddy": "Caddy", "apache": "Apache", "nginx": "nginx", "lighttpd": "lighttpd", "haproxy": "HAProxy"}[kind]
        assert found.of("address")[0]["said"].endswith(f"by {named}")
    finally:
        Server.stop(server)


@pytest.mark.parametrize("front, symptom, where, has", REMEDIES, ids=[f"{row[0]}-{row[1]}" for row in REMEDIES])
def test_a_line_that_a_front_lacks_is_named_from_its_file(start_hub, tmp_path, front, symptom, where, has):
    """The project's file, once as it is, once without each line that has one of the words."""
    kind = front.lower()
    ends = {"apache": "conf", "nginx": "conf", "caddy": "caddyfile", "haproxy": "cfg", "lighttpd": "conf"}
    wire = "fastcgi" if "fcgi" in where or kind == "lighttpd" else "http"
    whole = (ROOT / f"proxy-config/{kind}/{wire}-unix.{ends[kind]}").read_text()
    hub = start_hub()
    whole = whole.replace("/run/alipes/alipes.sock", str(hub.socket))
    if "ignore_headers" in where:
        whole = whole.replace("proxy_http_version", "proxy_ignore_headers X-Accel-Buffering;\nproxy_http_version")
    if kind == "apache":
        whole += "\n" + "\n".join(f"LoadModule {m}_module x" for m in ("proxy", "proxy_http", "proxy_fcgi", "asis", "headers"))
    bare = "\n".join(re.sub("|".join(map(re.escape, has.split("|"))), "", line, flags=re.I) for line in whole.split("\n"))
    assert bare != whole
    file = tmp_path / "file"
    for text, expected in ((whole, False), (bare, True)):
        file.write_text(text)
        root = place(tmp_path / f"root-{expected}", kind, file)
        found = doctor(hub.conf, root)
        said = [row["said"] for row in found.of("front", "bad")]
        assert any(CAUSES[symptom] in line for line in said) == expected, said


def test_the_manual_names_every_check_in_its_order():
    checks = re.findall(r'^    \{"(\w+)", \w+\},$', (ROOT / "backend/cli/doctor/doctor_cmd.c").read_text(), re.M)
    section = (ROOT / "backend/cli/alipes.8").read_text().split(".SH DIAGNOSIS")[1].split(".SH ")[0]
    assert re.findall(r"^\.TP\n\.B (\w+)$", section, re.M) == checks and len(checks) == 20


def test_lines_are_for_people_and_the_status_says_whether_anything_is_bad(start_hub, tmp_path):
    hub = start_hub()
    good = run("-c", hub.conf, "--root", tmp_path / "none")
    assert good.returncode == 0 and re.search(r"^ok   hub +it answers", good.stdout, re.M) and not good.stderr
    assert re.search(r"^-    address +no URL was given", good.stdout, re.M), good.stdout
    hub.stop()
    bad = run("-c", hub.conf, "--root", tmp_path / "none")
    assert bad.returncode == 1
    assert re.search(r"^BAD  hub +the hub does not answer.*\n +-> systemctl enable --now alipes.socket", bad.stdout, re.M), bad.stdout
    assert re.search(r"^1 bad, \d+ to note\.$", bad.stdout, re.M)
    assert run("--no-such").returncode == 2


def read_all(terminal):
    """Until nobody has its other side."""
    text = b""
    try:
        while part := os.read(terminal, 1 << 16):
            text += part
    except OSError:
        pass
    return text.decode()


def test_on_a_terminal_it_says_what_it_waits_for_and_takes_it_away_again(start_hub, tmp_path):
    hub, (ours, theirs) = start_hub(), os.openpty()
    done = subprocess.run([BIN, "doctor", "-c", hub.conf, "--root", tmp_path / "none", f"http://127.0.0.1:{hub.port}"], stdout=subprocess.PIPE,
                          stderr=theirs, text=True)
    os.close(theirs)
    shown = read_all(ours)
    os.close(ours)
    assert done.returncode == 0 and "waiting" not in done.stdout and "\x1b" not in done.stdout
    assert "heartbeat      waiting for two heartbeats, 1 s each ..." in shown and shown.endswith("\r\x1b[K"), shown


def test_a_configuration_that_cannot_be_used_leaves_the_rest_to_be_looked_at(start_hub, tmp_path):
    hub, conf, key = start_hub(), tmp_path / "wrong.conf", tmp_path / "token"
    conf.write_text("listen 8080\nlisen :80\n")
    key.write_text(token(["*"], ["*"]) + "\n")
    found = doctor(conf, tmp_path / "none", f"http://127.0.0.1:{hub.port}", "--token", key)
    assert len(found.of("configuration", "bad")) >= 2 and found.status == 1
    for check in ("address", "publish", "subscription", "streaming", "heartbeat"):
        assert found.of(check, "ok"), found.rows
    assert found.of("keys", "skipped") and found.of("cors", "skipped")


def test_the_url_is_the_configurations_unless_one_is_given(start_hub, tmp_path):
    hub = start_hub()
    hub.conf.write_text(hub.conf.read_text() + f"public_urls http://127.0.0.1:{hub.port}\n")
    assert doctor(hub.conf, tmp_path / "none").of("address", "ok")
    assert not doctor(hub.conf, tmp_path / "none", f"http://127.0.0.1:{free_port()}").of("address", "ok")


@pytest.mark.parametrize("anonymous", [True, False])
def test_a_hub_of_1_0_alone_is_asked_in_its_own_dialect(start_hub, tmp_path, anonymous):
    extra = f"issuer https://issuer.example {{ publisher {{ jwt {KEY} }}\nsubscriber {{ jwt {KEY} }} }}\n"
    hub = start_hub(extra, keys=False)
    if not anonymous:
        hub.stop()
        hub.conf.write_text(hub.conf.read_text().replace("anonymous\n", ""))
        hub.start()
    found = doctor(hub.conf, tmp_path / "none", f"http://127.0.0.1:{hub.port}")
    assert not found.bad(), found.complaints()
    for check in ("publish", "subscription", "streaming", "cookie"):
        assert found.of(check, "ok"), found.rows


def test_keys_that_cannot_sign_ask_for_a_token(start_hub, tmp_path):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    pair = ec.generate_private_key(ec.SECP256R1())
    public = tmp_path / "public.pem"
    public.write_bytes(pair.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
    hub = start_hub(f"publisher_jwt file:{public} ES256\nsubscriber_jwt file:{public} ES256\n", keys=False)
    url = f"http://127.0.0.1:{hub.port}"
    found = doctor(hub.conf, tmp_path / "none", url)
    assert "--token" in found.of("publish", "skipped")[0]["said"] and not found.bad()
    made = tmp_path / "token"
    made.write_text(jwt.encode({"mercure": {"publish": ["*"], "subscribe": ["*"]}}, pair, algorithm="ES256"))
    found = doctor(hub.conf, tmp_path / "none", url, "--token", made)
    assert found.of("publish", "ok") and found.of("streaming", "ok"), found.rows


def test_it_publishes_to_nobody_and_leaves_nothing_but_private_updates(start_hub, tmp_path):
    hub = start_hub()
    doctor(hub.conf, tmp_path / "none", f"http://127.0.0.1:{hub.port}")
    published = [line for line in hub.log().splitlines() if "event=published" in line]
    assert published and all("private=true" in line and 'topics="alipes-doctor-' in line for line in published)


def test_a_hub_whose_socket_we_may_not_use_is_not_called_away(start_hub, tmp_path):
    socket = tmp_path / "closed.sock"
    hub = start_hub(f"listen unix/{socket}|0000")
    conf = tmp_path / "other.conf"  # the closed socket is the one to ask
    conf.write_text(re.sub(r"(?m)^listen .*\n", "", hub.conf.read_text()) + f"\nlisten unix/{socket}|0000\n")
    bare = [] if os.getuid() else ["setpriv", "--inh-caps=-all", "--bounding-set=-all"]
    done = subprocess.run([*bare, BIN, "doctor", "--json", "-c", conf, "--root", tmp_path / "none"], capture_output=True, text=True, timeout=60)
    rows = {row["check"]: row for row in json.loads(done.stdout)["findings"]}
    assert rows["hub"]["verdict"] == "note" and rows["hub"]["add"] == "sudo alipes doctor" and "root, or a member" in rows["hub"]["said"]


def test_heartbeats_that_are_far_apart_are_not_waited_for(start_hub, tmp_path):
    hub = start_hub("heartbeat 3600s")
    found = doctor(hub.conf, tmp_path / "none", f"http://127.0.0.1:{hub.port}")
    assert found.status == 0 and "two are not waited for; the stream stands" in found.of("heartbeat", "skipped")[0]["said"], found.rows


def test_a_stream_that_ends_with_retry_comes_back_and_is_no_fault_of_a_front(start_hub, tmp_path):
    hub = start_hub("heartbeat 5s\nwrite_timeout 6s")
    found = doctor(hub.conf, tmp_path / "none", f"http://127.0.0.1:{hub.port}")
    assert not found.of("heartbeat", "bad") and "comes back" in found.of("heartbeat", "note")[0]["said"], found.rows


def test_who_says_nothing_more_is_asked_for_one_origin_of_many(start_hub, tmp_path):
    hub = start_hub("".join(f"cors_origins https://{n}.example\n" for n in range(50)))
    problem = b"HTTP/1.1 401 No\r\nContent-Type: application/problem+json\r\nContent-Length: 2\r\n\r\n{}"
    peer = Peer(problem, times=1)
    found = doctor(hub.conf, tmp_path / "none", f"http://127.0.0.1:{peer.port}")
    peer.socket.close()
    assert found.of("address", "ok") and len(found.of("cors")) == 1 and "10 s" in found.of("cors", "bad")[0]["said"], found.rows


class Peer:
    """Says these bytes to whoever connects (`times`: to the first ones), and goes on with `then` for ever."""

    def __init__(self, said, then=b"", times=1000):
        self.socket, self.said, self.then, self.times = socket.create_server(("127.0.0.1", 0)), said, then, times
        self.port = self.socket.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                peer = self.socket.accept()[0]
            except OSError:
                return
            threading.Thread(target=self.talk, args=[peer], daemon=True).start()

    def talk(self, peer):
        try:
            peer.recv(65536)
            self.times -= 1
            peer.sendall(self.said if self.times >= 0 else b"")
            while self.then:
                peer.sendall(self.then)
            while peer.recv(65536):
                pass
        except OSError:
            pass


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
STRANGE = {
    "silent": (b"", b""),
    "endless head": (HEAD, b"X: " + b"y" * 4000 + b"\r\n"),
    "endless body": (HEAD + b"\r\n", b"data: x\n\n" * 1000),
    "control characters": (b"HTTP/1.1 302 \x1b[31m\r\nLocation: http://\x1b[2J\x9b31m\xff/\r\nContent-Length: 0\r\n\r\n", b""),
    "no http": (b"220 smtp ready\r\n", b""),
    "problem of nobody": (b"HTTP/1.1 401 No\r\nContent-Type: application/problem+json\r\nDate: yesterday\r\nContent-Length: 2\r\n\r\n{}", b""),
}


@pytest.mark.parametrize("what", STRANGE)
def test_whatever_answers_there_it_comes_to_an_end_and_prints_what_can_be_printed(start_hub, tmp_path, what):
    hub, peer = start_hub(), Peer(*STRANGE[what])
    url = f"http://127.0.0.1:{peer.port}"
    done = run("-c", hub.conf, "--root", tmp_path / "none", url)
    found = doctor(hub.conf, tmp_path / "none", url)
    peer.socket.close()
    assert done.returncode == found.status == 1 and not done.stderr, done
    assert "\x1b" not in done.stdout and "\x9b" not in done.stdout
    assert found.of("address", "bad") or found.of("publish", "bad")


def test_files_of_fronts_may_hold_anything(start_hub, tmp_path):
    """Includes that go round, that lead nowhere, that name folders; bytes that are no text."""
    hub, root = start_hub(), tmp_path / "root"
    (root / "etc/nginx/sites").mkdir(parents=True)
    (root / "etc/nginx/nginx.conf").write_bytes(b"include nginx.conf;\ninclude sites/*;\ninclude /etc/../etc;\ninclude\ninclude ;\ninclude \"\ninclude [;\n\xff\x00\n")
    (root / "etc/nginx/sites/a").write_text(f"include nginx.conf;\ninclude sites/a;\nlocation {PATH} {{ proxy_pass http://unix:{hub.socket}; proxy_read_timeout 99999999999999999999d; error_page 502 = x; }}\n")
    found = doctor(hub.conf, root)
    assert [row["said"] for row in found.of("front", "ok")] == [f"nginx: the hub stands in {root}/etc/nginx/sites/a", "nginx: nothing is missing"], found.rows
