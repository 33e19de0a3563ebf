"""`alipes token` makes tokens that the hub takes; `alipes token inspect` says of every token of the table what the
hub says, in words."""
import base64
import os
import re
import subprocess
import time

import jwt
import pytest

import tokens
from conftest import BIN, KEY, publish, token
from test_keys import Key, KeyServer


def alipes(*arguments, text="", env=None, status=0):
    environment = {k: v for k, v in os.environ.items() if not k.startswith("MERCURE_")}
    done = subprocess.run([BIN, *map(str, arguments)], input=text, capture_output=True, text=True, env={**environment, **(env or {})})
    assert done.returncode == status, (arguments, done.stdout, done.stderr)
    return done.stdout if status != 2 and not done.stderr else done.stdout + done.stderr


@pytest.fixture(scope="module")
def configurations(tmp_path_factory):
    made = {}
    for name in (tokens.OLD, tokens.NEW, tokens.BOTH):
        folder = tmp_path_factory.mktemp("inspect")
        made[name] = folder / "alipes.conf"
        made[name].write_text("listen :8080\ntransport memory\nanonymous\n" + tokens.configuration(name, folder) + "\n")
    return made


def verdict(text, role):
    """(accepted, reason) of one role, said at length or, for one that the token does not name, in a line."""
    part = re.search(rf"^{role}: ((accepted|refused).*\n(?:    .*\n)*)", text, re.M)
    reason = re.search(r"^    reason: (\S+)$|^refused \((\S+)\)", part.group(1), re.M)
    return part.group(2) == "accepted", (reason.group(1) or reason.group(2)) if reason else ""


def test_inspect_names_the_reason_of_every_token_of_the_table(configurations):
    wrong = []
    for row in tokens.table():
        done = subprocess.run([BIN, "token", "inspect", "-c", configurations[row.hub]], input=row.token, capture_output=True, text=True)
        assert done.returncode in (0, 1) and not done.stderr, (row.name, done.stderr)
        expected = row.reason if row.inspect is None else row.inspect
        accepted, reason = verdict(done.stdout, row.role)
        if (accepted, reason) != (not expected, expected):
            wrong.append((row.name, accepted, reason, expected))
        if expected and "what to change: " not in done.stdout:
            wrong.append((row.name, "no advice"))
    assert not wrong, "\n".join(map(str, wrong))


def test_inspect_speaks_in_words(configurations):
    rows = {row.name: row for row in tokens.table()}
    text = alipes("token", "inspect", "-c", configurations[tokens.BOTH], text=rows["1.0 aud of another hub"].token, status=1)
    assert f"expected aud: {tokens.AUD}" in text and "received aud: https://other.example/.well-known/mercure" in text
    assert "The hub refuses this token." in text
    text = alipes("token", "inspect", "-c", configurations[tokens.BOTH], text="Bearer " + rows["0.x a template"].token + "\r\n")
    assert "template https://example.com/{id}" in text and "The hub takes this token." in text


def inspect(folder, made, *arguments, subscriber=KEY, publisher=KEY, extra=""):
    """(status, text) for a token, by a hub with these keys."""
    (folder / "conf").write_text(f"publisher_jwt {publisher}\nsubscriber_jwt {subscriber}\ntransport memory\n{extra}\n")
    done = subprocess.run([BIN, "token", "inspect", "-c", folder / "conf", *arguments], input=made, capture_output=True, text=True)
    assert done.returncode in (0, 1) and not done.stderr, done.stderr
    return done.returncode, done.stdout


OTHER = "fedcba9876543210fedcba9876543210"


def test_a_role_that_the_token_does_not_name_is_one_line_and_no_alarm(tmp_path):
    status, text = inspect(tmp_path, token(publish=["*"]), subscriber=OTHER)
    assert status == 0 and text.endswith("The hub takes this token.\n") and "what to change" not in text
    assert "subscribe: refused (bad_signature), and the token names no topic for it\n" in text
    status, text = inspect(tmp_path, token(publish=["a"], subscribe=["b"]), subscriber=OTHER)
    assert status == 0 and "The hub takes this token to publish alone." in text and "what to change" in text
    status, text = inspect(tmp_path, token(publish=["*"]), publisher=OTHER)
    assert status == 1 and "The hub refuses this token." in text
    status, text = inspect(tmp_path, token())
    assert status == 0 and text.count("grants no topic") == 2


@pytest.mark.parametrize("signed, configured, words", [
    (KEY + "\n", KEY, "line end behind it"),
    (KEY + "\r\n", KEY, "CR LF"),
    (f'"{KEY}"', KEY, "the signer's key stands in quotes"),
    (bytes.fromhex(KEY), KEY, "decodes the key from hex"),
    (base64.b64decode("c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I="), "c2VjcmV0LXNlY3JldC1zZWNyZXQtc2VjcmV0LXNlY3I=", "decodes the key from base64"),
    (base64.b64encode(KEY.encode()), KEY, "encodes the key as base64"),
    ("", KEY, "an empty key"),
    ("your-256-bit-secret", KEY, "example secret of jwt.io"),
    ("!ChangeThisMercureHubJWTSecretKey!", KEY, "example secret of Mercure"),
    (OTHER, KEY, "signed with the subscriber's key: to publish, sign with the publisher's"),
    ("x" * 32, KEY, "compare them byte for byte"),
])
@pytest.mark.parametrize("alg", ["HS256", "HS512"])
def test_a_signature_made_by_mistake_is_explained(tmp_path, signed, configured, words, alg):
    row = tokens.Secret(b"")
    row.secret = signed if isinstance(signed, bytes) else signed.encode()
    made = tokens.sign({"alg": alg, "typ": "JWT"}, {"mercure": {"publish": ["*"]}}, row)
    status, text = inspect(tmp_path, made, publisher=f"{configured} {alg}", subscriber=f"{OTHER} {alg}")
    assert status == 1 and "reason: bad_signature" in text and words in text.split("what to change: ")[1]
    assert configured not in text and OTHER not in text


def test_a_pair_that_was_swapped_is_told_as_well(tmp_path):
    publisher, subscriber = tokens.key("rsa1"), tokens.key("p256")
    made = tokens.sign({"alg": "ES256", "typ": "JWT"}, {"mercure": {"publish": ["*"]}}, subscriber)
    text = inspect(tmp_path, made, publisher=f'"{tokens.key("p256/2").setting}" ES256', subscriber=f'"{subscriber.setting}" ES256')[1]
    assert "signed with the subscriber's key" in text
    made = tokens.sign({"alg": "RS256", "typ": "at+jwt"}, {"iss": "https://i", "aud": tokens.AUD, "exp": 4e9, "authorization_details": [
        {"type": tokens.DETAIL, "actions": ["subscribe"], "topics": [{"match": "a"}]}]}, publisher)
    text = inspect(tmp_path, made, extra=f'resource_identifier {tokens.AUD}\nissuer https://i {{\n publisher {{ jwt "{publisher.setting}" RS256 }}\n'
                   f' subscriber {{ jwt "{tokens.key("rsa2").setting}" RS256 }}\n}}')[1]
    assert "signed with the publisher's key: to subscribe, sign with the subscriber's" in text


@pytest.mark.parametrize("wrap", ["Authorization: Bearer {}", "authorization: bearer {}", "Bearer {}\r\n", '"{}"', "'{}',", " {} ",
                                  "Cookie: mercureAuthorization={};", "mercureAuthorization={}", '"Authorization: Bearer {}"'])
def test_what_is_pasted_around_a_token_is_taken_off(tmp_path, wrap):
    assert "The hub takes this token." in inspect(tmp_path, wrap.format(token(publish=["*"])))[1]


def test_an_exp_in_milliseconds_is_noted(tmp_path):
    now = int(time.time())
    assert "looks like milliseconds" in inspect(tmp_path, token(publish=["*"], exp=now * 1000))[1]
    assert "milliseconds" not in inspect(tmp_path, token(publish=["*"], exp=now + 3600))[1]
    assert "detail: 3 days ago" in inspect(tmp_path, token(publish=["*"], exp=now - 3 * 86400))[1]


def test_a_missing_claim_is_said_and_grants_nothing(tmp_path):
    for claims, words in (({"publish": ["*"]}, "belong into it, not beside it"), ({"Mercure": {"publish": ["*"]}}, "lower case"),
                          ({"https://mercure.rocks": {}}, "ends with a slash"), ({}, "there is no mercure claim")):
        status, text = inspect(tmp_path, jwt.encode(claims, KEY, algorithm="HS256"))
        assert status == 1 and words in text and "takes this token, and it grants nothing." in text


def test_one_topic_can_be_asked_about(tmp_path):
    made = token(publish=["https://example.com/books/*", "https://example.com/{id}"], subscribe=["b"])
    status, text = inspect(tmp_path, made, "--publish", "https://example.com/1")
    assert status == 0 and "publish https://example.com/1: granted\n" in text and "The hub allows this." in text
    status, text = inspect(tmp_path, made, "--publish", "https://example.com/books/1")
    assert status == 1 and "not granted" in text and "no wildcard" in text
    status, text = inspect(tmp_path, made, "--publish", "https://example.com/1", "--subscribe", "c")
    assert status == 1 and "subscribe c: not granted: its public updates alone" in text and "does not allow" in text
    assert inspect(tmp_path, made, "--subscribe", "b")[0] == 0


def test_a_strangers_text_cannot_move_the_terminal(tmp_path):
    made = token(publish=["caf\u00e9 \u009b2J\u202ex\u001b[2J"])
    text = inspect(tmp_path, made)[1]
    assert "caf\u00e9" in text and not any(c in text for c in "\u009b\u202e\u001b") and "\\xc2\\x9b" in text


def test_inspect_fetches_sets_as_the_hub_does(tmp_path):
    server = KeyServer(tmp_path, [Key("one")])
    (tmp_path / "conf").write_text(server.conf() + "\nanonymous\ntransport memory\n")
    good = server.keys[0].token(aud=tokens.AUD)
    assert verdict(alipes("token", "inspect", "-c", tmp_path / "conf", text=good), "publish") == (True, "")
    other = Key("two").token(aud=tokens.AUD)
    assert verdict(alipes("token", "inspect", "-c", tmp_path / "conf", text=other, status=1), "publish") == (False, "unknown_kid")
    server.keys = 500
    done = subprocess.run([BIN, "token", "inspect", "-c", tmp_path / "conf"], input=good, capture_output=True, text=True)
    assert done.returncode == 1 and verdict(done.stdout, "publish") == (False, "no_keys_yet") and "key_set_failed" in done.stderr
    server.stop()


def test_inspect_reads_a_file_and_no_command_line(configurations, tmp_path):
    row = next(row for row in tokens.table() if row.name == "a good one of 0.x")
    (tmp_path / "token").write_text(row.token + "\n")
    assert "takes" in alipes("token", "inspect", "-c", configurations[tokens.BOTH], tmp_path / "token")
    told = alipes("token", "inspect", "-c", configurations[tokens.BOTH], row.token, status=2)
    assert "command line" in told and row.token not in told
    told = alipes("token", "--publish", "a", "--key", "secret", status=2)
    assert "command line" in told


def test_a_token_with_the_configurations_key_is_taken(hub):
    made = alipes("token", "-c", hub.conf, "--publish", "https://example.com/minted", "--subscribe", "*", "--payload", '{"n": 1}').strip()
    claims = jwt.decode(made, KEY, algorithms=["HS256"])
    assert claims["mercure"] == {"publish": ["https://example.com/minted"], "subscribe": ["*"], "payload": {"n": 1}}
    assert claims["exp"] - claims["iat"] == 3600
    assert publish(("127.0.0.1", hub.port), made, topic="https://example.com/minted", data="x").status == 200
    assert publish(("127.0.0.1", hub.port), made, topic="https://example.com/other", data="x").status == 401
    assert "takes" in alipes("token", "inspect", "-c", hub.conf, text=made)


@pytest.mark.parametrize("alg", tokens.KINDS)
@pytest.mark.parametrize("dialect", ["0", "1"])
def test_each_algorithm_signs(tmp_path, alg, dialect):
    key = tokens.key(tokens.issuer_key(alg))
    (tmp_path / "key").write_bytes(key.pem if hasattr(key, "pem") else key.secret + b"\n")
    (tmp_path / "conf").write_text(f'publisher_jwt "{key.setting}" {alg}\nanonymous\ntransport memory\npublic_urls https://hub.example\n'
                                   f'issuer https://i.example {{\n publisher {{ jwt "{key.setting}" {alg} }}\n}}\n')
    made = alipes("token", "-c", tmp_path / "conf", "--key-file", tmp_path / "key", "--alg", alg, "--dialect", dialect, "--publish", "a", "b").strip()
    assert jwt.get_unverified_header(made) == {"alg": alg, "typ": "at+jwt" if dialect == "1" else "JWT"}
    claims = jwt.decode(made, key.verifier, algorithms=[alg], audience=tokens.AUD if dialect == "1" else None)
    if dialect == "1":
        assert claims["authorization_details"] == [{"type": tokens.DETAIL, "actions": ["publish"], "topics": [{"match": "a"}, {"match": "b"}]}]
        assert claims["iss"] == "https://i.example"
    text = alipes("token", "inspect", "-c", tmp_path / "conf", text=made)
    assert verdict(text, "publish") == (True, "")


def test_the_key_comes_from_the_environment(tmp_path):
    env = {"MERCURE_PUBLISHER_JWT_KEY": KEY, "MERCURE_SUBSCRIBER_JWT_KEY": KEY}
    made = alipes("token", "--publish", "*", "--exp", "5m", env=env).strip()
    claims = jwt.decode(made, KEY, algorithms=["HS256"])
    assert claims["exp"] - claims["iat"] == 300
    assert "takes" in alipes("token", "inspect", text=made, env=env)


def test_what_cannot_be_made_is_said(tmp_path, configurations):
    for arguments, words in {
        (): "usage", ("--publish",): "nothing to grant", ("--publish", "a", "--exp", "soon"): "a duration",
        ("--publish", "a", "--dialect", "2"): "0 or 1", ("--publish", "a", "--payload", "{", "-c", str(configurations[tokens.OLD])): "no JSON", ("--bogus",): "unknown option --bogus",
        ("--publish", "a", "--key-file", str(tmp_path / "none")): "none",
        ("--publish", "a", "-c", str(configurations[tokens.BOTH]), "--dialect", "1", "--issuer", "https://x.example"): "no issuer https://x.example",
        ("--subscribe", "a", "-c", str(configurations[tokens.BOTH])): "public key",
        ("--publish", "a", "-c", str(configurations[tokens.OLD]), "--dialect", "1"): "no issuer",
        ("--publish", "a", "--subscribe", "a", "-c", str(configurations[tokens.BOTH])): "different keys",
        ("--publish", "a", "-c", str(configurations[tokens.NEW]), "--issuer", "https://set.example"): "JWK set",
    }.items():
        done = subprocess.run([BIN, "token", *arguments], capture_output=True, text=True)
        assert done.returncode in (1, 2) and words in done.stderr and not done.stdout, (arguments, done.stderr)
