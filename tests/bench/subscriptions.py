"""What active subscriptions cost beside the same hub without them. JSON on stdout, a Markdown table on stderr.

    tests/bench/run.py subscriptions [--runs 3] [--seconds 4] [--streams 9000] [--rate 2000]

Join and leave: the hub's CPU (all its threads) until the last end is told, for each connect and leave; off, and on, with
both transports. Memory: what each active subscription takes more than the same stream without one, beside its own text
(its JSON). The site: updates of its own, published and heard at a steady rate, alone and beside `rate` joins and
leaves a second, with a history that holds 1,000 updates: how long publishes and deliveries take, and whether all are held.
Goals: at most 2.5 times the CPU, at most 200 bytes.
"""
import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"
sys.path.insert(0, str(ROOT / "tests" / "system"))

from conftest import KEY, PATH, Client, Stream, publish, token  # noqa: E402

AUTH = f"Authorization: Bearer {token(subscribe=['*'], sub='somebody', exp=time.time() + 86400)}"
ON = "subscriptions {{\n hold_back 1s\n max_bytes {}\n}}\n"
GOALS = {"join_and_leave": 2.5, "bytes": 200}


class Hub:
    def __init__(self, transport, extra):
        self.folder = Path(tempfile.mkdtemp(prefix="bench"))
        self.socket, conf = self.folder / "hub.sock", self.folder / "conf"
        history = f"log {{\n path {self.folder}/history\n}}" if transport == "log" else "memory"
        conf.write_text(f"listen unix/{self.socket}\nanonymous\nworkers 1\nlog logfmt error\npublisher_jwt {KEY}\nsubscriber_jwt {KEY}\n"
                        f"max_streams_per_token 100000\nheartbeat 60s\ntransport {history}\n{extra}")
        self.process = subprocess.Popen([os.environ.get("ALIPES_BIN", "build/release/alipes"), "-c", conf])
        while not self.socket.exists():
            assert self.process.poll() is None
            time.sleep(0.01)

    def __enter__(self):
        return self

    def __exit__(self, *what):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(30)
        shutil.rmtree(self.folder)

    def cpu(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def pss(self):
        return int(re.search(r"^Pss:\s+(\d+)", Path(f"/proc/{self.process.pid}/smaps_rollup").read_text(), re.M).group(1)) * 1024

    def active(self):
        client = Client(self.socket)
        reply = client.request("HEAD", f"{PATH}/subscriptions", [AUTH])
        client.close()
        return int(reply.headers["x-total-count"])

    def bench(self, mode, streams, seconds, *more):
        command = [BUILD / "ssebench", "-m", mode, "-n", streams, "-d", seconds, "-w", self.process.pid, "--rst", "-H", AUTH,
                   "-s", f"unix:{self.socket}:{PATH}?topic=https%3A%2F%2Fexample.com%2Frooms%2F1", *more]
        return subprocess.Popen([str(c) for c in command], stdout=subprocess.PIPE, text=True)


def result(process):
    out, _ = process.communicate(timeout=300)
    assert process.returncode == 0, out
    return json.loads(out)


def wait_for(condition, seconds=60):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def join_and_leave(transport, is_on, seconds):
    with Hub(transport, ON.format("64MiB") if is_on else "") as hub:
        before = hub.cpu()
        cycles = result(hub.bench("churn", 200, seconds))["cycles"]
        if is_on:
            wait_for(lambda: hub.active() == 0)
        return (hub.cpu() - before) * 1e6 / cycles


def memory(is_on, streams):
    """PSS of each further stream, once tables and tail are what they will be; and the text of an active subscription."""
    with Hub("log", "tail 64KiB\n" + (ON.format("64MiB") if is_on else "")) as hub:
        pss, text, benches = [], 0, []
        for part in (streams // 3, streams - streams // 3):
            benches.append(hub.bench("idle", part, 12))
            if is_on:
                wait_for(lambda: hub.active() == (streams if pss else part))
            time.sleep(3)
            pss.append(hub.pss())
        if is_on:
            client = Client(hub.socket)
            one = json.loads(client.get(f"{PATH}/subscriptions?limit=1", AUTH).body)["subscriptions"][0]
            client.close()
            text = len(json.dumps(one, separators=(",", ":")))
        for bench in benches:
            assert result(bench)["connected"] > 0
        return (pss[1] - pss[0]) / (streams - streams // 3), text


class Site:
    """Publishes and hears its own updates, at a steady rate."""

    def __init__(self, hub, rate=50):
        self.hub, self.rate, self.publishes, self.deliveries = hub, rate, [], []
        self.stream = Stream(hub.socket, "topic=site", f"Authorization: Bearer {token(subscribe=['site'])}")
        threading.Thread(target=self.hear, daemon=True).start()

    def hear(self):
        try:
            while True:
                found = re.search("^data: (.*)$", self.stream.event(), re.M)
                if found:
                    self.deliveries.append(time.monotonic() - float(found.group(1)))
        except (ConnectionError, OSError):
            pass

    def run(self, seconds):
        self.publishes, self.deliveries, bearer = [], [], token(["*"])
        for _ in range(int(seconds * self.rate)):
            began = time.monotonic()
            assert publish(self.hub.socket, bearer, topic="site", data=repr(began)).status == 200
            self.publishes.append(time.monotonic() - began)
            time.sleep(max(0.0, began + 1 / self.rate - time.monotonic()))
        time.sleep(0.2)
        return {what: {p: statistics.quantiles(values, n=100)[int(p) - 1] * 1000 for p in ("50", "99")}
                for what, values in (("publish_ms", self.publishes), ("delivery_ms", self.deliveries))}


def site(rate, seconds):
    with Hub("log", ON.format("8MiB") + "history {\n max_events 1000\n}\n") as hub:
        first = publish(hub.socket, topic="site", data="0").body.decode()
        page = Site(hub)
        alone = page.run(seconds)
        bench = hub.bench("churn", 2 * rate, seconds + 4, "--connect-rate", rate, "--hold", 1)
        time.sleep(2)
        beside = page.run(seconds)
        events = 2 * result(bench)["cycles"] / (seconds + 4)
        wait_for(lambda: hub.active() == 1)
        back = Stream(hub.socket, "topic=site", f"Authorization: Bearer {token(subscribe=['site'])}", f"Last-Event-ID: {first}")
        held = len(back.datas(int(2 * seconds * page.rate))) if back.headers.get("last-event-id") == first else 0
        return {"alone": alone, "beside": beside, "events_per_s": events, "published": int(2 * seconds * page.rate), "held": held}


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--streams", type=int, default=9000)
    parser.add_argument("--rate", type=int, default=2000)
    o = parser.parse_args(arguments)
    BUILD.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-std=c11", "-O2", "-pthread", "-o", BUILD / "ssebench", ROOT / "tests/bench/ssebench.c"], check=True)
    cpu = {t: {on: [] for on in ("off", "on")} for t in ("memory", "log")}
    for _ in range(o.runs):
        for transport, by in cpu.items():
            for on in by:
                by[on].append(join_and_leave(transport, on == "on", o.seconds))
    cpu = {t: {on: statistics.median(v) for on, v in by.items()} for t, by in cpu.items()}
    (off, _), (on, text) = memory(False, o.streams), memory(True, o.streams)
    found = {"join_and_leave_cpu_us": cpu, "ratios": {t: by["on"] / by["off"] for t, by in cpu.items()}, "stream_bytes": {"off": off, "on": on},
             "active_bytes": on - off, "text_bytes": text, "active_bytes_beside_text": on - off - text, "goals": GOALS, "site": site(o.rate, o.seconds)}
    print(json.dumps(found))
    print("| join and leave, CPU µs | off | on | ratio | goal |\n|---|---|---|---|---|", file=sys.stderr)
    for transport, by in cpu.items():
        print(f"| {transport} | {by['off']:.1f} | {by['on']:.1f} | {by['on'] / by['off']:.2f} | {GOALS['join_and_leave']} |", file=sys.stderr)
    print(f"\n| memory, bytes | {on - off:.0f}, of them text {text}; beside it {on - off - text:.0f}; goal {GOALS['bytes']} |", file=sys.stderr)
    print(f"| site | {found['site']} |", file=sys.stderr)
