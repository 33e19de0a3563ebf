<?php
function mercure_token(string $role, array $topics, int $seconds, array $more = []): string
{
    $key = getenv($role === 'publish' ? 'PUBLISHER_KEY' : 'SUBSCRIBER_KEY');
    if (!$key) {
        die("no key to $role with");  // else all would be signed with nothing, and refused
    }
    $part = fn (string $bytes): string => rtrim(strtr(base64_encode($bytes), '+/', '-_'), '=');
    $claims = array_replace_recursive(['mercure' => [$role => $topics], 'exp' => time() + $seconds], $more);
    $input = $part('{"alg":"HS256","typ":"JWT"}') . '.' . $part(json_encode($claims));
    return $input . '.' . $part(hash_hmac('sha256', $input, $key, true));
}

function mercure_publish(string $topic, string $data, array $more = []): string
{
    $request = curl_init('http://localhost/.well-known/mercure');
    curl_setopt_array($request, [
        CURLOPT_UNIX_SOCKET_PATH => '/run/alipes/alipes.sock',
        CURLOPT_POSTFIELDS => http_build_query(['topic' => $topic, 'data' => $data] + $more),
        CURLOPT_HTTPHEADER => ['Authorization: Bearer ' . mercure_token('publish', [$topic], 60)],
        CURLOPT_RETURNTRANSFER => true,
        CURLOPT_TIMEOUT => 5,
    ]);
    $answer = curl_exec($request);
    $status = curl_getinfo($request, CURLINFO_RESPONSE_CODE);
    if ($status !== 200) {
        throw new RuntimeException("not published: $status " . ($answer ?: curl_error($request)));
    }
    return $answer;  // the id
}

function mercure_cookie(string $token): void
{
    setcookie('mercureAuthorization', $token, [
        'path' => '/.well-known/mercure',
        'secure' => true,
        'httponly' => true,
        'samesite' => 'Strict',
    ]);
    header('Cache-Control: no-store');
}
