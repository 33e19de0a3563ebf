<?php
require __DIR__ . '/../site/visitor.php';
require __DIR__ . '/../site/topics.php';

$notification = ['from' => visitor_or_401(), 'text' => $_POST['text'] ?? '', 'time' => time()];
mercure_publish(notifications_of($_POST['to'] ?? ''), json_encode($notification), ['private' => 'on']);
http_response_code(204);
