#!/bin/bash
# A Node program that only listens (npm eventsource) ends with status 0 when the server ends the stream in order: the timer of
# the reconnect does not keep the process alive. A worker that "ran for months" stops silently at the first restart of a hub.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
npm install --silent --no-fund --no-audit eventsource@5.1.5 >npm.log 2>&1 || { cat npm.log >&2; exit 1; }

cat >server.mjs <<'JS'
import http from 'node:http';
let streams = 0;
const server = http.createServer((request, response) => {
    streams++;
    response.writeHead(200, {'Content-Type': 'text/event-stream'});
    response.write('retry: 200\ndata: hello\n\n');
    setTimeout(() => response.end(), 100);
});
server.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.on('SIGTERM', () => { console.log(`streams ${streams}`); process.exit(0); });
JS
cat >client.mjs <<'JS'
import {EventSource} from 'eventsource';
const source = new EventSource(process.argv[2]);
source.onmessage = event => console.log(`heard ${event.data}`);
if (process.argv[3] === 'busy')
    setInterval(() => {}, 1000); // anything else that keeps the process alive
JS
node server.mjs >server.log & server=$!
trap 'kill $server 2>/dev/null || true; rm -rf "$work"' EXIT
for _ in $(seq 100); do [ -s server.log ] && break; sleep 0.05; done
url=http://127.0.0.1:$(head -1 server.log)/

status=0
timeout 5 node client.mjs "$url" >idle.log || status=$?
timeout 3 node client.mjs "$url" busy >busy.log || true
echo "node $(node --version), eventsource $(node -p 'require("./node_modules/eventsource/package.json").version')"
echo "a process that only listens: status $status, heard $(wc -l <idle.log) time(s) (124 would be: still there after 5 s)"
echo "a process with a timer of its own: heard $(wc -l <busy.log) times in 3 s"
[ "$status" = 0 ] && [ "$(wc -l <idle.log)" = 1 ] && [ "$(wc -l <busy.log)" -gt 2 ]
