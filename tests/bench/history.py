"""The history: durable publishes a second beside the disk's own syncs, and what replay costs.

    make bench BENCH_ARGS='history [--events 1000000] [--seconds 4] [--only commit,replay,back,skip,start]
                           [--folder DIR] [--steady] [--bin build/release/alipes] [--runs 3]'

JSON on stdout, sentences on stderr. The disk's rate is that of syncrate.c: pwrite and fdatasync of
records of the same size, on the same file system. One publish at a time is also compared with a
floor (syncfloor.c): one thread that writes, syncs and answers. CPU time is that of the hub. With --steady the
folder is in memory and each sync takes 270 us (steadysync.c): on a machine that others use as well,
the hub's own share is seen only so.
"""
import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import jwt

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"
KEY = "0123456789abcdef0123456789abcdef"
HUB = "/.well-known/mercure"
RECORD = 248  # what an event of these benches takes in a segment
PARTS = ("commit", "replay", "skip", "back", "start")
# The established hub, durable, and the syncs that its disk did beside it.
PEER, PEER_SYNCS = 2820, 3700


def say(text):
    print(text, file=sys.stderr, flush=True)


def build():
    BUILD.mkdir(parents=True, exist_ok=True)
    for name in ("ssebench", "ssereplay", "syncrate", "syncfloor"):
        source, target = ROOT / "tests" / "bench" / f"{name}.c", BUILD / name
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["gcc", "-std=c11", "-O2", "-pthread", "-o", target, source], check=True)
    subprocess.run(["gcc", "-std=c11", "-O2", "-shared", "-fPIC", "-o", BUILD / "steadysync.so",
                    ROOT / "tests" / "bench" / "steadysync.c"], check=True)


def run(*command, timeout=600):
    done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=timeout)
    if done.returncode != 0:
        raise SystemExit(f"{' '.join(map(str, command))}: {done.stderr or done.stdout}")
    return json.loads(done.stdout)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Hub:
    def __init__(self, o, folder, extra=""):
        self.o, self.port, self.history = o, free_port(), folder / "history"
        self.log, self.conf = folder / "log", folder / "conf"
        self.conf.write_text(
            f"listen 127.0.0.1:{self.port}\nanonymous\ntransport log {{ path {self.history} }}\n"
            f"publisher_jwt {KEY}\nsubscriber_jwt {KEY}\nmax_streams_per_token 20000\n"
            # One sixteenth more than is published: what is full loses a segment at a time.
            f"history {{\nmax_events {o.events + o.events // 8}\nmax_bytes 2GiB\nmax_age 24h\n}}\n{extra}\n")
        self.process = None
        self.start()

    def start(self):
        """Seconds from the start of the process until it accepts."""
        begun = time.monotonic()
        self.process = subprocess.Popen([self.o.bin, "-c", self.conf], stdout=subprocess.DEVNULL,
                                        stderr=open(self.log, "ab"))
        while True:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    break
            if self.process.poll() is not None or time.monotonic() > begun + 60:
                raise SystemExit(f"the hub does not start: {self.log.read_text()[-2000:]}")
            time.sleep(0.0005)
        with socket.create_connection(("127.0.0.1", self.port)) as s:
            s.sendall(b"GET /healthz HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            while b" 200 " not in s.recv(4096):
                pass
        return time.monotonic() - begun

    def cpu(self):
        fields = Path(f"/proc/{self.process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory(self, key="VmHWM"):
        for line in Path(f"/proc/{self.process.pid}/status").read_text().split("\n"):
            if line.startswith(key + ":"):
                return int(line.split()[1]) * 1024

    def forget_peak(self):
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def stop(self, how=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(60)

    def publish(self, *options, topic="t", id="", timeout=600):
        token = jwt.encode({"mercure": {"publish": ["*"]}}, KEY, algorithm="HS256")
        return run(BUILD / "ssebench", "-s", f"http://127.0.0.1:{self.port}{HUB}?topic={topic}",
                   "-p", f"http://127.0.0.1:{self.port}{HUB}", "-P", f"Authorization: Bearer {token}",
                   "-P", "Content-Type: application/x-www-form-urlencoded",
                   "-B", f"topic={topic}&data={{payload}}" + (f"&id={id}" if id else ""),
                   "-w", self.process.pid, "--timeout", timeout, "--rst", *options)

    def replay(self, cursor, events, *options, topic="t"):
        return run(BUILD / "ssereplay", "-a", f"127.0.0.1:{self.port}", "-q", f"{HUB}?topic={topic}", "-c", cursor,
                   "-e", events, *options)


def fill(hub, count, prefix="e"):
    """So many events on topic t; their ids are numbers behind the prefix, nearly in order."""
    done = hub.publish("-m", "publish", "-n", 0, "-k", 128, "-c", 128, "-e", count, id=prefix + "{seq}")
    assert done["published"] == count, done
    return done


def disk(o, seconds=0.7, size=RECORD):
    return run(BUILD / "syncrate", o.folder, size, seconds)["syncs_per_s"]


def median(values):
    return statistics.median(values)


class Floor:
    def __init__(self, o):
        self.port = free_port()
        self.process = subprocess.Popen([BUILD / "syncfloor", str(self.port), o.folder])
        while True:
            with socket.socket() as s:
                if s.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            if self.process.poll() is not None:
                raise SystemExit("the floor does not start")
            time.sleep(0.01)

    def publish(self):
        url = f"http://127.0.0.1:{self.port}/"
        return run(BUILD / "ssebench", "-m", "publish", "-n", 0, "-k", 1, "-c", 1, "-d", 0.6, "-s", url, "-p", url,
                   "--rst")["publish_per_s"]

    def stop(self):
        self.process.kill()
        self.process.wait()


def measure_commit(o, hub, result):
    """Publishes a second with so many in flight; ids of the hub, then random ones of the publisher.

    In slices of a second or less, each between two looks at the disk: what the disk does changes from
    one second to the next, so a slice is compared with its own, and the median of the ratios counts."""
    disk(o, 0.1)
    floor = Floor(o)
    try:
        measure_commits(o, hub, floor, result)
    finally:
        floor.stop()


def measure_commits(o, hub, floor, result):
    for name, id in (("ids of the hub", ""), ("random ids, history full", "r{mixed}")):
        if id and not result.get("filled"):
            result["filled"] = fill(hub, o.events)["publish_per_s"]
        for flight in (1, 16, 256):
            rows = []
            for i in range(o.slices):
                before = disk(o, 0.2)
                got = hub.publish("-m", "publish", "-n", 0, "-k", flight, "-c", flight, "-d", 0.6,
                                  id=f"{i}x{flight}{id}" if id else "")
                rows.append({"publish_per_s": got["publish_per_s"], "disk": (before + disk(o, 0.2)) / 2,
                             "cpu_us": got["server_cpu_us_per_publish"], "p50_us": got["publish_us"]["p50"]})
                rows[-1]["ratio"] = rows[-1]["publish_per_s"] / rows[-1]["disk"]
                if flight == 1:
                    rows[-1]["floor"] = floor.publish()
                    rows[-1]["of_floor"] = rows[-1]["publish_per_s"] / rows[-1]["floor"]
            found = {k: median([r[k] for r in rows]) for k in rows[0]}
            goal = 1 / 1.3 if flight == 1 else PEER * 20 / PEER_SYNCS
            result.setdefault("commit", {}).setdefault(name, {})[flight] = {
                **found, "best_ratio": max(r["ratio"] for r in rows), "slices": rows,
                **({} if flight == 16 else {"goal_ratio": goal})}
            say(f"{name}, {flight} in flight: {found['publish_per_s']:,.0f}/s, disk {found['disk']:,.0f} syncs/s, "
                f"{found['ratio']:.2f} a sync" + ("" if flight == 16 else f" (goal {goal:.2f})")
                + (f", {found['of_floor']:.2f} of the floor" if flight == 1 else "")
                + f"; hub {found['cpu_us']:.1f} us CPU each")


def measure_replay(o, hub, result):
    for back in (10, 10000, o.events):
        cursor = "earliest" if back == o.events else f"e{o.events - back}"
        rows = []
        for _ in range(o.runs):
            cpu = hub.cpu()
            # Publishes overtake each other a little: what is at least there.
            rows.append(hub.replay(cursor, max(1, back - 600) if back > 10 else 1, *(["-d", 0.5] if back <= 10000 else [])))
            rows[-1]["hub_cpu_us_per_event"] = (hub.cpu() - cpu) * 1e6 / rows[-1]["events"]
        found = {k: median([r[k] for r in rows]) for k in ("first_ms", "events_per_s", "hub_cpu_us_per_event", "all_ms")}
        result.setdefault("replay", {})[back] = {**found, "runs": rows}
        say(f"{back:,} back: first event after {found['first_ms']:.2f} ms (goal 5), {found['events_per_s']:,.0f} events/s"
            f" (goal 500,000), {found['hub_cpu_us_per_event']:.2f} us CPU of the hub an event")


class Live:
    """100 streams to which 200 events a second are published; p99 of their delivery."""

    def __init__(self, hub, seconds):
        self.result, self.error = None, None
        self.thread = threading.Thread(target=self.work, args=(hub, seconds))
        self.thread.start()
        time.sleep(0.5)  # connecting and settling; the rate goes on for long after it

    def work(self, hub, seconds):
        try:
            self.result = hub.publish("-m", "fanout", "-n", 100, "-r", 200, "-k", 16, "-d", seconds, "--settle", 0.1, topic="live")
        except BaseException as e:
            self.error = e

    def wait(self):
        self.thread.join()
        if self.error:
            raise self.error
        assert self.result["missing"] == 0, self.result
        return {k: self.result["delivery_us"][k] / 1e3 for k in ("p50", "p99", "max")}


def measure_skip(o, hub, result):
    """A stream whose topic is that of the last event alone: everything before is looked at in vain."""
    hub.publish("-m", "publish", "-n", 0, "-k", 1, "-c", 1, "-e", 1, topic="rare")
    quiet = Live(hub, o.seconds).wait()
    alone = [hub.replay("earliest", 1, topic="rare")["all_ms"] for _ in range(o.runs)]
    rows = {}
    for streams in (1, 10):
        live = Live(hub, o.seconds)
        got = hub.replay("earliest", 1, "-n", streams, "-d", o.seconds - 1, topic="rare")
        rows[streams] = {"all_ms": got["all_ms"], "rounds": got["rounds"], "live_ms": live.wait()}
        say(f"{streams} streams that skip {o.events:,} events, again and again: {got['all_ms']:.0f} ms each round "
            f"(alone {median(alone):.0f} ms); live p99 meanwhile {rows[streams]['live_ms']['p99']:.2f} ms "
            f"(nobody else there: {quiet['p99']:.2f})")
    result["skip"] = {"alone_ms": median(alone), "quiet_live_ms": quiet, "meanwhile": rows}


def measure_back(o, hub, result):
    """1,000 clients back at once after a restart, each 1,000 behind."""
    rows = []
    for _ in range(o.runs):
        hub.stop(signal.SIGKILL)
        hub.start()
        quiet = Live(hub, o.seconds).wait()
        before = hub.memory("VmRSS")
        live = Live(hub, o.seconds)
        cpu = hub.cpu()
        got = hub.replay(f"e{o.events - 1000}", 700, "-n", 1000, "-d", o.seconds - 1.5)
        rows.append({"first_round_ms": got["first_round_ms"], "all_ms": got["all_ms"], "rounds": got["rounds"],
                     "events_per_s": got["events_per_s"], "peak_bytes": hub.memory(), "before_bytes": before,
                     "hub_cpu_us_per_event": (hub.cpu() - cpu) * 1e6 / got["events"],
                     "client_cpu_s": got["cpu_s"], "live_ms": live.wait(), "quiet_live_ms": quiet})
    found = {k: median([r[k] for r in rows]) for k in ("first_round_ms", "all_ms", "peak_bytes", "before_bytes", "hub_cpu_us_per_event")}
    found["live_p99_ms"] = median([r["live_ms"]["p99"] for r in rows])
    result["back"] = {**found, "runs": rows}
    say(f"1,000 back at once, each 1,000 behind: all have theirs after {found['first_round_ms']:.0f} ms, peak "
        f"{found['peak_bytes'] / 2**20:.1f} MiB (before {found['before_bytes'] / 2**20:.1f}), "
        f"{found['hub_cpu_us_per_event']:.2f} us CPU an event, live p99 meanwhile {found['live_p99_ms']:.2f} ms "
        f"(nobody else there: {median([r['quiet_live_ms']['p99'] for r in rows]):.2f})")


def measure_start(o, hub, result):
    rows = []
    for _ in range(max(o.runs, 5)):
        hub.stop(signal.SIGKILL)
        rows.append(hub.start() * 1e3)
    again = []
    for _ in range(o.runs):  # with the last file as full as it gets: all of it is walked
        fill(hub, o.events // 20, prefix="s")
        hub.stop(signal.SIGKILL)
        again.append(hub.start() * 1e3)
    result["start_ms"], result["start_full_segment_ms"] = {"median": median(rows), "runs": rows}, again
    say(f"ready after kill -9: {median(rows):.0f} ms; behind a last file of {o.events // 20:,} events: "
        f"{median(again):.0f} ms (goal 200)")


def main(arguments):
    options = argparse.ArgumentParser(prog="history")
    options.add_argument("--events", type=int, default=1000000)
    options.add_argument("--seconds", type=float, default=4)
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--slices", type=int, default=9)
    options.add_argument("--only", default=",".join(PARTS))
    options.add_argument("--folder", default=None)
    options.add_argument("--steady", action="store_true")
    options.add_argument("--bin", default=str(ROOT / "build" / "release" / "alipes"))
    o = options.parse_args(arguments)
    build()
    if o.steady:
        os.environ["LD_PRELOAD"] = str(BUILD / "steadysync.so")
    o.folder = Path(tempfile.mkdtemp(prefix="history", dir="/dev/shm" if o.steady else o.folder))
    result = {"cpus": os.cpu_count(), "events": o.events, "seconds": o.seconds, "steady": o.steady}
    hub = Hub(o, o.folder)
    try:
        wanted = o.only.split(",")
        if "commit" in wanted:
            measure_commit(o, hub, result)
            # Back to a history of which every id is known.
            hub.stop()
            shutil.rmtree(hub.history)
            hub.start()
        if set(wanted) - {"commit"}:
            filled = fill(hub, o.events)
            say(f"filled with {o.events:,} events at {filled['publish_per_s']:,.0f}/s")
        for part in PARTS[1:]:
            if part in wanted:
                globals()[f"measure_{part}"](o, hub, result)
    finally:
        hub.stop()
        shutil.rmtree(o.folder, ignore_errors=True)
    print(json.dumps(result))


if __name__ == "__main__":
    main(sys.argv[1:])
