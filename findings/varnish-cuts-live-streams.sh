#!/bin/bash
# Varnish (Debian's 7.1): an answer that is passed on ends after `send_timeout` (600 s by default), counted from its begin, however
# lively it is and however well its client reads, cut without a last chunk: so every event stream does, heartbeats or not. Over HTTP/2
# the same answer lives on, and so it does in a pipe.
set -euo pipefail
command -v varnishd >/dev/null || { echo "needs varnish (apt-get install varnish)" >&2; exit 2; }
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
varnishd -V 2>&1 | head -1

cat >application.py <<'PY'
import socket, sys, threading, time

def answer(peer):
    head = b""
    while b"\r\n\r\n" not in head and (part := peer.recv(4096)):
        head += part
    try:
        peer.sendall(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nCache-Control: no-store\r\nTransfer-Encoding: chunked\r\n\r\n")
        while True:
            peer.sendall(b"b\r\ndata: now\n\n\r\n")
            time.sleep(0.2)
    except OSError:
        peer.close()

server = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    threading.Thread(target=answer, args=(server.accept()[0],), daemon=True).start()
PY
port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
application=$(port) front=$(port)
python3 application.py "$application" &
pids+=($!)
cat >default.vcl <<VCL
vcl 4.1;
backend default { .host = "127.0.0.1"; .port = "$application"; }
sub vcl_recv {
    if (req.url == "/piped") { return (pipe); }
    return (pass);
}
VCL
varnishd -F -a "127.0.0.1:$front" -f "$work/default.vcl" -n "$work/state" -s default,8m -p send_timeout=3 -p feature=+http2 >/dev/null 2>&1 &
pids+=($!)
for p in "$application" "$front"; do until (: <"/dev/tcp/127.0.0.1/$p") 2>/dev/null; do sleep 0.05; done; done

lives() { # curl's options: whether it was cut before 8 s are over
    code=0
    curl -sN -m 8 -o /dev/null "$@" || code=$?
    [ "$code" = 28 ] && echo lives || echo "is cut ($code)"
}
passed=$(lives "http://127.0.0.1:$front/") h2=$(lives --http2-prior-knowledge "http://127.0.0.1:$front/") piped=$(lives "http://127.0.0.1:$front/piped")
echo "send_timeout=3, an event each 0.2 s, watched for 8 s: passed on it $passed, over HTTP/2 it $h2, piped it $piped"
[ "${passed% (*} $h2 $piped" = "is cut lives lives" ]
