#!/bin/bash
# The hub behind a real Caddy, with a page: what `make run` starts. Ctrl-C stops both.
set -euo pipefail
cd "$(dirname "$0")/.."

port=${PORT:-8080}
program=build/release/alipes
[ -x "$program" ] || program=alipes # where `make install` has put both
work=$(mktemp -d)
key=$(openssl rand -hex 32)
pids=()

stop() {
    trap - INT TERM EXIT
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    rm -rf "$work"
}
trap stop EXIT
trap 'stop; exit 0' INT TERM

base64url() { openssl base64 -A | tr '+/' '-_' | tr -d '='; }
header=$(printf '{"alg":"HS256","typ":"JWT"}' | base64url)
claims=$(printf '{"mercure":{"publish":["*"],"subscribe":["*"]}}' | base64url)
signature=$(printf '%s.%s' "$header" "$claims" | openssl dgst -binary -sha256 -hmac "$key" | base64url)
token="$header.$claims.$signature"

# In the environment, not in a file and not on a command line: the key is a secret.
MERCURE_LISTEN_ADDR="unix/$work/alipes.sock|0600" MERCURE_PUBLISHER_JWT_KEY=$key \
    MERCURE_SUBSCRIBER_JWT_KEY=$key MERCURE_ALLOW_ANONYMOUS=1 \
    MERCURE_EXTRA_DIRECTIVES="transport log { path $work/history }" "$program" &
pids+=($!)

PORT=$port ALIPES_SOCKET="$work/alipes.sock" XDG_DATA_HOME="$work" XDG_CONFIG_HOME="$work" \
    caddy run --config examples/chat/Caddyfile --adapter caddyfile 2>"$work/caddy.log" &
pids+=($!)

for _ in $(seq 100); do
    if curl -fsS -o /dev/null "http://localhost:$port/" 2>/dev/null; then break; fi
    kill -0 "${pids[0]}" 2>/dev/null || { echo "the hub did not start" >&2; exit 1; }
    kill -0 "${pids[1]}" 2>/dev/null || { cat "$work/caddy.log" >&2; exit 1; }
    sleep 0.1
done

cat <<TEXT

  The page:             http://localhost:$port/#token=$token

  A publisher's token:  $token

  From a shell:
    curl -d topic=https://example.com/chat -d 'data=hello' \\
         -H 'Authorization: Bearer $token' http://localhost:$port/.well-known/mercure

  Ctrl-C stops both.

TEXT
wait -n "${pids[@]}"
