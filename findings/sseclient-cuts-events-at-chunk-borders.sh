#!/bin/bash
# sseclient (PyPI) reads below the chunk decoder of HTTP: an event that the server sends in two chunks arrives cut off, and
# nothing says so. Text that is not ASCII is garbled unless the Content-Type names the charset. Valid streams both.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
python3 -m venv venv >/dev/null
venv/bin/pip install --quiet --disable-pip-version-check sseclient==0.0.27 requests==2.32.3 urllib3==2.2.3

cat >seen.py <<'PY'
import socket, sys, threading
import requests, sseclient, urllib3

def serve(kind, pieces):
    server = socket.create_server(("127.0.0.1", 0))
    def run():
        peer, _ = server.accept()
        peer.recv(65536)
        peer.sendall(f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n".encode())
        for piece in pieces:
            peer.sendall(b"%x\r\n%s\r\n" % (len(piece), piece))
        peer.sendall(b"0\r\n\r\n")
        peer.close()
    threading.Thread(target=run, daemon=True).start()
    return f"http://127.0.0.1:{server.getsockname()[1]}/"

def first(kind, *pieces):
    return next(iter(sseclient.SSEClient(serve(kind, pieces)))).data

plain, named = "text/event-stream", "text/event-stream; charset=utf-8"
whole = first(plain, b"data: " + b"a" * 100 + b"\n\n")
cut = first(plain, b"data: " + b"a" * 60, b"a" * 40 + b"\n\n")
garbled, right = first(plain, "data: café\n\n".encode()), first(named, "data: café\n\n".encode())
print(f"sseclient 0.0.27, requests {requests.__version__}, urllib3 {urllib3.__version__}")
print(f"100 letters in one chunk: {len(whole)}; in two chunks: {len(cut)}")
print(f"café without a charset: {garbled}; with charset=utf-8: {right}")
sys.exit(not (len(whole) == 100 and len(cut) < 100 and garbled != "café" and right == "café"))
PY
venv/bin/python seen.py
