<?php
// What an EventSource is told while the hub is away: ask again in 3 s (unix.htaccess, port.htaccess).
header('Status: 200 OK');  // php-fpm says nothing of a 200, and Apache would take that for its own 503
header('Content-Type: text/event-stream; charset=utf-8');
header('Cache-Control: no-store');
if (isset($_SERVER['HTTP_ORIGIN'])) {
    header("Access-Control-Allow-Origin: {$_SERVER['HTTP_ORIGIN']}");
    header('Access-Control-Allow-Credentials: true');
}
echo "retry: 3000\n: the hub is away\n\n";
