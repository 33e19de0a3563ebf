<?php
require __DIR__ . '/../site/visitor.php';
$name = visitor_or_form('Notifications');
?>
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Notifications</title>
<link rel="stylesheet" href="../site/page.css">
<script type="module" src="page.js"></script>
<body data-name="<?= text($name) ?>">
<main>
  <header>
    <h1>Notifications</h1>
    <span id="state" class="state" role="status" data-state="connecting">connecting</span>
    <form id="leave" method="post"><?= text($name) ?> <button class="plain" name="leave">Sign out</button></form>
  </header>

  <form id="send" class="line">
    <label>To <input name="to" value="<?= text($name) ?>" maxlength="40" size="12" autocomplete="off" required></label>
    <label class="wide">Message <input name="text" id="text" maxlength="500" autocomplete="off" required></label>
    <button>Send</button>
  </form>
  <p id="error" class="error" role="alert"></p>

  <h2>Yours</h2>
  <p id="none" class="hint">Nothing yet. What comes is shown in all your tabs at once.</p>
  <ol id="list"></ol>
  <p id="newest" class="unseen" role="status"></p>
</main>
</html>
