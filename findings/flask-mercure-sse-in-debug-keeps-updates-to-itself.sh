#!/bin/bash
# flask-mercure-sse (PyPI): while the application runs in debug mode, publish() goes to a hub inside the process, whatever
# MERCURE_HUB_URL says, and returns an id; the hub that is configured hears nothing. And the token that it publishes with is
# not signed with the configured MERCURE_PUBLISHER_SECRET_KEY but with Flask's SECRET_KEY.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv >/dev/null
venv/bin/pip install --quiet --disable-pip-version-check flask-mercure-sse==0.4.1 flask==3.0.3 requests==2.32.3 PyJWT==2.9.0

cat >seen.py <<'PY'
import http.server, sys, threading
from importlib.metadata import version
import jwt
from flask import Flask
from flask_mercure_sse import MercureSSE

heard = []

class Hub(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        heard.append(self.headers["Authorization"].split()[1])
        self.send_response(200)
        self.send_header("Content-Length", "5")
        self.end_headers()
        self.wfile.write(b"an-id")

    def log_message(self, *_):
        pass

server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Hub)
threading.Thread(target=server.serve_forever, daemon=True).start()
APP, CONFIGURED = "a" * 32, "b" * 32

def publish(debug):
    app = Flask("app")
    app.debug = debug
    app.config.update(SECRET_KEY=APP, MERCURE_HUB_URL=f"http://127.0.0.1:{server.server_port}/.well-known/mercure", MERCURE_PUBLISHER_SECRET_KEY=CONFIGURED)
    with app.app_context():
        return MercureSSE(app).publish("books", "hello")

def signed_by(token, key):
    try:
        return bool(jwt.decode(token, key, algorithms=["HS256"]))
    except jwt.InvalidSignatureError:
        return False

in_debug = publish(True)
while_debug = len(heard)
publish(False)
print("flask-mercure-sse", version("flask-mercure-sse"), "flask", version("flask"))
print(f"debug: id {in_debug[:9]}…, the hub heard {while_debug} publishes; otherwise it heard {len(heard) - while_debug}")
print(f"the token is signed with MERCURE_PUBLISHER_SECRET_KEY: {signed_by(heard[0], CONFIGURED)}; with SECRET_KEY: {signed_by(heard[0], APP)}")
sys.exit(not (in_debug.startswith("urn:uuid:") and while_debug == 0 and len(heard) == 1 and not signed_by(heard[0], CONFIGURED) and signed_by(heard[0], APP)))
PY
venv/bin/python seen.py
