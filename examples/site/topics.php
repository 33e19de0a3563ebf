<?php
const ROOM = 'https://example.com/room';

function notifications_of(string $name): string
{
    return 'https://example.com/users/' . rawurlencode($name) . '/notifications';
}

/** Where the hub tells who listens to a topic; below it, with one more segment, each of them. */
function subscriptions_of(string $topic): string
{
    return '/.well-known/mercure/subscriptions/' . rawurlencode($topic);
}
