#!/bin/bash
# Redis (Debian's redis-server 7.0): a port without TLS answers the beginning of a TLS handshake with nothing at all, neither an
# error nor an end: it takes the bytes for the start of a command and waits for the rest of its line. So `rediss://` where
# `redis://` was meant looks like a server that hangs, and only a time-out of the client's own tells.
set -euo pipefail
command -v redis-server >/dev/null || { echo "needs redis-server (apt-get install redis-server)" >&2; exit 2; }
work=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null; wait; rm -rf "$work"' EXIT
redis-server --version
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
redis-server --port "$port" --bind 127.0.0.1 --dir "$work" --save '' --daemonize no >/dev/null &
pid=$!
until redis-cli -p "$port" ping >/dev/null 2>&1; do sleep 0.05; done
python3 - "$port" <<'PY'
import socket, ssl, sys

incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
try:
    ssl.create_default_context().wrap_bio(incoming, outgoing, server_hostname="localhost").do_handshake()
except ssl.SSLWantReadError:
    pass
peer = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
hello = outgoing.read()
peer.sendall(hello)
peer.settimeout(3)
try:
    said = peer.recv(4096)
except TimeoutError:
    said = None
print(f"sent a ClientHello of {len(hello)} bytes; within 3 s: {'nothing' if said is None else said}")
sys.exit(said is not None)
PY
