<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title><?= text($title) ?></title>
<link rel="stylesheet" href="../site/page.css">
<main>
  <h1><?= text($title) ?></h1>
  <form method="post" class="line">
    <label>Your name <input id="name" name="name" maxlength="40" autocomplete="nickname" required autofocus></label>
    <button>Come in</button>
  </form>
</main>
</html>
