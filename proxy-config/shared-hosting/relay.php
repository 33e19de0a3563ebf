<?php
// relay.php - the hub behind nothing but PHP (7.4 to 8.4, no extension).
//
// A request for the hub's path comes here, and is passed to the hub's socket: publishes, lists, preflights as they are. A
// stream cannot stay, for it would hold one of the few workers that PHP has. So it brings what was missed, waits for the next
// event or for WAIT seconds, and ends with `retry:`. An EventSource then comes back by itself, with the id of where it was:
// the hub says one as a stream begins (`event: alipes`, which fires nothing), so nothing is lost although no event came.
//
// No more than HELD pages wait at a time, each in a place that is a locked file. Who finds none is sent what was missed and
// comes back in RETRY ms, or later: all of these together ask no more than ASKS times a second, however many they are.
//
// Nobody chooses where a request goes, and headers pass by name: what is not in TO_HUB or FROM_HUB is left out, with all
// that is about one connection alone (Transfer-Encoding, Connection, Upgrade).

const HOME = '/home/me/.alipes';               // the hub's folder (alipes init); here are the places, too
const HUB = 'unix://' . HOME . '/alipes.sock'; // or tcp://127.0.0.1:8123
const HELD = 3;      // pages that may wait at a time: PHP's workers (pm.max_children, 5 on Debian) less two for the site
const WAIT = 8;      // seconds that one of them waits at most
const ASKS = 50;     // times a second that all others may ask
const RETRY = 1000;  // ms after which one of the others asks again, at the earliest
const LONGEST = 60;  // seconds after which it does at the latest, whoever else asks, and however the clock is set
const AGAIN = 50;    // ms after which a page that has waited comes back
const AWAY = 3000;   // ms after which a page comes back to a hub that is away
const QUIET = 0.01;  // seconds of silence behind which all that was missed is there
const STALLED = 30;  // seconds in which the rest of an event comes, or the answer to what is no stream
const BODY = 10485760;  // bytes of a publish at most

const TO_HUB = ['ACCEPT', 'ACCESS_CONTROL_REQUEST_HEADERS', 'ACCESS_CONTROL_REQUEST_METHOD', 'AUTHORIZATION', 'CACHE_CONTROL', 'COOKIE',
    'HOST', 'IF_NONE_MATCH', 'LAST_EVENT_ID', 'ORIGIN', 'REFERER', 'SEC_FETCH_MODE', 'USER_AGENT'];
const FROM_HUB = ['accept-query', 'allow', 'cache-control', 'content-length', 'content-security-policy', 'content-type',
    'cross-origin-opener-policy', 'etag', 'expires', 'last-event-id', 'link', 'location', 'mercure-last-event-id', 'pragma',
    'referrer-policy', 'retry-after', 'vary', 'www-authenticate', 'x-accel-buffering', 'x-alipes-reason', 'x-content-type-options',
    'x-total-count'];

/** A header's value as it came, or null. A byte that could begin another header is none of a value. */
function header_of_client(string $name): ?string
{
    // What a rewrite rule has set, Apache names anew.
    $value = $_SERVER["HTTP_$name"] ?? $_SERVER["REDIRECT_HTTP_$name"] ?? null;
    return is_string($value) && !preg_match('/[\x00-\x08\x0a-\x1f\x7f]/', $value) ? $value : null;
}

/** What an EventSource asks for; it is told to come back where the hub cannot be asked. */
function wants_stream(): bool
{
    return in_array($_SERVER['REQUEST_METHOD'], ['GET', 'QUERY'], true) && strpos(header_of_client('ACCEPT') ?? '', 'text/event-stream') !== false;
}

function request(string $body): string
{
    $headers = [];
    foreach (TO_HUB as $name) {
        $headers[$name] = header_of_client($name);
    }
    if (wants_stream()) {  // by these two the hub knows whom to tell an id as the stream begins
        $headers['SEC_FETCH_MODE'] = 'cors';
        $headers['CACHE_CONTROL'] = 'no-cache';
    }
    // In place of what a client says itself: the last peer that is known for certain.
    $headers['X_FORWARDED_FOR'] = $_SERVER['REMOTE_ADDR'];
    $headers['X_FORWARDED_PROTO'] = in_array(strtolower($_SERVER['HTTPS'] ?? ''), ['', 'off'], true) ? 'http' : 'https';
    $headers['CONTENT_TYPE'] = isset($_SERVER['CONTENT_TYPE']) && !preg_match('/[\x00-\x1f\x7f]/', $_SERVER['CONTENT_TYPE']) ? $_SERVER['CONTENT_TYPE'] : null;
    $headers['CONTENT_LENGTH'] = $body !== '' || in_array($_SERVER['REQUEST_METHOD'], ['POST', 'QUERY'], true) ? strlen($body) : null;
    // HTTP/1.0: the answer is not cut into chunks and ends with the connection.
    $text = "{$_SERVER['REQUEST_METHOD']} {$_SERVER['REQUEST_URI']} HTTP/1.0\r\n";
    foreach ($headers as $name => $value) {
        if ($value !== null && $value !== '') {
            $text .= strtr($name, '_', '-') . ": $value\r\n";
        }
    }
    return "$text\r\n$body";
}

/** An answer without the hub's word: $status; to a page, in place of a 503, when to come back. */
function answer(int $status, string $why): void
{
    $comes_back = $status === 503 && wants_stream();
    header('Cache-Control: no-store');
    header('Content-Type: ' . ($comes_back ? 'text/event-stream' : 'text/plain') . '; charset=utf-8');
    $origin = header_of_client('ORIGIN');
    if ($comes_back) {
        if ($origin !== null) {
            header("Access-Control-Allow-Origin: $origin");
            header('Access-Control-Allow-Credentials: true');
        }
        exit('retry: ' . AWAY . "\n: $why\n\n");
    }
    http_response_code($status);
    exit("$why\n");
}

/** Reads to the end of the head; what had come behind it. Null: there was none. */
function read_head($hub, array &$lines): ?string
{
    $text = '';
    while (($end = strpos($text, "\r\n\r\n")) === false) {
        $part = fread($hub, 8192);
        if ($part === false || $part === '' || strlen($text) > 65536) {
            return null;
        }
        $text .= $part;
    }
    $lines = explode("\r\n", substr($text, 0, $end));
    return substr($text, $end + 4);
}

/** Passes the head; is it that of a stream? */
function pass_head(array $lines): bool
{
    $status = (int) substr(array_shift($lines), 9, 3);
    $stream = $status === 200 && preg_grep('#^content-type: *text/event-stream#i', $lines) && $_SERVER['REQUEST_METHOD'] !== 'HEAD';
    header_remove('X-Powered-By');
    foreach ($lines as $line) {
        $name = strtolower(strstr($line, ':', true));
        if ((in_array($name, FROM_HUB, true) || strpos($name, 'access-control-') === 0) && !($stream && $name === 'content-length')) {
            header($line, $name === 'content-type');
        }
    }
    http_response_code($status);  // behind the headers, of which some set another one
    return $stream;
}

/** A place to wait in, until this script ends; null where all are taken. */
function place()
{
    for ($i = 0; $i < HELD; $i++) {
        $file = @fopen(HOME . "/relay-$i.lock", 'c');
        if ($file && flock($file, LOCK_EX | LOCK_NB)) {
            return $file;
        }
    }
    return null;
}

/**
 * In how many ms the page comes back. At once where it has waited, or had a place and nobody else asks; else in its turn, which
 * is behind all that were given one. (So all who missed an event do not come back at once for a place, one after the other.)
 */
function turn(bool $place, bool $waited): int
{
    $file = $waited ? null : @fopen(HOME . '/relay-turns.lock', 'c+');
    if (!$file || !flock($file, LOCK_EX)) {
        return $waited ? AGAIN : RETRY;
    }
    $now = microtime(true);
    $given = min((float) stream_get_contents($file), $now + LONGEST);
    if ($place && $given <= $now) {
        return AGAIN;
    }
    $next = max($now + RETRY / 1000, $given + 1 / ASKS);
    rewind($file);
    fwrite($file, sprintf('%017.6F', $next));
    return (int) (($next - $now) * 1000);
}

/** Is there an event in these blocks, which is more than a comment, an id, or the hub's word where the stream stands? */
function has_event(string $blocks): bool
{
    return preg_match('/^data/m', preg_replace('/^event: alipes\nid: \S+\ndata: \n\n/m', '', $blocks)) === 1;
}

/** How much of it is whole: comments, and blocks with the empty line that ends them. */
function whole(string $text): int
{
    $end = strrpos($text, "\n\n");
    $whole = $end === false ? 0 : $end + 2;
    while (isset($text[$whole]) && $text[$whole] === ':' && ($line = strpos($text, "\n", $whole)) !== false) {
        $whole = $line + 1;
    }
    return $whole;
}

/** What comes within these seconds; nothing: an empty string. */
function more($hub, float $seconds): string
{
    stream_set_timeout($hub, (int) $seconds, (int) (fmod($seconds, 1) * 1e6));
    return (string) fread($hub, 65536);
}

/** Of a clock that nobody sets. */
function seconds(): float
{
    return hrtime(true) / 1e9;
}

/** Passes what is whole, so that nothing that stands behind is taken for a part of an event. */
function pass_stream($hub, string $text): void
{
    $place = place();
    $begun = seconds();
    $heard = false;
    do {
        $blocks = substr($text, 0, whole($text));
        $text = (string) substr($text, strlen($blocks));
        echo $blocks;
        flush();  // where the web server tells that the page has left, this is the end
        $heard = $heard || has_event($blocks);
        if ($heard && seconds() > $begun + WAIT) {
            break;  // events that never pause would keep a worker for ever
        }
        $wait = $place && !$heard ? max(QUIET, $begun + WAIT - seconds()) : QUIET;
        $part = more($hub, $text === '' ? $wait : STALLED);
        $text .= $part;
    } while ($part !== '');
    if (!feof($hub)) {  // else it has said itself when to come back, or was cut off
        echo 'retry: ' . turn($place !== null, $place && seconds() - $begun > 3 * QUIET) . "\n\n";
    }
}

function relay(): void
{
    if (!preg_match('/^[A-Z]+ \/[\x21-\x7e\x80-\xff]*$/D', "{$_SERVER['REQUEST_METHOD']} {$_SERVER['REQUEST_URI']}")) {
        answer(400, 'this is not a path');
    }
    // The body as it came, whatever PHP takes for a form.
    $body = (string) file_get_contents('php://input', false, null, 0, BODY + 1);
    $announced = (int) ($_SERVER['CONTENT_LENGTH'] ?? 0);
    if (strlen($body) > BODY || ($body === '' && $announced > 0)) {  // past post_max_size PHP has nothing of it
        answer(413, 'the body is too large');
    }
    if (strlen($body) < $announced) {
        answer(400, 'the body was cut');
    }
    $hub = @stream_socket_client(HUB, $errno, $error, 2);
    if (!$hub) {
        answer(503, 'the hub is away');
    }
    stream_set_timeout($hub, wants_stream() ? WAIT : STALLED);
    @fwrite($hub, request($body));
    $lines = [];
    $rest = read_head($hub, $lines);
    if ($rest === null) {
        answer(503, 'the hub is away');
    }
    if (pass_head($lines)) {
        pass_stream($hub, $rest);
    } else {
        echo $rest;
        fpassthru($hub);
    }
}

umask(0077);  // who could open a place could lock it
ignore_user_abort(false);
// A host may have switched off any of these.
if (function_exists('ini_set')) {
    ini_set('zlib.output_compression', '0');
    ini_set('display_errors', '0');
}
if (function_exists('set_time_limit')) {
    set_time_limit(WAIT + 2 * STALLED);
}
if (function_exists('session_write_close')) {
    session_write_close();  // session.auto_start: the visitor's other pages would wait for it
}
while (ob_get_level() > 0 && @ob_end_clean()) {
}
relay();
