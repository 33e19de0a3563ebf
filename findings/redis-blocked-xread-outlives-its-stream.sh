#!/bin/bash
# Redis (Debian's redis-server 7.0): an XREAD that blocks behind an id notices nothing of what happens to its stream but an entry
# with a later id: neither DEL, nor FLUSHALL, nor another type under its name wakes it, and a stream that begins again with
# smaller ids (automatic ones after a clock that went back, or its own) is never read. Whoever follows a stream has to ask
# beside it where it ends.
set -euo pipefail
command -v redis-server >/dev/null || { echo "needs redis-server (apt-get install redis-server)" >&2; exit 2; }
work=$(mktemp -d)
trap 'kill "$pid" 2>/dev/null; wait; rm -rf "$work"' EXIT
redis-server --version
redis-server --port 0 --unixsocket "$work/socket" --dir "$work" --save '' --daemonize no >/dev/null &
pid=$!
ask() { redis-cli -s "$work/socket" "$@"; }
until ask ping >/dev/null 2>&1; do sleep 0.05; done

failed=0
for what in 'DEL s' 'FLUSHALL' 'SET s text' 'XADD s 5-1 k v'; do
    ask flushall >/dev/null
    ask xadd s 9-1 k v >/dev/null
    ask xread block 1500 streams s 9-1 >"$work/said" 2>&1 &
    reader=$!
    until ask info clients | grep -q 'blocked_clients:1'; do sleep 0.02; done
    case $what in XADD*) ask del s >/dev/null ;; esac
    # shellcheck disable=SC2086 # words of a command
    ask $what >/dev/null
    wait "$reader"
    said=$(tr -d '\r\n' <"$work/said")
    echo "while XREAD blocks behind 9-1, $what: ${said:-(nothing, until its time was over)}"
    [ -z "$said" ] || failed=1
done
exit "$failed"
