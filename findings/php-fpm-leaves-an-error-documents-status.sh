#!/bin/bash
# Apache (Debian's 2.4) with php-fpm (8.2) by mod_proxy_fcgi, and a page of PHP as ErrorDocument of a backend that is down: what the
# page sets by http_response_code(200) does not reach the client, for php-fpm says nothing of a 200, and Apache keeps the 503 that
# brought it there. Any other status passes. `header('Status: 200 OK')` is said, and makes it a 200.
set -euo pipefail
fpm=$(compgen -c php-fpm | sort | head -1)
[ -x /usr/sbin/apache2 ] && [ -n "$fpm" ] || { echo "needs apache2 and php-fpm (apt-get install apache2 php-fpm)" >&2; exit 2; }
work=$(mktemp -d)
pids=()
trap 'kill "${pids[@]}" 2>/dev/null; wait; rm -rf "$work"' EXIT
chmod 755 "$work"
cd "$work"
/usr/sbin/apache2 -v | head -1
"$fpm" -v | head -1
port() { python3 -c 'import socket; s = socket.create_server(("127.0.0.1", 0)); print(s.getsockname()[1])'; }
front=$(port) down=$(port) modules=/usr/lib/apache2/modules

mkdir site
echo "<?php http_response_code(200); echo 'page';" >site/function-200.php
echo "<?php http_response_code(202); echo 'page';" >site/function-202.php
echo "<?php header('Status: 200 OK'); echo 'page';" >site/header-200.php
cat >fpm.conf <<CONF
[global]
error_log = $work/fpm.log
daemonize = no
[www]
user = www-data
group = www-data
listen = $work/fpm.sock
listen.mode = 0666
pm = static
pm.max_children = 1
CONF
"$fpm" -y fpm.conf -R 2>/dev/null &
pids+=($!)
cat >apache.conf <<CONF
ServerRoot $work
ServerName localhost
PidFile $work/apache.pid
ErrorLog $work/apache.log
Listen 127.0.0.1:$front
User www-data
Group www-data
LoadModule mpm_event_module $modules/mod_mpm_event.so
LoadModule authz_core_module $modules/mod_authz_core.so
LoadModule proxy_module $modules/mod_proxy.so
LoadModule proxy_http_module $modules/mod_proxy_http.so
LoadModule proxy_fcgi_module $modules/mod_proxy_fcgi.so
DocumentRoot $work/site
<FilesMatch "\.php$">
    SetHandler "proxy:unix:$work/fpm.sock|fcgi://localhost"
</FilesMatch>
ProxyPass /backend http://127.0.0.1:$down/ retry=0
CONF
for page in function-200 function-202 header-200; do
    echo "<Location /backend/$page>
    ErrorDocument 503 /$page.php
</Location>"
done >>apache.conf
/usr/sbin/apache2 -f "$work/apache.conf" -DFOREGROUND &
pids+=($!)
for _ in $(seq 100); do
    [ -S fpm.sock ] && curl -s -o /dev/null "http://127.0.0.1:$front/" && break
    sleep 0.1
done

seen=$(for page in function-200 function-202 header-200; do
    echo "$page: $(curl -s -w ' %{http_code}' "http://127.0.0.1:$front/backend/$page")"
done)
echo "$seen"
[ "$seen" = "function-200: page 503
function-202: page 202
header-200: page 200" ] || { echo "this has changed"; exit 1; }
