<?php
require __DIR__ . '/../site/visitor.php';
$name = visitor_or_form('The room');
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>The room</title>
<link rel="stylesheet" href="../site/page.css">
<link rel="stylesheet" href="room.css">
<script type="module" src="page.js"></script>
<body data-name="<?= text($name) ?>">
<main>
  <header>
    <h1>The room</h1>
    <span id="state" class="state" role="status" data-state="connecting">connecting</span>
    <form method="post"><?= text($name) ?> <button class="plain" name="leave">Leave</button></form>
  </header>

  <h2 id="count">Here now</h2>
  <ul id="here" aria-labelledby="count"></ul>

  <h2 id="happened">Coming and going</h2>
  <ol id="log" role="log" aria-labelledby="happened"></ol>
</main>
</html>
