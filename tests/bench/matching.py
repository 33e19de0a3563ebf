"""What matching costs: JSON on stdout, a Markdown table on stderr.

    tests/bench/run.py matching [--runs 3] [--seconds 3] [--streams 100,1000,10000] [--only own_exact,…]
                                [--bin build/release/alipes]

The whole hub over TCP, with each shape and number of streams: CPU of the server per publish, and for the
shape in which each stream has its own exact topic also publishes a second beside the floor's. Then the index
alone (indexbench.c). The shapes run in turn, so that a busy moment of the machine meets all of them.
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
from urllib.parse import quote

import jwt

ISSUER = "issuer https://issuer.example {{\n subscriber {{\n jwt {key} HS256\n }}\n}}\n"
OWN = ["-m", "sparse", "-k", "32", "-c", "16", "-W", "64", "--random", "--rst"]
SHARED = ["-m", "sparse", "-T", "10", "-k", "4", "-c", "4", "-W", "8", "--rst"]
ALL = ["-m", "fanout", "--rst", "-c", "1", "-k", "1", "-W", "1"]
# name: (arguments of ssebench, the parameter, its value, the topic published to)
SHAPES = {
    "own_exact": (OWN, "topic", "https://example.com/users/{t}/x", "https://example.com/users/{t}/x"),
    "own_template": (OWN, "topic", "https://example.com/users/{t}/{x}", "https://example.com/users/{t}/x"),
    "own_urlpattern": (OWN, "match_urlpattern", "https://example.com/users/{t}/:x", "https://example.com/users/{t}/x"),
    "shared_10_templates": (SHARED, "topic", "https://example.com/shared/{t}/{x}", "https://example.com/shared/{t}/x"),
    "shared_10_urlpatterns": (SHARED, "match_urlpattern", "https://example.com/shared/{t}/:x", "https://example.com/shared/{t}/x"),
    "everything": (ALL, "topic", "*", "https://example.com/users/{t}/x"),
}


def escape(text):
    """Percent-encoded, but for the {t} that ssebench fills in."""
    return "{t}".join(quote(part, safe="") for part in text.split("{t}"))


def measure(run, shape, streams, seconds, binary, floor=False):
    arguments, name, value, topic = SHAPES[shape]
    folder = tempfile.mkdtemp(prefix="bench")
    os.chmod(folder, 0o755)
    server = run.Server("floor" if floor else "alipes", "tcp", binary, folder, ISSUER.format(key=run.KEY))
    try:
        base = f"http://127.0.0.1:{server.where}"
        command = [run.BUILD / "ssebench", *arguments, "-n", streams, "-d", seconds, "-w", server.process.pid, "--timeout", 60]
        if floor:
            command += ["-s", f"{base}/s?t={{t}}", "-p", f"{base}/p?t={{t}}"]
        else:
            hub = f"{base}/.well-known/mercure"
            token = jwt.encode({"mercure": {"publish": ["*"]}}, run.KEY, algorithm="HS256")
            command += ["-s", f"{hub}?{name}={escape(value)}", "-p", hub, "-P", f"Authorization: Bearer {token}",
                        "-P", "Content-Type: application/x-www-form-urlencoded", "-B", f"topic={escape(topic)}&data={{payload}}"]
        done = subprocess.run([str(c) for c in command], capture_output=True, text=True, timeout=180)
        if done.returncode != 0:
            raise SystemExit(f"{shape} {streams}: {done.stderr or done.stdout}")
        return json.loads(done.stdout)
    finally:
        server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def main(run, arguments):
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--seconds", type=float, default=3)
    options.add_argument("--streams", default="100,1000,10000")
    options.add_argument("--only", default=",".join(SHAPES))
    options.add_argument("--bin", default=str(run.ROOT / "build" / "release" / "alipes"))
    o = options.parse_args(arguments)
    run.build()
    result = {"cpus": os.cpu_count(), "runs": o.runs, "seconds": o.seconds, "shapes": {}}
    print("| shape | streams | CPU a publish, us | deliveries a publish | publishes/s | of the floor's |\n|---|---|---|---|---|---|",
          file=sys.stderr)
    shapes = o.only.split(",")
    for streams in (int(n) for n in o.streams.split(",")):
        runs = {shape: [] for shape in shapes}
        if "own_exact" in runs:
            runs["floor"] = []
        for _ in range(o.runs):
            for shape, found in runs.items():
                floor = shape == "floor"
                found.append(measure(run, "own_exact" if floor else shape, streams, o.seconds, o.bin, floor))
        for shape, found in runs.items():
            median = {figure: statistics.median(r[figure] for r in found) for figure in
                      ("server_cpu_us_per_publish", "publish_per_s", "deliveries_per_s")}
            beside = ""
            if shape == "own_exact":
                beside = round(statistics.median(r["publish_per_s"] for r in found) /
                               statistics.median(r["publish_per_s"] for r in runs["floor"]), 2)
            result["shapes"].setdefault(shape, {})[streams] = {**median, "of_floor": beside, "runs": found}
            print(f"| {shape} | {streams} | {median['server_cpu_us_per_publish']:.1f} | "
                  f"{median['deliveries_per_s'] / median['publish_per_s']:.1f} | {median['publish_per_s']:,.0f} | {beside} |",
                  file=sys.stderr, flush=True)
    done = subprocess.run([run.BUILD / "indexbench"], capture_output=True, text=True, check=True)
    result["index"] = json.loads(done.stdout)
    print(json.dumps(result))
