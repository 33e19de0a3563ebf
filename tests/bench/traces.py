"""What tracing costs, and what it costs where nobody does. JSON on stdout, a Markdown table on stderr.

    tests/bench/run.py traces [--runs 3] [--seconds 4] [--bin build/release/alipes] [--before ANOTHER/BUILD/alipes]

The hub's CPU for a delivery to 1,000 streams, and for a publish to one of 10,000: by a build of before (where one is
named), with neither debug nor a trace, with a trace of a topic that nobody publishes, with one of every topic, and with
debug. Alternating, a fresh hub for each run.
"""
import argparse
import contextlib
import json
import socket
import statistics
import sys
import threading

SHAPES = {"fanout_1000": "server_cpu_us_per_unit", "sparse_10000": "server_cpu_us_per_publish"}


@contextlib.contextmanager
def tracing(folder, topic):
    """Somebody traces it, and reads all that comes."""
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(f"{folder}/metrics.sock")
        s.sendall(f"GET /trace?topic={topic} HTTP/1.0\r\n\r\n".encode())
        assert b" 200 " in s.recv(4096)

        def read():
            with contextlib.suppress(OSError):
                while s.recv(1 << 20):
                    pass
        reader = threading.Thread(target=read)
        reader.start()
        yield
        s.shutdown(socket.SHUT_RDWR)
        reader.join()


KINDS = {  # what is in the configuration, and which topic is traced
    "before": ("", None),
    "off": ("", None),
    "another topic": ("", "elsewhere"),
    "every topic": ("", "*"),
    "debug": ("debug\n", None),
}


def measure(run, kind, shape, o):
    extra, topic = KINDS[kind]
    return run.measure("alipes", "unix", shape, o.seconds, o.before if kind == "before" else o.bin, extra + "metrics_listen unix/{}/metrics.sock\n",
                       lambda folder: tracing(folder, topic) if topic else contextlib.nullcontext())[SHAPES[shape]]


def main(run, arguments):
    options = argparse.ArgumentParser()
    options.add_argument("--runs", type=int, default=3)
    options.add_argument("--seconds", type=float, default=4)
    options.add_argument("--bin", default=str(run.ROOT / "build" / "release" / "alipes"))
    options.add_argument("--before")
    o = options.parse_args(arguments)
    kinds = [kind for kind in KINDS if kind != "before" or o.before]
    run.build()
    result = {}
    print(f"| µs of CPU | {' | '.join(kinds)} |\n|---|{'---|' * len(kinds)}", file=sys.stderr)
    for shape in SHAPES:
        runs = {kind: [] for kind in kinds}
        for _ in range(o.runs):
            for kind in kinds:
                runs[kind].append(measure(run, kind, shape, o))
        result[shape] = runs
        print(f"| {shape} | {' | '.join(f'{statistics.median(runs[kind]):.2f}' for kind in kinds)} |", file=sys.stderr, flush=True)
    print(json.dumps(result))
