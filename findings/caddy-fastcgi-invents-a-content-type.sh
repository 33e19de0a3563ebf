#!/bin/bash
# Caddy's FastCGI (Debian's caddy; reverse_proxy with `transport fastcgi`) tells the application that a body is
# application/x-www-form-urlencoded where the client named no Content-Type at all. So what must refuse a body without a
# type (RFC 10008, of a QUERY) cannot see that there is none. Over HTTP Caddy passes on what it got.
set -euo pipefail
command -v caddy >/dev/null || { echo "needs caddy (apt-get install caddy)" >&2; exit 2; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
caddy version

cat >seen.py <<'PY'
import os, socket, struct, subprocess, sys, threading, time

def pairs(content):
    at = 0
    def length():
        nonlocal at
        size, wide = content[at], content[at] >> 7
        at += 4 if wide else 1
        return struct.unpack(">I", content[at - 4:at])[0] & 0x7fffffff if wide else size
    while at < len(content):
        name, value = length(), length()
        yield content[at:at + name].decode(), content[at + name:at + name + value].decode()
        at += name + value

def exactly(peer, size):
    data = b""
    while len(data) < size:
        data += peer.recv(size - len(data))
    return data

def application(server):
    """Answers each request with the CONTENT_TYPE that it was told."""
    while True:
        peer, _ = server.accept()
        params = b""
        while True:
            _, kind, request, size, padding, _ = struct.unpack(">BBHHBB", exactly(peer, 8))
            content = exactly(peer, size + padding)[:size]
            params += content if kind == 4 else b""
            if kind == 5 and size == 0:
                break
        told = dict(pairs(params)).get("CONTENT_TYPE", "(none)")
        body = f"Content-Type: text/plain\r\n\r\n{told}".encode()
        peer.sendall(struct.pack(">BBHHBB", 1, 6, request, len(body), 0, 0) + body + struct.pack(">BBHHBB", 1, 6, request, 0, 0, 0)
                     + struct.pack(">BBHHBBIB3x", 1, 3, request, 8, 0, 0, 0, 0))
        peer.close()

def ask(port, head):
    for _ in range(100):
        try:
            peer = socket.create_connection(("127.0.0.1", port))
            break
        except OSError:
            time.sleep(0.05)
    peer.sendall(f"POST / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n{head}Content-Length: 3\r\n\r\na=b".encode())
    data = b""
    while part := peer.recv(65536):
        data += part
    return data.partition(b"\r\n\r\n")[2].decode()

server = socket.create_server(("127.0.0.1", 0))
threading.Thread(target=application, args=(server,), daemon=True).start()
with socket.create_server(("127.0.0.1", 0)) as free:
    port = free.getsockname()[1]
open("Caddyfile", "w").write(f"{{\n admin off\n auto_https off\n}}\nhttp://localhost:{port} {{\n bind 127.0.0.1\n reverse_proxy 127.0.0.1:{server.getsockname()[1]} {{\n"
                             "  transport fastcgi\n }\n}\n")
caddy = subprocess.Popen(["caddy", "run", "--config", "Caddyfile"], stderr=subprocess.DEVNULL, env={**os.environ, "HOME": os.getcwd()})
try:
    told = {sent: ask(port, f"Content-Type: {sent}\r\n" if sent else "") for sent in ("text/plain", "")}
finally:
    caddy.terminate()
    caddy.wait()
for sent, got in told.items():
    print(f"sent {sent or '(none)'}, told {got}")
sys.exit(told != {"text/plain": "text/plain", "": "application/x-www-form-urlencoded"})
PY
python3 seen.py
