"""What several hubs on one Redis cost, beside centrifugo on the same Redis. JSON on stdout, a Markdown table on stderr.

    tests/bench/run.py nodes [--runs 3] [--seconds 4] [--only publish,streams,latency,memory] [--streams 10000]
                             [--centrifugo PATH] [--persist everysec,always]

publish   publishes a second over one node and over three, each with so many in flight, and the CPU of hubs and of Redis
          for each; over HTTP, with a history that is kept (centrifugo's by force_recovery).
streams   one publisher, so many streams of one topic over two nodes: deliveries a second, CPU for each.
latency   three nodes, each publishes at a steady rate, and each hears what the one before it publishes.
memory    what Redis holds for each byte that retention counts.

centrifugo (`go install github.com/centrifugal/centrifugo/v6@latest`; only where it is found) is asked by its HTTP API and
heard by uni_sse. Alternating, everything fresh for each run; medians. A hub has one worker, centrifugo what Go gives it.
"""
import argparse
import json
import os
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from urllib.parse import quote

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"
sys.path.insert(0, str(ROOT / "tests" / "system"))

from conftest import PATH, Client, free_port, token, wait_for  # noqa: E402
from redis import Redis, RedisHub  # noqa: E402

IN_FLIGHT = [1, 16, 64, 256]
PAYLOAD = 200
API_KEY = "bench"


def cpu_of(process):
    fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


class Alipes:
    name = "alipes"

    def __init__(self, folder, store):
        self.hub = RedisHub(folder, store.unix, "", "max_streams_per_token 20000", level="error", heartbeat="60s",
                            history="max_bytes 64MiB, max_events 1000000")
        self.process = self.hub.server.process

    def subscribe(self, topic):
        return ["-s", f"http://127.0.0.1:{self.hub.port}{PATH}?topic={topic}"]

    def publish(self, topic):
        return ["-p", f"http://127.0.0.1:{self.hub.port}{PATH}", "-P", f"Authorization: Bearer {token(['*'])}",
                "-P", "Content-Type: application/x-www-form-urlencoded", "-B", f"topic={topic}&data={{payload}}"]

    def stop(self):
        self.hub.stop()


class Centrifugo:
    name = "centrifugo"
    program = None

    def __init__(self, folder, store):
        folder.mkdir()
        self.port, conf = free_port(), folder / "config.json"
        kept = {"history_size": 100000, "history_ttl": "3600s", "force_recovery": True}
        conf.write_text(json.dumps({
            "http_server": {"address": "127.0.0.1", "port": str(self.port)}, "log": {"level": "error"},
            "client": {"insecure": True, "allowed_origins": ["*"]}, "channel": {"without_namespace": kept},
            "http_api": {"key": API_KEY}, "uni_sse": {"enabled": True},
            "engine": {"type": "redis", "redis": {"address": f"redis://127.0.0.1:{store.port}"}}}))
        self.log = open(folder / "log", "w")
        self.process = subprocess.Popen([self.program, "-c", conf], stdout=self.log, stderr=self.log)
        wait_for(self.answers, "centrifugo")

    def answers(self):
        try:
            return Client(("127.0.0.1", self.port)).get("/connection/uni_sse?cf_connect=%7B").status
        except OSError:
            assert self.process.poll() is None
            return False

    def subscribe(self, topic):
        asked = quote(json.dumps({"subs": {topic.replace("{t}", "@"): {}}}), safe="").replace("%40", "{t}")
        return ["-s", f"http://127.0.0.1:{self.port}/connection/uni_sse?cf_connect={asked}"]

    def publish(self, topic):
        return ["-p", f"http://127.0.0.1:{self.port}/api/publish", "-P", f"X-API-Key: {API_KEY}", "-P", "Content-Type: application/json",
                "-B", f'{{"channel":"{topic}","data":"{{payload}}"}}']

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()


class Site:
    """A store, and so many nodes on it."""

    def __init__(self, kind, count, persist):
        self.folder = Path(tempfile.mkdtemp(prefix="bench"))
        self.folder.chmod(0o755)
        self.store = Redis(self.folder / "redis", persist)
        self.nodes = [kind(self.folder / f"node{i}", self.store) for i in range(count)]

    def __enter__(self):
        return self

    def __exit__(self, *what):
        for node in self.nodes:
            node.stop()
        self.store.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def spent(self):
        return sum(cpu_of(n.process) for n in self.nodes), cpu_of(self.store.server.process)

    def run(self, commands, seconds):
        """All of them at once. Their figures, and what hubs and Redis have spent."""
        before = self.spent()
        common = ["-d", seconds, "-b", PAYLOAD, "--timeout", seconds + 90]
        running = [subprocess.Popen([str(w) for w in [BUILD / "ssebench", *words, *common]], stdout=subprocess.PIPE, text=True) for words in commands]
        figures = []
        for one in running:
            out, _ = one.communicate(timeout=seconds + 120)
            figures.append(json.loads(out.strip().split("\n")[-1]))
            assert figures[-1]["published"] and not figures[-1]["publish_failed"], out[-600:]
        after = self.spent()
        return figures, after[0] - before[0], after[1] - before[1]


def publishing(kind, count, in_flight, persist, seconds):
    with Site(kind, count, persist) as site:
        commands = [["-m", "publish", "-n", 0, "-k", in_flight, "-c", min(in_flight, 64), *node.subscribe("t{t}"), *node.publish("t{t}")]
                    for node in site.nodes]
        figures, of_hubs, of_redis = site.run(commands, seconds)
    published = sum(f["published"] for f in figures)
    return {"publishes_per_s": sum(f["publish_per_s"] for f in figures), "hub_us": of_hubs / published * 1e6, "redis_us": of_redis / published * 1e6,
            "publish_p50_ms": statistics.median(f["publish_us"]["p50"] for f in figures) / 1e3,
            "publish_p99_ms": max(f["publish_us"]["p99"] for f in figures) / 1e3}


def streaming(kind, streams, persist, seconds):
    with Site(kind, 2, persist) as site:
        first, second = site.nodes
        command = ["-m", "fanout", "-n", streams, "-k", 1, "-c", 1, "-W", 1, "--rst", *first.subscribe("t{t}"), *second.subscribe("t{t}"), *first.publish("t{t}")]
        (f,), of_hubs, of_redis = site.run([command], seconds)
    assert f["missing"] == f["dup"] == f["out_of_order"] == f["lost"] == 0, f
    return {"deliveries_per_s": f["deliveries_per_s"], "hub_us": f and of_hubs / f["received"] * 1e6, "redis_us": of_redis / f["received"] * 1e6,
            "delivery_p50_ms": f["delivery_us"]["p50"] / 1e3, "delivery_p99_ms": f["delivery_us"]["p99"] / 1e3}


def hearing(kind, rate, persist, seconds):
    with Site(kind, 3, persist) as site:
        commands = []
        for i, node in enumerate(site.nodes):
            after, topic = site.nodes[(i + 1) % 3], f"own{i}"
            commands.append(["-m", "fanout", "-n", 1, "-r", rate, "-k", 64, "-c", 16, *after.subscribe(topic), *node.publish(topic)])
        figures, of_hubs, of_redis = site.run(commands, seconds)
    received = sum(f["received"] for f in figures)
    assert all(f["missing"] == f["dup"] == 0 for f in figures), figures  # publishers on 16 connections have no order among them
    return {"p50_ms": statistics.median(f["delivery_us"]["p50"] for f in figures) / 1e3, "p99_ms": max(f["delivery_us"]["p99"] for f in figures) / 1e3,
            "publishes_per_s": sum(f["publish_per_s"] for f in figures), "hub_us": of_hubs / received * 1e6, "redis_us": of_redis / received * 1e6}


def holding(seconds):
    """Past retention: what is counted then, and what Redis has for it beside what it has empty."""
    with Site(Alipes, 1, "none") as site:
        empty, node = int(site.store.info("memory")["used_memory"]), site.nodes[0]
        command = ["-m", "publish", "-n", 0, "-k", 256, "-c", 64, *node.subscribe("t{t}"), *node.publish("t{t}")]
        site.run([command], seconds)
        held, counted = int(site.store.info("memory")["used_memory"]) - empty, node.hub.metrics()["alipes_history_bytes"]
    return {"redis_bytes": held, "counted_bytes": counted, "ratio": held / counted}


def show(number):
    return f"{number:,.0f}" if number >= 1000 else f"{number:.2f}"


def rows_of(o, kinds):
    """Name, the function, its arguments after the kind, and the kinds that have it."""
    wanted, persists = o.only.split(","), o.persist.split(",")
    for persist in persists if "publish" in wanted else []:
        for count in (1, 3):
            for in_flight in IN_FLIGHT:
                yield f"publish, {count} node{'s' * (count > 1)}, {in_flight} in flight, {persist}", publishing, (count, in_flight, persist, o.seconds)
    if "streams" in wanted:
        yield f"{o.streams} streams over 2 nodes", streaming, (o.streams, persists[0], o.seconds)
    for rate in (300, 2000) if "latency" in wanted else []:
        yield f"3 nodes, {rate}/s each, heard by another", hearing, (rate, persists[0], o.seconds)


def main(argv):
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--seconds", type=int, default=4)
    options.add_argument("--only", default="publish,streams,latency,memory")
    options.add_argument("--streams", type=int, default=10000)
    options.add_argument("--persist", default="everysec,always")
    options.add_argument("--centrifugo", default=shutil.which("centrifugo") or str(Path.home() / "go/bin/centrifugo"))
    o = options.parse_args(argv)
    Centrifugo.program = o.centrifugo
    kinds = [Alipes, *([Centrifugo] if Path(o.centrifugo).exists() else [])]
    result = {"cpus": os.cpu_count(), "runs": o.runs, "seconds": o.seconds, "rows": {}}
    print("| row | figure | " + " | ".join(k.name for k in kinds) + " | ratio |\n|---|---|" + "---|" * (len(kinds) + 1), file=sys.stderr)
    for name, measure, arguments in rows_of(o, kinds):
        runs = {kind.name: [] for kind in kinds}
        for _ in range(o.runs):
            for kind in kinds:
                runs[kind.name].append(measure(kind, *arguments))
        medians = {kind: {f: statistics.median(run[f] for run in some) for f in some[0]} for kind, some in runs.items()}
        result["rows"][name] = {"runs": runs, "medians": medians}
        for figure in medians["alipes"]:
            values = [medians[k.name][figure] for k in kinds]
            ratio = f"{values[0] / values[1]:.2f}" if len(values) > 1 and values[1] else ""
            print(f"| {name} | {figure} | {' | '.join(map(show, values))} | {ratio} |", file=sys.stderr, flush=True)
    if "memory" in o.only.split(","):
        result["memory"] = holding(3 * o.seconds)
        print(f"| Redis for each byte counted | ratio | {result['memory']['ratio']:.2f} | |", file=sys.stderr)
    print(json.dumps(result))
