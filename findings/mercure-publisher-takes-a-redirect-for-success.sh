#!/bin/bash
# mercure-publisher (PyPI) raises from 400 upwards and follows no redirect: a hub behind a front that sends http to https (308)
# gets nothing, and publish() returns an empty id without an error. A tuple of topics becomes one topic that nobody listens to.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv >/dev/null
venv/bin/pip install --quiet --disable-pip-version-check mercure-publisher==0.1.0 httpx==0.27.2 PyJWT==2.9.0 redis==5.1.1

cat >seen.py <<'PY'
import http.server, sys, threading, urllib.parse
import httpx
from mercure_publisher import MercureConfig, MercurePublishError, MercurePublisher

forms = []

class Front(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        form = urllib.parse.parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        forms.append((self.path, form))
        status = {"/moved": 308, "/refused": 403}.get(self.path, 200)
        self.send_response(status)
        if status == 308:
            self.send_header("Location", "/hub")
        body = b"an-id" if status == 200 else b""
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Front)
threading.Thread(target=server.serve_forever, daemon=True).start()

def publish(path, topic):
    config = MercureConfig(hub_url=f"http://127.0.0.1:{server.server_port}{path}", publisher_jwt_key="k" * 32, publish_topics=["*"])
    try:
        return MercurePublisher(config).publish(topic, "hello")
    except MercurePublishError as e:
        return f"raised {e.status_code}"

good, moved, refused = publish("/hub", "a"), publish("/moved", "a"), publish("/refused", "a")
reached = [path for path, _ in forms]
publish("/hub", ("a", "b"))
topics = forms[-1][1]["topic"]
print(f"mercure-publisher 0.1.0, httpx {httpx.__version__}")
print(f"200: {good!r}; 308: {moved!r}, asked for {reached}; 403: {refused}")
print(f"topics ('a', 'b') were sent as {topics}")
sys.exit(not (good == "an-id" and moved == "" and reached == ["/hub", "/moved", "/refused"] and refused == "raised 403" and topics == ["('a', 'b')"]))
PY
venv/bin/python seen.py
