"""What a delivery costs from the hub to the client, front and hub together: Apache's own ways beside mod_alipes, plain and by
TLS 1.3, the hub alone, and, where nginx has it, nchan. JSON on stdout, a Markdown table on stderr.

    tests/bench/run.py chain [--runs 3] [--seconds 4] [--only hub,module] [--figures fanout,memory] [--streams 1000,5000,15000]

Rows alternate, and each run has a fresh hub and a fresh front. CPU is of front and hub with all their children; published is
past the front. The load generator speaks no TLS: HAProxy stands before it as the TLS client, and is not watched (it makes
latencies worse, not the server's CPU). mod_alipes runs with Debian's mpm_event.conf as it is, where 150 requests are served at
once; what holds a thread a stream is given as many threads as there are streams, but for `site`, which says what Debian's
150 mean: how long a small file takes while so many streams are there (null: no answer within 5 s). As root, for Apache.
"""
import argparse
import http.client
import json
import resource
import shutil
import ssl
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

import jwt

import heartbeat
from heartbeat import ROOT, begin, conftest
from sites import WORKERS, threads

BENCH = ROOT / "build/bench/ssebench"
RELAYED = 9500  # streams that one HAProxy takes: two descriptors each, of 20,000
# name: Apache's file, does a stream hold a thread, TLS
FRONTS = {
    "hub": None,
    "hub_relayed": None,  # behind the relay of those that speak TLS: what that makes of the others' figures
    "http": ("http-unix", True, False),
    "fastcgi": ("fastcgi-unix", True, False),
    "module": ("module-unix", False, False),
    "http_tls": ("http-unix", True, True),
    "module_tls": ("module-unix", False, True),
    "nchan": "nchan",
}
# name: what it shows
FIGURES = {
    "fanout": ("server_cpu_us_per_unit", "p50_us", "p99_us"),
    "memory": ("pss_per_sub",),
    "churn": ("server_cpu_us_per_unit",),
    "site": ("held", "before_ms", "beside_ms"),
    "many": ("held", "before_ms", "beside_ms"),
}


class Chain:
    """A hub and its front; `address`: where clients come, `port`: where publishers come, `pids`: what is watched."""

    def __init__(self, stack, name, streams, binary, debian=False):
        self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench", ignore_cleanup_errors=True)))
        self.folder.chmod(0o755)
        self.name, self.site, self.tls = name, None, False
        if FRONTS[name] == "nchan":
            self.begin_nchan(stack)
            return
        self.begin_hub(stack, binary)
        self.entry = self.port
        if FRONTS[name]:
            self.begin_apache(stack, streams, debian)
        if self.tls or name == "hub_relayed":
            self.begin_relays(stack, streams)

    def begin_hub(self, stack, binary):
        self.port, self.socket = conftest.free_port(), self.folder / "alipes.sock"
        conf = self.folder / "alipes.conf"
        conf.write_text(f"listen 127.0.0.1:{self.port}\nlisten unix/{self.socket}|0666\npublisher_jwt {conftest.KEY}\nanonymous\n"
                        f"transport memory\nmax_streams_per_address 100000\nlog logfmt error\nmetrics_listen unix/{self.folder}/metrics.sock\n")
        self.pids = [begin(stack, [binary, "-c", conf]).pid]
        conftest.wait_for(lambda: heartbeat.answers(("127.0.0.1", self.port)), "the hub")
        self.listens = self.publishes = "/.well-known/mercure"

    def begin_apache(self, stack, streams, debian):
        file, by_thread, self.tls = FRONTS[self.name]
        root = self.folder / "site"
        root.mkdir()
        (root / "small").write_text("x" * 100)
        included, tls = conftest.snippet(self.folder, f"apache/{file}.conf", self), conftest.certificate(self.folder) if self.tls else None
        more = (f"DocumentRoot {root}\n<Directory {root}>\nRequire all granted\n</Directory>\nListenBacklog 4096\n"
                + (threads(streams) if by_thread and not debian else WORKERS) + ("SSLProtocol TLSv1.3\n" if self.tls else ""))
        for _ in range(5):  # the port may be somebody's by then
            self.site = self.entry = conftest.free_port()
            conf = conftest.apache_conf(self.folder, self.site, included, conftest.APACHE_MODULES[file], tls, http2=False, more=more)
            apache = begin(stack, [*conftest.APACHE, "-f", conf, "-DFOREGROUND"])
            conftest.wait_for(lambda: apache.poll() is not None or heartbeat.answers(("127.0.0.1", self.site)), "Apache")
            if apache.poll() is None:
                self.pids.append(apache.pid)
                return
        raise SystemExit((self.folder / "error.log").read_text())

    def begin_relays(self, stack, streams):
        self.entered, self.entry = self.entry, []
        for number in range(-(-streams // RELAYED)):
            port, conf = conftest.free_port(), self.folder / f"relay{number}.cfg"
            conf.write_text(f"global\n nbthread 1\n maxconn {RELAYED + 100}\ndefaults\n mode tcp\n timeout connect 30s\n timeout client 1h\n timeout server 1h\n"
                            f"frontend f\n bind 127.0.0.1:{port} backlog 4096\n default_backend b\nbackend b\n"
                            f" server s 127.0.0.1:{self.entered}{' ssl verify none sni str(hub.example)' if self.tls else ''}\n")
            begin(stack, ["haproxy", "-db", "-f", conf])
            conftest.wait_for(lambda port=port: heartbeat.answers(("127.0.0.1", port)), "HAProxy")
            self.entry.append(port)

    def begin_nchan(self, stack):
        self.port = self.entry = conftest.free_port()
        conf = self.folder / "nginx.conf"
        kept = "\n".join(f"{what}_temp_path {self.folder}/{what};" for what in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        conf.write_text(
            f"load_module {nchan()};\nworker_processes 1;\ndaemon off;\npid {self.folder}/pid;\nerror_log /dev/null;\nworker_rlimit_nofile 20000;\n"
            f"events {{ worker_connections 19000; }}\nhttp {{\naccess_log off;\n{kept}\nkeepalive_requests 100000000;\nnchan_shared_memory_size 512M;\n"
            f"server {{ listen 127.0.0.1:{self.port} backlog=4096;\nlocation ~ ^/sub/(.*)$ {{ nchan_subscriber eventsource; nchan_channel_id $1;\n"
            "nchan_subscriber_first_message newest; }\nlocation ~ ^/pub/(.*)$ { nchan_publisher; nchan_channel_id $1; nchan_message_buffer_length 10; }\n}\n}\n")
        self.pids = [begin(stack, ["/usr/sbin/nginx", "-c", conf]).pid]
        conftest.wait_for(lambda: heartbeat.answers(("127.0.0.1", self.port)), "nginx")
        self.listens, self.publishes = "/sub/t{t}", "/pub/t{t}"

    def load(self, *shape):
        """The command of the load generator."""
        to = "" if self.name == "nchan" else "?topic=t{t}"
        entries = self.entry if isinstance(self.entry, list) else [self.entry]
        listen = [word for port in entries for word in ("-s", f"http://127.0.0.1:{port}{self.listens}{to}")]
        token = jwt.encode({"mercure": {"publish": ["*"]}}, conftest.KEY, algorithm="HS256")
        form = [] if self.name == "nchan" else ["-P", f"Authorization: Bearer {token}", "-P", "Content-Type: application/x-www-form-urlencoded",
                                                "-B", "topic=t{t}&data={payload}"]
        return [str(word) for word in [
            BENCH, *shape, *listen, "-H", "Accept: text/event-stream", "-H", "Host: hub.example", "-p", f"http://127.0.0.1:{self.port}{self.publishes}",
            *form, "-w", ",".join(map(str, self.pids)), "--rst", "--timeout", 110]]

    def get(self, count=200):
        """How long a small file takes, in ms: the median; none, where the site does not answer."""
        took = []
        for _ in range(count):
            began = time.monotonic()
            if self.tls:
                client = http.client.HTTPSConnection("127.0.0.1", self.site, timeout=5, context=ssl._create_unverified_context())
            else:
                client = http.client.HTTPConnection("127.0.0.1", self.site, timeout=5)
            try:
                client.request("GET", "/small", headers={"Host": "hub.example", "Connection": "close"})
                if client.getresponse().read() != b"x" * 100:
                    raise SystemExit("the site answers something else")
            except (OSError, http.client.HTTPException):
                return None
            finally:
                client.close()
            took.append(time.monotonic() - began)
        return round(1000 * statistics.median(took), 3)


def nchan():
    return next(iter(Path("/usr/lib/nginx/modules").glob("ngx_nchan_module.so")), None)


def loaded(chain, *shape):
    done = subprocess.run(chain.load(*shape), capture_output=True, text=True, timeout=180)
    if done.returncode:
        raise SystemExit(f"{chain.name}, {' '.join(map(str, shape))}: {done.stderr or done.stdout}")
    found = json.loads(done.stdout)
    wrong = {what: found[what] for what in ("missing", "dup", "out_of_order", "misrouted", "lost") if found.get(what)}
    if wrong:
        raise SystemExit(f"{chain.name}, {' '.join(map(str, shape))}: {wrong}")
    return {**found, **{f"{p}_us": found.get("delivery_us", {}).get(p) for p in ("p50", "p99")}}


def held(chain, streams):
    """How the site does beside so many streams: before they come, and while they are there."""
    found = {"before_ms": chain.get()}
    load = subprocess.Popen(chain.load("-m", "idle", "-n", streams, "-d", 100), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        found["held"], before = 0, -1
        deadline = time.monotonic() + 60
        while found["held"] < streams and time.monotonic() < deadline and load.poll() is None and (found["held"] > before or found["held"] < 50):
            before = found["held"]
            time.sleep(2)
            found["held"] = heartbeat.opened(chain.folder)
        found["beside_ms"] = chain.get()
    finally:
        load.kill()
        load.wait()
    return found


def measure(name, figure, o):
    some, thousands, most = o.streams
    streams = {"fanout": some, "churn": 200, "many": most}.get(figure, thousands)
    with ExitStack() as stack:
        chain = Chain(stack, name, streams, o.bin, debian=figure in ("site", "many"))
        if figure == "fanout":
            return loaded(chain, "-m", "fanout", "-n", some, "-k", 1, "-c", 1, "-W", 1, "-d", o.seconds)
        if figure == "memory":
            return loaded(chain, "-m", "idle", "-n", thousands, "--settle", 2, "-d", 2)
        if figure == "churn":
            return loaded(chain, "-m", "churn", "-n", 200, "-d", o.seconds)
        return held(chain, streams)


def asked(name, figure):
    """nchan and the hub serve no files; of what holds a thread a stream one number of streams says it."""
    if figure in ("site", "many"):
        return isinstance(FRONTS[name], tuple) and (figure == "site" or name == "module")
    return name != "nchan" or nchan()


def median(values):
    return None if None in values else statistics.median(values)


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--only", type=lambda text: text.split(","), default=list(FRONTS))
    parser.add_argument("--figures", type=lambda text: text.split(","), default=list(FIGURES))
    parser.add_argument("--streams", type=lambda text: [int(n) for n in text.split(",")], default=[1000, 5000, 15000])
    parser.add_argument("--bin", default=conftest.BIN)
    o = parser.parse_args(arguments)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    rows = []
    print("| figure | front | " + " | ".join(["first", "second", "third"]) + " |\n|---|---|---|---|---|", file=sys.stderr)
    for figure in o.figures:
        names = [name for name in o.only if asked(name, figure)]
        runs = {name: [] for name in names}
        for _ in range(o.runs):
            for name in names:
                runs[name].append(measure(name, figure, o))
        for name in names:
            shown = {what: median([run[what] for run in runs[name]]) for what in FIGURES[figure]}
            rows.append({"figure": figure, "front": name, **shown, "runs": runs[name]})
            print(f"| {figure} | {name} | " + " | ".join(f"{what} {value}" for what, value in shown.items()) + " |", file=sys.stderr, flush=True)
    print(json.dumps(rows))
