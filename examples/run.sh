#!/bin/bash
# The hub behind a real Caddy, with its page for people: what `make run` starts; with FRONT=apache behind a real Apache that has the hub's
# module, which is `make run-apache`. Ctrl-C stops both.
#
#     PORT=8081 make run         on another port
#     LISTEN=0.0.0.0 make run    for other machines as well, say from a virtual one
set -euo pipefail
cd "$(dirname "$0")/.."

front=${FRONT:-caddy}
case $front in
caddy) me="make run" Front=Caddy ;;
apache) me="make run-apache" Front=Apache ;;
*)
    echo "run.sh: FRONT is caddy or apache" >&2
    exit 2
    ;;
esac
port=${PORT:-8080}
listen=${LISTEN:-127.0.0.1}
program=build/release/alipes
module=build/release/mod_alipes.so
[ -x "$program" ] || program=alipes module=mod_alipes.so # where `make install` and `make install-apache` have put them
work=$(mktemp -d)
claim=${XDG_RUNTIME_DIR:-/tmp}/alipes-run-$UID-$port
claimed= pids=()

stop() {
    trap - INT TERM EXIT
    for pid in "${pids[@]}"; do kill -TERM "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
    for pid in "${pids[@]}"; do kill -KILL -- "-$pid" 2>/dev/null || true; done # children of an Apache that was killed itself
    rm -rf "$work" ${claimed:+"$claimed"}
}
trap stop EXIT
trap 'stop; exit 0' INT TERM

fail() {
    stop
    echo "$me: $*" >&2
    exit 1
}
taken() { fail "port $port is taken; PORT=$((port == 8080 ? 8081 : 8080)) $me takes another"; }

# Two Caddies of one user would share a port, and each get half of the requests: so a run claims its
# port before it asks whether somebody listens there.
exec 9>>"$claim"
flock -n 9 || taken
claimed=$claim
for name in localhost 127.0.0.1 ::1; do
    if (exec 3<>"/dev/tcp/$name/$port") 2>/dev/null; then taken; fi
done

start_caddy() {
    PORT=$port LISTEN=$listen ALIPES_SOCKET="$work/alipes.sock" XDG_DATA_HOME="$work" XDG_CONFIG_HOME="$work" \
        exec caddy run --config examples/run.caddyfile --adapter caddyfile 2>"$work/front.log"
}

# The project's file, with the paths of this run. Begun as root Apache becomes www-data, which has to reach the socket.
start_apache() {
    local modules=/usr/lib/apache2/modules name
    cp proxy-config/apache/http-unix.conf proxy-config/apache/module-unix.conf proxy-config/apache/hub-away.asis "$work"
    sed -i -E "s|/run/alipes/alipes.sock|$work/alipes.sock|; s|\"/usr[^\"]*/proxy-config/apache/|\"$work/|" "$work"/*-unix.conf
    {
        for name in mpm_event authz_core alias proxy proxy_http asis headers; do
            echo "LoadModule ${name}_module $modules/mod_$name.so"
        done
        cat <<CONF
LoadModule alipes_module $(realpath -q "$module" || echo "$modules/mod_alipes.so")
ServerRoot $work
ServerName localhost
DefaultRuntimeDir $work
PidFile $work/apache.pid
ErrorLog $work/front.log
User www-data
Group www-data
Listen $listen:$port
RedirectMatch "^/$" "/.well-known/mercure/ui/"
Include $work/module-unix.conf
CONF
    } >"$work/apache.conf"
    PATH=$PATH:/usr/sbin exec setsid apache2 -f "$work/apache.conf" -DFOREGROUND 2>>"$work/front.log"
}

access=0600
if [ "$front" = apache ] && [ "$(id -u)" = 0 ]; then
    access="0660|www-data"
    chmod 711 "$work"
fi

# The secret is in the environment and never on a command line; the file gives whoever we are the same in another shell.
key=$(od -An -v -tx1 -N32 /dev/urandom | tr -d ' \n')
(umask 077 && cat >"$work/env") <<ENV
export MERCURE_PUBLISHER_JWT_KEY=$key MERCURE_SUBSCRIBER_JWT_KEY=$key
export MERCURE_LISTEN_ADDR='unix/$work/alipes.sock|$access' MERCURE_ALLOW_ANONYMOUS=1
export MERCURE_CORS_ORIGINS=http://localhost:$port
export MERCURE_EXTRA_DIRECTIVES='transport log { path $work/history }
metrics_listen unix/$work/metrics.sock|0600
ui
ui_metrics token
subscriptions'
ENV
token=$(. "$work/env" && "$program" token --publish '*' --subscribe '*' --exp 24h)

(. "$work/env" && exec "$program") &
hub=$!
pids+=("$hub")

start_$front &
pids+=($!)

# Nobody but this hub takes the token, and answers with an id that was made up here.
answers() {
    [ "$(curl -fs -m 2 --noproxy '*' -H @- -d topic=urn:alipes:run -d private=on -d "id=urn:alipes:run:$$" \
        "http://localhost:$port/.well-known/mercure" <<<"Authorization: Bearer $token")" = "urn:alipes:run:$$" ]
}

# Waits until one of the two ends, and says which. (Of one that a signal has ended before it, `wait -n` hears nothing.)
# Ctrl-C goes to all three: whoever ends in order was told to, and may be heard of before our own trap is.
ended() {
    local status=0 which= pid
    for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || which=$pid; done
    if [ -n "$which" ]; then
        wait "$which" || status=$?
    else
        wait -n -p which "${pids[@]}" || status=$?
    fi
    if [ "$status" = 0 ] || [ -z "$which" ]; then
        stop
        exit 0
    fi
    if [ "$which" = "$hub" ]; then
        fail "the hub has ended (status $status); its last lines say why"
    fi
    cat "$work/front.log" >&2
    fail "$Front has ended (status $status); its log stands above"
}

tries=0
until answers; do
    for pid in "${pids[@]}"; do kill -0 "$pid" 2>/dev/null || ended; done
    [ $((tries += 1)) -lt 100 ] || { cat "$work/front.log" >&2; fail "nothing of this hub answers on port $port"; }
    sleep 0.1
done

cat <<TEXT

  The page:             http://localhost:$port/#connect&token=$token

  A publisher's token:  $token

  From a shell:
    curl -d topic=https://example.com/chat -d 'data=hello' \\
         -H 'Authorization: Bearer $token' http://localhost:$port/.well-known/mercure

  What happens there, in another shell:
    . $work/env
    $program trace
    and publish, subscribe, streams, stat, doctor http://localhost:$port; \`$program --help\` tells of each

  The token is good for a day. Ctrl-C stops both.

TEXT
ended
