#!/usr/bin/python3
"""alipes and the floor, alternating, a fresh server for each run: JSON on stdout, a table on stderr.

    tests/bench/run.py [--runs 3] [--seconds 5] [--only fanout_1000,idle] [--bin build/release/alipes]

The floor (ssefloor.c) is one thread and one send() a subscriber: the least a hub on TCP can do.
Ratios are of server CPU per delivery; wall time is noise on a busy machine.
"""
import argparse
import json
import os
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jwt

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"
KEY = "0123456789abcdef0123456789abcdef"

FAN = ["-m", "fanout", "--rst", "-c", "1"]
SHAPES = {
    "fanout_100": FAN + ["-n", "100", "-k", "1", "-W", "1"],
    "fanout_1000": FAN + ["-n", "1000", "-k", "1", "-W", "1"],
    "fanout_10000": FAN + ["-n", "10000", "-k", "1", "-W", "1"],
    "outstanding_16": FAN + ["-n", "1000", "-k", "2", "-W", "16"],
    "sparse_100": ["-m", "sparse", "-n", "100", "-k", "32", "-c", "16", "-W", "64", "--random", "--rst"],
    "sparse_10000": ["-m", "sparse", "-n", "10000", "-k", "32", "-c", "16", "-W", "64", "--random", "--rst"],
    "publish": ["-m", "publish", "-n", "0", "-k", "32", "-c", "16"],
    "idle": ["-m", "idle", "-n", "10000", "--settle", "2", "--rst"],
    "churn": ["-m", "churn", "-n", "200"],
}
FIGURES = {
    "idle": "pss_per_sub",
    "publish": "server_cpu_us_per_publish",
    "sparse_100": "server_cpu_us_per_publish",
    "sparse_10000": "server_cpu_us_per_publish",
}


def build():
    BUILD.mkdir(parents=True, exist_ok=True)
    for name, extra in (("ssebench", ["-pthread"]), ("ssefloor", [])):
        source, target = ROOT / "tests" / "bench" / f"{name}.c", BUILD / name
        if not target.exists() or target.stat().st_mtime < source.stat().st_mtime:
            subprocess.run(["gcc", "-std=c11", "-O2", *extra, "-o", target, source], check=True)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def await_port(port):
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.01)
    raise SystemExit(f"nobody listens on {port}")


class Server:
    def __init__(self, kind, binary, folder):
        self.port = free_port()
        if kind == "floor":
            command = [BUILD / "ssefloor", str(self.port), "chunked"]
        else:
            conf = Path(folder) / "alipes.conf"
            conf.write_text(
                f"listen 127.0.0.1:{self.port}\nanonymous\ntransport memory\n"
                f"publisher_jwt {KEY}\nsubscriber_jwt {KEY}\nlog logfmt error\n"
            )
            command = [binary, "-c", conf]
        self.process = subprocess.Popen([str(c) for c in command], stderr=subprocess.DEVNULL)
        await_port(self.port)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def measure(kind, shape, seconds, binary):
    with tempfile.TemporaryDirectory() as folder:
        server = Server(kind, binary, folder)
        try:
            base = f"http://127.0.0.1:{server.port}"
            command = [BUILD / "ssebench", *SHAPES[shape], "-d", str(2 if shape == "idle" else seconds)]
            if kind == "floor":
                number = "?t={t}" if shape.startswith("sparse") else ""
                command += ["-s", f"{base}/s{number}", "-p", f"{base}/p{number}"]
            else:
                hub = f"{base}/.well-known/mercure"
                token = jwt.encode({"mercure": {"publish": ["*"]}}, KEY, algorithm="HS256")
                command += ["-s", f"{hub}?topic=t{{t}}", "-p", hub, "-P", f"Authorization: Bearer {token}",
                            "-P", "Content-Type: application/x-www-form-urlencoded",
                            "-B", "topic=t{t}&data={payload}"]
            command += ["-w", str(server.process.pid), "--timeout", "60"]
            done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=180)
            if done.returncode != 0:
                raise SystemExit(f"{kind} {shape}: {done.stderr or done.stdout}")
            return json.loads(done.stdout)
        finally:
            server.stop()


def main():
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--seconds", type=float, default=4)
    options.add_argument("--only", default=",".join(SHAPES))
    options.add_argument("--bin", default=str(ROOT / "build" / "release" / "alipes"))
    o = options.parse_args()
    build()
    result = {"cpus": os.cpu_count(), "runs": o.runs, "shapes": {}}
    print("| shape | figure | floor | alipes | ratio | alipes /s | floor /s |\n|---|---|---|---|---|---|---|",
          file=sys.stderr)
    for shape in o.only.split(","):
        figure = FIGURES.get(shape, "server_cpu_us_per_unit")
        runs = {"floor": [], "alipes": []}
        for _ in range(o.runs):
            for kind in runs:
                runs[kind].append(measure(kind, shape, o.seconds, o.bin))
        median = {k: statistics.median(r[figure] for r in v) for k, v in runs.items()}
        rate_name = next((n for n in ("deliveries_per_s", "publishes_per_s", "cycles_per_s")
                          if n in runs["alipes"][0]), None)
        rate = {k: statistics.median(r.get(rate_name, 0) for r in v) for k, v in runs.items()}
        ratio = median["alipes"] / median["floor"] if median["floor"] else None
        result["shapes"][shape] = {"figure": figure, **median, "ratio": ratio, "runs": runs}
        print(f"| {shape} | {figure} | {median['floor']:.2f} | {median['alipes']:.2f} | "
              f"{ratio and round(ratio, 2)} | {rate['alipes']:.0f} | {rate['floor']:.0f} |", file=sys.stderr)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
