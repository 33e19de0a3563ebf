#!/bin/bash
# Redis (Debian's redis-server 7.0): a client that sends EVALSHA and WAIT in one go is told by WAIT that its replica has everything,
# also where the script was not there (NOSCRIPT) and nothing was written: WAIT is about the last write of this connection, and
# where there was none, every replica counts. Whoever takes WAIT's number for "kept by so many" has to look at the first answer, too.
set -euo pipefail
command -v redis-server >/dev/null || { echo "needs redis-server (apt-get install redis-server)" >&2; exit 2; }
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT
redis-server --version
server() { # name, more options
    mkdir "$work/$1"
    redis-server --port 0 --unixsocket "$work/$1/socket" --dir "$work/$1" --save '' --daemonize no "${@:2}" >/dev/null &
    pids+=($!)
    until redis-cli -s "$work/$1/socket" ping >/dev/null 2>&1; do sleep 0.05; done
}
port=$(python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])')
server master --port "$port" --bind 127.0.0.1
server replica --replicaof "127.0.0.1 $port"
until redis-cli -s "$work/replica/socket" info replication | grep -q 'master_link_status:up'; do sleep 0.05; done
until redis-cli -s "$work/master/socket" info replication | grep -q 'state=online'; do sleep 0.05; done

said=$(printf 'EVALSHA 0123456789012345678901234567890123456789 0\r\nWAIT 1 1000\r\n' | timeout 5 python3 -c '
import socket, sys
peer = socket.socket(socket.AF_UNIX)
peer.connect(sys.argv[1])
peer.sendall(sys.stdin.buffer.read())
data = b""
while data.count(b"\r\n") < 2:
    data += peer.recv(4096)
print(data.decode())' "$work/master/socket")
echo "$said"
echo "keys: $(redis-cli -s "$work/master/socket" dbsize)"
grep -q '^-NOSCRIPT' <<<"$said" && grep -q '^:1' <<<"$said"
