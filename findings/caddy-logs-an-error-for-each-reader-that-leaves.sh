#!/bin/bash
# Caddy's reverse_proxy logs a reader that closes an event stream, which is how every page leaves, as an ERROR with two stack
# traces' worth of fields ("aborting with incomplete response"): a site with many pages has a log full of errors that are none.
set -euo pipefail
work=$(mktemp -d)
trap 'kill "${pids[@]}" 2>/dev/null || true; rm -rf "$work"' EXIT
pids=()
cd "$work"
apt-get download caddy >/dev/null 2>&1
dpkg -x caddy_*.deb root

cat >streams.py <<'PY'
import http.server, time
class Streams(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"data: hello\n\n")
                time.sleep(0.1)
        except OSError:
            pass
    def log_message(self, *_):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Streams)
print(server.server_port, flush=True)
server.serve_forever()
PY
python3 streams.py >port & pids+=($!)
for _ in $(seq 100); do [ -s port ] && break; sleep 0.05; done
front=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
printf '{\n admin off\n}\nhttp://127.0.0.1:%s {\n reverse_proxy 127.0.0.1:%s\n}\n' "$front" "$(cat port)" >Caddyfile
HOME=$work root/usr/bin/caddy run --config Caddyfile >log 2>&1 & pids+=($!)
for _ in $(seq 100); do (exec 3<>"/dev/tcp/127.0.0.1/$front") 2>/dev/null && break; sleep 0.05; done
for _ in 1 2 3; do curl -sN "http://127.0.0.1:$front/" 2>/dev/null | head -1 >/dev/null || true; done
for _ in $(seq 100); do [ "$(grep -c 'aborting with incomplete response' log)" -ge 3 ] && break; sleep 0.05; done
errors=$(grep -c '"level":"error".*aborting with incomplete response' log || true)
echo "caddy $(root/usr/bin/caddy version | cut -d' ' -f1): 3 readers left, $errors lines of level error"
[ "$errors" = 3 ] || { cat log; false; }
