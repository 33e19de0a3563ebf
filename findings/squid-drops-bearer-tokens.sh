#!/bin/bash
# Squid (Debian's 5.7) before an application (`http_port … accel`, `cache_peer … originserver`): the application never sees a request's
# Authorization, of whatever scheme, so a request with a Bearer token is one without. `login=PASSTHRU` at the cache_peer passes it on.
set -euo pipefail
command -v squid >/dev/null || { echo "needs squid (apt-get install squid)" >&2; exit 2; }
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT
chmod 777 "$work"
cd "$work"
squid -v | head -1

cat >application.py <<'PY'
import http.server, sys

class Says(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        body = (self.headers["Authorization"] or "nothing").encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Says).serve_forever()
PY
port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
application=$(port)
python3 application.py "$application" &
pids+=($!)

heard() { # more of the line cache_peer: what the application is told
    front=$(port)
    cat >squid.conf <<CONF
http_port 127.0.0.1:$front accel defaultsite=example.com
cache_peer 127.0.0.1 parent $application 0 no-query originserver $1
http_access allow all
cache deny all
pid_filename none
access_log none
cache_log $work/log
coredump_dir $work
cache_mem 8 MB
pinger_enable off
shutdown_lifetime 0 seconds
CONF
    squid -N -n "finding$front" -f squid.conf >/dev/null 2>&1 &
    pids+=($!)
    until (: <"/dev/tcp/127.0.0.1/$front") 2>/dev/null; do sleep 0.05; done
    told=$(curl -s -H 'Authorization: Bearer abc' "http://127.0.0.1:$front/")
}
until (: <"/dev/tcp/127.0.0.1/$application") 2>/dev/null; do sleep 0.05; done
heard ""
without=$told
heard login=PASSTHRU
echo "the application hears: $without; with login=PASSTHRU: $told"
[ "$without|$told" = "nothing|Bearer abc" ]
