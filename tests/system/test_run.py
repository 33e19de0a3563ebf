"""`make run` and `make run-apache` where something is in their way: they say so, and a banner is only shown of a hub that answers
behind its front."""
import http.client
import os
import re
import signal
import socket
import subprocess
import time
from pathlib import Path

import jwt
import pytest

from conftest import PATIENCE, ROOT, Stream, free_port, publish, wait_for


# What each calls itself, the front's process, and a word of its log.
FRONTS = {"caddy": ("make run", "caddy", "serving initial configuration"), "apache": ("make run-apache", "apache2", "resuming normal operations")}


class Run:
    def __init__(self, log, command, front, **variables):
        self.log, (self.me, self.server, self.word) = log, FRONTS[front]
        variables["FRONT"] = front
        with log.open("w") as out:
            self.process = subprocess.Popen([*command, ROOT / "examples/run.sh"], env={**os.environ, **variables}, stdin=subprocess.DEVNULL,
                                            stdout=out, stderr=out, start_new_session=True)

    def said(self):
        return self.log.read_text()

    def ready(self):
        wait_for(lambda: "Ctrl-C" in self.said() or self.process.poll() is not None, "the banner")
        assert self.process.poll() is None, self.said()
        self.token = re.search(r"publisher's token: +(\S+)", self.said()).group(1)
        return self

    def child(self, name):
        folder = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return next(int(pid) for pid in folder.read_text().split() if Path(f"/proc/{pid}/comm").read_text().strip() == name)

    def end(self):
        """What it says until its end, and its status."""
        status = self.process.wait(2 * PATIENCE)
        return self.said(), status

    def stop(self):
        if self.process.poll() is None:
            os.killpg(self.process.pid, signal.SIGINT)  # what Ctrl-C does
        return self.end()


def answers(port):
    with socket.socket() as s:
        return s.connect_ex(("127.0.0.1", port)) == 0


@pytest.fixture(params=FRONTS)
def run(request, tmp_path):
    begun = []

    def start(port, command=(), **variables):
        begun.append(Run(tmp_path / f"{len(begun)}.log", command, request.param, PORT=str(port), **variables))
        return begun[-1]
    yield start
    for each in begun:
        each.stop()


def test_a_port_that_is_taken_is_said_and_nothing_else(run):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        each = run(port)
        said, status = each.end()
    assert (said, status) == (f"{each.me}: port {port} is taken; PORT=8080 {each.me} takes another\n", 1)


def test_so_is_one_that_is_taken_by_another_family_of_addresses(run):
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as other:
        assert "is taken" in run(other.getsockname()[1]).end()[0]


def test_of_two_that_begin_at_once_one_has_the_port(run):
    port = free_port()
    both = [run(port), run(port)]
    wait_for(lambda: any(each.process.poll() is not None for each in both), "the other one's end")
    loser, winner = sorted(both, key=lambda each: each.process.poll() is None)
    assert loser.end() == (f"{loser.me}: port {port} is taken; PORT=8080 {loser.me} takes another\n", 1)
    winner.ready()
    assert "is taken" in run(port).end()[0], "and so it is later"
    for _ in range(12):
        assert publish(("127.0.0.1", port), winner.token, topic="t", data="x").status == 200
    assert winner.stop()[1] == 0
    assert run(port).ready().stop()[1] == 0, "afterwards it is free again"


def test_it_answers_by_any_name(run):
    port = free_port()
    run(port).ready()
    for name in ("localhost", "127.0.0.1", "my-machine.example"):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        connection.request("GET", "/", headers={"Host": f"{name}:{port}"})
        reply = connection.getresponse()
        assert reply.status == 302 and reply.headers["Location"].endswith("/.well-known/mercure/ui/") and reply.read() is not None
        connection.request("GET", "/.well-known/mercure/ui/", headers={"Host": f"{name}:{port}"})
        reply = connection.getresponse()
        assert reply.status == 200 and b"<title>alipes" in reply.read()
        connection.close()
    assert Stream(("127.0.0.1", port), "topic=a").status == 200  # at hub.example


def test_it_listens_for_this_machine_alone_unless_it_is_told_otherwise(run):
    for more, reached in ({}, False), ({"LISTEN": "0.0.0.0"}, True):
        port = free_port()
        each = run(port, **more).ready()
        with socket.socket() as other:
            assert (other.connect_ex(("127.0.0.2", port)) == 0) == reached
        each.stop()


def test_another_shell_follows_what_happens_with_the_lines_of_the_banner(run):
    port = free_port()
    said = run(port).ready().said()
    folder, program = re.search(r"^ +\. (\S+)/env\n +(\S+) trace$", said, re.M).groups()
    assert os.stat(f"{folder}/env").st_mode & 0o777 == 0o600, "the secret is in it"

    def shell(words, **more):
        return subprocess.Popen(["sh", "-c", f". {folder}/env; exec {program} {words}"], cwd=ROOT, text=True, stdout=subprocess.PIPE, **more)

    traced, heard = shell("trace"), shell("subscribe --count 1 t")
    assert "event=tracing" in traced.stdout.readline()
    wait_for(lambda: shell("streams").communicate()[0].count("\n") == 2, "the subscriber in the list")
    made = shell("publish t hello").communicate()[0].strip()
    assert f" {made} hello\n" in heard.communicate()[0]
    assert any(made in line for line in iter(traced.stdout.readline, "")), "it is traced"
    traced.terminate()
    assert "streams" in shell("stat").communicate()[0]
    assert shell(f"doctor --root /nowhere http://localhost:{port}").communicate()[0].count("\nBAD") == 0
    wait_for(lambda: traced.poll() is not None, "its end")


def test_its_first_lines_warn_of_nothing(run):
    assert "level=warn" not in run(free_port()).ready().said()


@pytest.mark.parametrize("which, words", [("hub", "the hub has ended (status 137); its last lines say why"),
                                          ("front", "{} has ended (status 137); its log stands above")])
def test_one_that_ends_later_is_told_and_takes_the_other_along(run, which, words):
    port = free_port()
    each = run(port).ready()
    os.kill(each.child("alipes" if which == "hub" else each.server), signal.SIGKILL)  # at once: it may still print its banner
    said, status = each.end()
    assert status == 1 and said.endswith(f"{each.me}: {words.format(each.server.rstrip('2').title())}\n")
    assert which == "hub" or each.word in said
    with pytest.raises(ProcessLookupError):
        os.killpg(each.process.pid, 0)
    wait_for(lambda: not answers(port), "a port that is free, of a server with children as well")


def test_a_hub_that_cannot_begin_is_told_without_a_banner(run, tmp_path):
    port = free_port()
    said, status = run(port, MERCURE_LICENSE="x").end()
    assert status == 1 and "MERCURE_LICENSE" in said and "The page" not in said


def test_a_server_that_answers_in_its_place_is_not_taken_for_it(run, tmp_path):
    """The front's place is taken by something that says 200 to everything."""
    port = free_port()
    for name in "caddy", "apache2":
        (tmp_path / name).write_text(f"""#!/usr/bin/python3
import http.server
class Any(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("127.0.0.1", {port}), Any).serve_forever()
""")
        (tmp_path / name).chmod(0o755)
    said, status = run(port, PATH=f"{tmp_path}:{os.environ['PATH']}").end()
    assert status == 1 and "The page" not in said and f"nothing of this hub answers on port {port}" in said


def test_no_secret_is_on_a_command_line_and_the_token_ends(run, tmp_path):
    out = tmp_path / "calls"
    each = run(free_port(), ["strace", "-f", "-qq", "-s", "4096", "-e", "trace=execve", "-o", out]).ready()
    token, calls = each.token, out.read_text()
    assert each.server in calls and token not in calls and "Bearer" not in calls and not re.search(r"[0-9a-f]{64}", calls)
    assert 23 < (jwt.decode(token, options={"verify_signature": False})["exp"] - time.time()) / 3600 <= 24
