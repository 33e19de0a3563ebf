#!/usr/bin/python3
"""alipes beside the floor and, where nginx has it, nchan: alternating, a fresh server for each run.
JSON on stdout, a Markdown table on stderr.

    tests/bench/run.py [--runs 3] [--seconds 4] [--wires tcp,unix,fastcgi] [--only fanout_1000,idle]
                       [--bin build/release/alipes] [--no-peers]
    tests/bench/run.py tokens …         what tokens cost: tokens.py
    tests/bench/run.py history …        what durable publishing and replay cost: history.py
    tests/bench/run.py matching …       what matchers cost: matching.py
    tests/bench/run.py traces …         what tracing costs, and what it costs where nobody does: traces.py
    tests/bench/run.py subscriptions …  what active subscriptions cost: subscriptions.py
    tests/bench/run.py lists …          what lists of active subscriptions cost: lists.py
    tests/bench/run.py chain …          what a delivery costs behind Apache, by its module and without: chain.py
    tests/bench/run.py heartbeat …      what heartbeats cost behind each front: heartbeat.py
    tests/bench/run.py nodes …          what several hubs on one Redis cost, beside centrifugo: nodes.py
    tests/bench/run.py page …           what the page for people does while events pour in: page.py
    tests/bench/run.py relay …          how many pages the relay of shared hosts serves, and how late: relay.py

The floor (ssefloor.c) is one thread and one send() a subscriber, by HTTP: the least a hub can do;
for FastCGI it stands on a Unix socket too. nchan runs on TCP, one worker, messages in memory.
Ratios are of server CPU per unit (delivery, publish, connect and leave) or of units a second;
wall time is noise on a busy machine, which is why every figure is a median.
"""
import argparse
import contextlib
import glob
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import jwt

import history
import lists
import matching
import tokens
import traces

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "bench"
KEY = "0123456789abcdef0123456789abcdef"
NCHAN = (glob.glob("/usr/lib/nginx/modules/ngx_nchan_module.so") or [None])[0]

FAN = ["-m", "fanout", "--rst", "-c", "1"]
SPARSE = ["-m", "sparse", "-k", "32", "-c", "16", "-W", "64", "--random", "--rst"]
CPU, CPU_PUBLISH, RATE, MEMORY = "server_cpu_us_per_unit", "server_cpu_us_per_publish", "publish_per_s", "pss_per_sub"
DELIVERIES = "deliveries_per_s"
# name: (arguments, figures, first of them with the goal of its ratio to the floor)
SHAPES = {
    "fanout_100": (FAN + ["-n", "100", "-k", "1", "-W", "1"], [CPU]),
    "fanout_1000": (FAN + ["-n", "1000", "-k", "1", "-W", "1"], [CPU]),
    "fanout_10000": (FAN + ["-n", "10000", "-k", "1", "-W", "1"], [CPU]),
    "outstanding_16": (FAN + ["-n", "1000", "-k", "2", "-W", "16"], [DELIVERIES, CPU]),
    "sparse_100": (SPARSE + ["-n", "100"], [RATE, CPU_PUBLISH]),
    "sparse_10000": (SPARSE + ["-n", "10000"], [RATE, CPU_PUBLISH]),
    "publish": (["-m", "publish", "-n", "0", "-k", "32", "-c", "16"], [RATE, CPU_PUBLISH]),
    "idle": (["-m", "idle", "-n", "10000", "--settle", "2", "--rst"], [MEMORY]),
    "churn": (["-m", "churn", "-n", "200", "--rst"], [CPU]),
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


def answers(where):
    with socket.socket(socket.AF_UNIX if isinstance(where, str) else socket.AF_INET) as s:
        return s.connect_ex(where if isinstance(where, str) else ("127.0.0.1", where)) == 0


class Server:
    def __init__(self, kind, wire, binary, folder, extra=""):
        self.where = free_port() if wire == "tcp" else f"{folder}/hub.sock"
        address = f"127.0.0.1:{self.where}" if wire == "tcp" else f"unix/{self.where}"
        conf = Path(folder) / "server.conf"
        if kind == "floor":
            command = [BUILD / "ssefloor", self.where, "chunked"]
        elif kind == "alipes":
            conf.write_text(f"listen {address}\nanonymous\ntransport memory\npublisher_jwt {KEY}\n"
                            f"subscriber_jwt {KEY}\nmax_streams_per_token 20000\nlog logfmt error\n{extra}")
            command = [binary, "-c", conf]
        else:
            conf.write_text(
                f"load_module {NCHAN};\nworker_processes 1;\ndaemon off;\npid {folder}/pid;\nerror_log /dev/null;\n"
                "worker_rlimit_nofile 20000;\nevents { worker_connections 15000; }\nhttp {\naccess_log off;\n"
                f"client_body_temp_path {folder}/body;\nproxy_temp_path {folder}/proxy;\n"
                f"fastcgi_temp_path {folder}/fastcgi;\nuwsgi_temp_path {folder}/uwsgi;\nscgi_temp_path {folder}/scgi;\n"
                f"keepalive_requests 100000000;\nnchan_shared_memory_size 512M;\nserver {{ listen 127.0.0.1:{self.where} backlog=4096;\n"
                "location ~ ^/sub/(.*)$ { nchan_subscriber eventsource; nchan_channel_id $1; nchan_subscriber_first_message newest; }\n"
                "location ~ ^/pub/(.*)$ { nchan_publisher; nchan_channel_id $1; nchan_message_buffer_length 10; }\n}\n}\n")
            command = ["/usr/sbin/nginx", "-c", conf]
        self.process = subprocess.Popen([str(c) for c in command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + 10
        while not answers(self.where):
            if time.monotonic() > deadline or self.process.poll() is not None:
                raise SystemExit(f"{kind} does not answer on {self.where}")
            time.sleep(0.01)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def measure(kind, wire, shape, seconds, binary, extra="", beside=lambda folder: contextlib.nullcontext()):
    """`extra`: further lines of the configuration, with {} for its folder; `beside`: what goes on meanwhile."""
    folder = tempfile.mkdtemp(prefix="bench")
    os.chmod(folder, 0o755)
    server = Server(kind, wire, binary, folder, extra.format(folder))
    try:
        base = f"http://127.0.0.1:{server.where}" if wire == "tcp" else f"unix:{server.where}:"
        command = [BUILD / "ssebench", *SHAPES[shape][0], "-d", 2 if shape == "idle" else seconds]
        if kind == "floor":
            number = "?t={t}" if shape.startswith("sparse") else ""
            command += ["-s", f"{base}/s{number}", "-p", f"{base}/p{number}"]
        elif kind == "nchan":
            command += ["-s", f"{base}/sub/t{{t}}", "-p", f"{base}/pub/t{{t}}"]
        else:
            hub = f"{base}/.well-known/mercure"
            token = jwt.encode({"mercure": {"publish": ["*"]}}, KEY, algorithm="HS256")
            command += ["-s", f"{hub}?topic=t{{t}}", "-p", hub, "-P", f"Authorization: Bearer {token}",
                        "-P", "Content-Type: application/x-www-form-urlencoded", "-B", "topic=t{t}&data={payload}"]
            if wire == "fastcgi":
                command.append("--fastcgi")
                if "-k" in SHAPES[shape][0]:  # one publish at a time on a FastCGI connection
                    command += ["-c", SHAPES[shape][0][SHAPES[shape][0].index("-k") + 1]]
        command += ["-w", server.process.pid, "--timeout", 60]
        with beside(folder):
            done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=180)
        if done.returncode != 0:
            raise SystemExit(f"{kind} {wire} {shape}: {done.stderr or done.stdout}")
        return json.loads(done.stdout)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def show(number):
    return f"{number:,.0f}" if number >= 1000 else f"{number:.2f}"


def main():
    if sys.argv[1:2] == ["tokens"]:
        tokens.main(sys.argv[2:])
        return
    if sys.argv[1:2] in (["heartbeat"], ["chain"]):
        import chain  # they bring the modules of the system tests, some of which have names of these
        import heartbeat
        build()
        {"chain": chain, "heartbeat": heartbeat}[sys.argv[1]].main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["subscriptions"]:
        import subscriptions
        subscriptions.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["relay"]:
        import relay
        relay.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["page"]:
        import page
        page.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["nodes"]:
        build()
        import nodes
        nodes.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["history"]:
        history.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["lists"]:
        lists.main(sys.argv[2:])
        return
    if sys.argv[1:2] == ["matching"]:
        matching.main(sys.modules[__name__], sys.argv[2:])
        return
    if sys.argv[1:2] == ["traces"]:
        traces.main(sys.modules[__name__], sys.argv[2:])
        return
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--seconds", type=float, default=4)
    options.add_argument("--wires", default="tcp,unix,fastcgi")
    options.add_argument("--only", default=",".join(SHAPES))
    options.add_argument("--bin", default=str(ROOT / "build" / "release" / "alipes"))
    options.add_argument("--no-peers", action="store_true")
    o = options.parse_args()
    build()
    result = {"cpus": os.cpu_count(), "runs": o.runs, "seconds": o.seconds, "wires": {}}
    print("| wire | shape | figure | floor | alipes | nchan | alipes / floor |\n|---|---|---|---|---|---|---|", file=sys.stderr)
    for wire in o.wires.split(","):
        for shape in o.only.split(","):
            runs = {"floor": [], "alipes": []}
            if wire == "tcp" and NCHAN and not o.no_peers:
                runs["nchan"] = []
            for _ in range(o.runs):
                for kind in runs:
                    runs[kind].append(measure(kind, wire, shape, o.seconds, o.bin))
            rows = result["wires"].setdefault(wire, {}).setdefault(shape, {"runs": runs})
            for figure in SHAPES[shape][1]:
                median = {k: statistics.median(r[figure] for r in v) for k, v in runs.items()}
                ratio = median["alipes"] / median["floor"] if median["floor"] else None
                rows[figure] = {**median, "ratio": ratio}
                print(f"| {wire} | {shape} | {figure} | {show(median['floor'])} | {show(median['alipes'])} | "
                      f"{show(median['nchan']) if 'nchan' in median else ''} | {ratio and round(ratio, 2)} |",
                      file=sys.stderr, flush=True)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
