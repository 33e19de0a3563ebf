#!/bin/bash
# nginx (Debian's): a reverse proxy with `proxy_buffering on` (its default) holds an event of a stream back until its buffer is full
# or the stream ends: over HTTP/1.0 to the application (the default of proxy_http_version). With `proxy_http_version 1.1` and a
# chunked answer the same configuration hands each event on at once. So a test of "is it buffered" says nothing of the other version.
set -euo pipefail
command -v nginx >/dev/null || { echo "needs nginx (apt-get install nginx-light)" >&2; exit 2; }
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT
cd "$work"
nginx -v 2>&1

cat >application.py <<'PY'
import socket, sys, threading, time

def answer(peer):
    head = b""
    while b"\r\n\r\n" not in head:
        head += peer.recv(4096)
    chunked = b"HTTP/1.1" in head.split(b"\r\n")[0]
    event = b"data: now\n\n"
    peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + (b"Transfer-Encoding: chunked\r\n" if chunked else b"") + b"\r\n")
    peer.sendall(b"%x\r\n%s\r\n" % (len(event), event) if chunked else event)
    time.sleep(60)

server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()
PY
port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
application=$(port) old=$(port) new=$(port)
python3 application.py "$application" &
pids+=($!)
cat >nginx.conf <<CONF
daemon off; master_process off; pid nginx.pid; error_log error.log;
events {}
http {
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi; uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    server { listen 127.0.0.1:$old; location / { proxy_buffering on; proxy_pass http://127.0.0.1:$application; } }
    server { listen 127.0.0.1:$new; location / { proxy_buffering on; proxy_http_version 1.1; proxy_pass http://127.0.0.1:$application; } }
}
CONF
nginx -p "$work" -c nginx.conf 2>/dev/null &
pids+=($!)
for p in "$application" "$old" "$new"; do until (: <"/dev/tcp/127.0.0.1/$p") 2>/dev/null; do sleep 0.05; done; done

hears() { curl -sN -m 3 "http://127.0.0.1:$1/" | grep -c '^data: now' || true; }
over_1_0=$(hears "$old") over_1_1=$(hears "$new")
echo "events within 3 s: $over_1_0 over HTTP/1.0 to the application, $over_1_1 over HTTP/1.1"
[ "$over_1_0 $over_1_1" = "0 1" ]
