<?php
// Who is it? Your application knows. In these examples everybody is who they say they are.
require_once __DIR__ . '/mercure.php';

session_start(['cookie_secure' => true, 'cookie_httponly' => true, 'cookie_samesite' => 'Strict']);

function visitor(): ?string
{
    return $_SESSION['name'] ?? null;
}

/** For what a script of the page asks for. */
function visitor_or_401(): string
{
    if (visitor() === null) {
        http_response_code(401);
        exit;
    }
    return visitor();
}

/** For a page: the name, or the form that asks for it. */
function visitor_or_form(string $title): string
{
    if ($_SERVER['REQUEST_METHOD'] === 'POST') {
        if (preg_match('/^.{1,40}$/u', trim($_POST['name'] ?? ''), $found)) {
            session_regenerate_id(true);
            $_SESSION['name'] = $found[0];
        } elseif (isset($_POST['leave'])) {
            session_unset();
            mercure_cookie('');  // an empty one is deleted
        }
        header('Location: .', true, 303);
        exit;
    }
    if (visitor() === null) {
        require __DIR__ . '/sign-in.php';
        exit;
    }
    return visitor();
}

function text(string $text): string
{
    return htmlspecialchars($text, ENT_QUOTES | ENT_SUBSTITUTE);
}
