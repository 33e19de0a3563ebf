# What an EventSource is told while the hub is away: ask again in 3 s (fastcgi-unix.conf).
printf 'Status: 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\nCache-Control: no-store\r\n'
if [ -n "$HTTP_ORIGIN" ]; then
    printf 'Access-Control-Allow-Origin: %s\r\nAccess-Control-Allow-Credentials: true\r\n' "$HTTP_ORIGIN"
fi
printf '\r\nretry: 3000\n: the hub is away\n\n'
