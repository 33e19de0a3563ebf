"""`alipes doctor` for tests: what it finds, and a folder that has the files of fronts where Debian has them."""
import json
import os
import shutil
import subprocess

from conftest import BIN

FILES = {"apache": "etc/apache2/apache2.conf", "nginx": "etc/nginx/nginx.conf", "caddy": "etc/caddy/Caddyfile",
         "haproxy": "etc/haproxy/haproxy.cfg", "lighttpd": "etc/lighttpd/lighttpd.conf"}


class Findings:
    def __init__(self, status, document):
        self.status, self.document, self.rows = status, document, document["findings"]

    def of(self, check, *verdicts):
        return [row for row in self.rows if row["check"] == check and (not verdicts or row["verdict"] in verdicts)]

    def complaints(self):
        """As a person reads them."""
        return "\n".join(f"{r['verdict']} {r['check']}: {r['said']} -> {r.get('add', '')}" for r in self.rows if r["verdict"] in ("bad", "note"))

    def bad(self):
        return sorted({row["check"] for row in self.rows if row["verdict"] == "bad"})


def run(*arguments, env=()):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MERCURE", "ALIPES_CONFIG", "ALIPES_DEFAULTS"))}
    return subprocess.run([BIN, "doctor", *map(str, arguments)], env={**clean, **dict(env)}, capture_output=True, text=True, timeout=300)


def doctor(conf, root, url=None, *more):
    done = run("-c", conf, "--json", "--root", root, *more, *([url] if url else []))
    assert done.returncode in (0, 1), done.stderr
    for word in ("AddressSanitizer", "runtime error", "LeakSanitizer", "ThreadSanitizer"):
        assert word not in done.stderr, done.stderr
    return Findings(done.returncode, json.loads(done.stdout))


def place(root, kind, conf, beside=()):
    """The front's file, where Debian has it below `root`."""
    path = root / FILES[kind]
    path.parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(conf, path)
    for file in beside:
        shutil.copy(file, path.parent)
    return root
