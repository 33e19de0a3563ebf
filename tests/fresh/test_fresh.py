"""What the README says, on a machine that has nothing yet but git and make."""
import http.client
import os
import re
import signal
import subprocess

import pytest

from fresh import ROOT, Debian
from conftest import free_port

README = (ROOT / "README.md").read_text()


@pytest.fixture(scope="module")
def debian():
    made = Debian()
    made.run("apt-get update -q && apt-get install -y -q --no-install-recommends git make")
    yield made
    made.close()


def request(port, method, path, headers={}, body=None):
    connection = http.client.HTTPConnection("localhost", port, timeout=20)
    connection.request(method, path, body, headers)
    return connection.getresponse()


def test_make_run(debian):
    assert "    make run " in README and "PORT=8081 make run" in README
    port = free_port()
    process = debian.begin("make run", f"PORT={port}", stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said = ""
    while "Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, said[-4000:]
        said += line
    token = re.search(r"A publisher's token: +(\S+)", said).group(1)
    assert request(port, "GET", "/").headers["Location"] == "/.well-known/mercure/ui/"
    assert b"<title>alipes" in request(port, "GET", "/.well-known/mercure/ui/").read()
    stream = request(port, "GET", "/.well-known/mercure?topic=https://example.com/chat")
    assert stream.status == 200
    assert request(port, "POST", "/.well-known/mercure", {"Authorization": f"Bearer {token}", "Content-Type": "application/x-www-form-urlencoded"},
                   "topic=https://example.com/chat&data=hello").status == 200
    while (line := stream.readline()) != b"data: hello\n":
        assert line
    os.killpg(process.pid, signal.SIGINT)  # Ctrl-C
    rest = process.stdout.read()
    assert process.wait(60) in (0, 2, 130) and "event=stopped" in rest, rest[-4000:]  # 2 is what make says of it
    with pytest.raises(OSError):
        request(port, "GET", "/")
    assert not (debian.folder / "var/lib/alipes").exists()


def test_make_check(debian):
    assert "    make check " in README
    # What is missing there is seen with one program as with three.
    print(debian.run("make check SYSTEM_VARIANTS=release").split("== system tests, release")[1][-2500:])
