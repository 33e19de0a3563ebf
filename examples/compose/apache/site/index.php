<?php
// A page that listens, and publishes what is posted to it: PHP and hub on one origin.

function token(array $rights, string $key): string
{
    if ($key === '') {
        die('PUBLISHER_KEY is not set');  // a token signed with nothing would be refused
    }
    $part = fn (string $bytes): string => rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    $input = $part('{"alg":"HS256","typ":"JWT"}') . '.' . $part(json_encode(['mercure' => $rights, 'exp' => time() + 60]));
    return $input . '.' . $part(hash_hmac('sha256', $input, $key, true));
}

const TOPIC = 'https://example.com/chat';

if ($_SERVER['REQUEST_METHOD'] === 'POST') {
    $request = curl_init('http://localhost/.well-known/mercure');
    curl_setopt_array($request, [
        CURLOPT_UNIX_SOCKET_PATH => '/run/alipes/alipes.sock',
        CURLOPT_POSTFIELDS => http_build_query(['topic' => TOPIC, 'data' => $_POST['text'] ?? '']),
        CURLOPT_HTTPHEADER => ['Authorization: Bearer ' . token(['publish' => [TOPIC]], getenv('PUBLISHER_KEY'))],
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_TIMEOUT => 5,
    ]);
    $answer = curl_exec($request);
    $status = curl_getinfo($request, CURLINFO_RESPONSE_CODE);
    http_response_code($status === 200 ? 204 : 502);
    if ($status !== 200) {
        error_log("not published: $status " . ($answer ?: curl_error($request)));
    }
    exit;
}
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>alipes with PHP</title>
<h1>alipes with PHP</h1>
<form id="form"><input name="text" aria-label="Message" required> <button>Publish</button></form>
<ol id="messages"></ol>
<script>
  const source = new EventSource('/.well-known/mercure?topic=' + encodeURIComponent(<?= json_encode(TOPIC) ?>));
  source.onmessage = event => {
    const item = document.createElement('li');
    item.textContent = event.data;
    document.getElementById('messages').prepend(item);
  };
  document.getElementById('form').onsubmit = event => {
    event.preventDefault();
    fetch('', { method: 'POST', body: new FormData(event.target) }).then(() => event.target.reset());
  };
</script>
</html>
