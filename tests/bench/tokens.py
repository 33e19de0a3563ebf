"""What tokens cost: verifications a second and core, cold and cached (verify.c), and a connect and leave with a
token beside an anonymous one. JSON on stdout, a Markdown table on stderr.

    tests/bench/run.py tokens [--runs 5] [--seconds 3]

Cold is `token_cache 0`: each request's token is parsed and verified anew. The unit of connect and leave is the
hub's CPU for one, as a median; goals: HS256 cold at most 1.5 of anonymous, cached at most 1.1.
"""
import argparse
import json
import os
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
AUDIENCE = "https://hub.example/.well-known/mercure"
GOALS = {"0.x HS256 cold": 1.5, "0.x HS256 cached": 1.1, "1.0 HS256 cold": 1.5, "1.0 HS256 cached": 1.1}


def claims(dialect):
    topics = ["https://example.com/books/1", "https://example.com/2"]
    if dialect == "0.x":
        return {"exp": int(time.time()) + 3600, "mercure": {"subscribe": topics}}, {}
    return {"iss": "i", "aud": AUDIENCE, "exp": int(time.time()) + 3600, "authorization_details": [
        {"type": "https://mercure.rocks/authorization-detail", "actions": ["subscribe"], "topics": [{"match": t} for t in topics]}]}, {"typ": "at+jwt"}


def verifications(seconds):
    """`make bench` builds it."""
    return json.loads(subprocess.run([BUILD / "verify", str(seconds)], check=True, capture_output=True, text=True).stdout)


def churn(binary, cache, header, seconds):
    with tempfile.TemporaryDirectory() as folder:
        socket = f"{folder}/hub.sock"
        conf = Path(folder) / "conf"
        conf.write_text(f"listen unix/{socket}\nanonymous\ntransport memory\nworkers 1\nlog logfmt error\nresource_identifier {AUDIENCE}\n"
                        f"publisher_jwt {KEY}\nsubscriber_jwt {KEY}\ntoken_cache {cache}\nissuer i {{\n subscriber {{ jwt {KEY} HS256 }}\n}}\n")
        hub = subprocess.Popen([binary, "-c", conf])
        try:
            while not os.path.exists(socket):
                time.sleep(0.01)
            command = [BUILD / "ssebench", "-m", "churn", "-n", "200", "--rst", "-d", str(seconds), "-w", str(hub.pid),
                       "-s", f"unix:{socket}:/.well-known/mercure?topic=https%3A%2F%2Fexample.com%2Fbooks%2F1"]
            command += ["-H", header] if header else []
            found = json.loads(subprocess.run([str(c) for c in command], check=True, capture_output=True, text=True).stdout)
            return found["server_cpu_us_per_unit"]
        finally:
            hub.terminate()
            hub.wait()


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=3)
    options = parser.parse_args(arguments)
    binary = os.environ.get("ALIPES_BIN", "build/release/alipes")
    BUILD.mkdir(parents=True, exist_ok=True)
    subprocess.run(["gcc", "-std=c11", "-O2", "-pthread", "-o", BUILD / "ssebench", ROOT / "tests/bench/ssebench.c"], check=True)
    judged = verifications(0.5)
    shapes = {"anonymous": (1024, "")}
    for dialect in ("0.x", "1.0"):
        body, header = claims(dialect)
        made = f"Authorization: Bearer {jwt.encode(body, KEY, headers=header)}"
        shapes[f"{dialect} HS256 cold"] = (0, made)
        shapes[f"{dialect} HS256 cached"] = (1024, made)
    taken = {name: [] for name in shapes}
    for _ in range(options.runs):
        for name, (cache, header) in shapes.items():
            taken[name].append(churn(binary, cache, header, options.seconds))
    cpu = {name: statistics.median(values) for name, values in taken.items()}
    ratios = {name: value / cpu["anonymous"] for name, value in cpu.items()}
    print(json.dumps({"verifications": judged, "connect_and_leave_cpu_us": cpu, "ratios": ratios, "goals": GOALS}))
    print("| algorithm | 0.x cold/s | cached/s | 1.0 cold/s | cached/s |\n|---|---|---|---|---|", file=sys.stderr)
    for name, by in judged.items():
        print(f"| {name} | " + " | ".join(f"{by[d][k]:,.0f}" for d in ("0.x", "1.0") for k in ("cold_per_s", "cached_per_s")) + " |", file=sys.stderr)
    print("\n| connect and leave | CPU µs | of anonymous | goal |\n|---|---|---|---|", file=sys.stderr)
    for name, value in cpu.items():
        print(f"| {name} | {value:.1f} | {ratios[name]:.2f} | {GOALS.get(name, '')} |", file=sys.stderr)
