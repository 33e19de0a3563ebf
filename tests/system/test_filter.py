"""The system calls that the unit allows are those that a hub makes."""
import os
import re
import signal
import subprocess

from conftest import BIN, KEY, ROOT, Client, Server, Stream, free_port, publish, wait_for


def members(name):
    """The system calls of a set of systemd's, sets inside it included."""
    lines = subprocess.run(["systemd-analyze", "syscall-filter", name], capture_output=True, text=True, check=True).stdout.split("\n")
    words = {line.strip() for line in lines[1:] if line.strip() and not line.strip().startswith("#")}
    return set().union(*(members(w) if w.startswith("@") else {w} for w in words))


def test_the_filter_of_the_unit_allows_every_system_call_of_a_hubs_life(tmp_path):
    allowed = set()
    for line in re.findall(r"^SystemCallFilter=(.*)", (ROOT / "proxy-config/systemd/alipes.service").read_text(), re.M):
        words = line.removeprefix("~").split()
        chosen = set().union(*(members(w) if w.startswith("@") else {w} for w in words))
        allowed = allowed - chosen if line.startswith("~") else allowed | chosen
    log, port = tmp_path / "own.log", free_port()
    conf = tmp_path / "alipes.conf"
    conf.write_text(f"listen unix/{tmp_path}/hub.sock\npublisher_jwt {KEY}\nanonymous\nsubscriber_jwks_url https://localhost:1/keys\ntransport log {{ path {tmp_path}/history }}\n"
                    f"log logfmt debug {log}\nlisten 127.0.0.1:{port}\nmetrics_listen unix/{tmp_path}/m.sock")
    trace = tmp_path / "trace"
    server = Server(["strace", "-f", "-qq", "-o", trace, BIN, "-c", conf], tmp_path / "log")
    wait_for(lambda: log.exists() and "event=ready" in log.read_text(), "the hub")
    for address in (("127.0.0.1", port), tmp_path / "hub.sock"):
        stream = Stream(address, "topic=a", "Last-Event-ID: earliest")
        assert publish(address, topic="a", data="x" * 200000).status == 200
        stream.datas(1)
        stream.close()
    assert Client(tmp_path / "m.sock").get("/metrics").status == 200
    hub = int(re.match(r"\d+", trace.read_text()).group(0))
    os.kill(hub, signal.SIGUSR1)
    wait_for(lambda: "event=log_reopened" in log.read_text(), "the log")
    os.kill(hub, signal.SIGTERM)
    assert server.process.wait(30) == 0
    made = set(re.findall(r"^\d+ +(?:<\.\.\. )?([a-z0-9_]+)[ (]", trace.read_text(), re.M)) - {"execve"}
    assert {"fdatasync", "accept4", "sendto"} <= made
    assert made <= allowed, made - allowed
