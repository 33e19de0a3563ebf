<?php
// The cookie for the hub, and what to listen to with it. A site has one such cookie: it grants all that this visitor may
// hear anywhere, and is asked for again before its token ends.
require __DIR__ . '/visitor.php';
require __DIR__ . '/topics.php';

const SECONDS = 600;  // less than PHP keeps a session that nobody asks for (session.gc_maxlifetime)

$name = visitor_or_401();
$who = subscriptions_of(ROOM);
mercure_cookie(mercure_token('subscribe', [notifications_of($name), ROOM, "$who{/subscriber}"], SECONDS, [
    'sub' => $name,                                // who opens a page anew is still the same
    'mercure' => ['payload' => ['name' => $name]],  // what the others in the room are told
]));
header('Content-Type: application/json');
echo json_encode(['seconds' => SECONDS, 'notifications' => notifications_of($name), 'room' => ROOM, 'who' => $who]);
