"""`alipes token` makes tokens that the hub takes; `alipes token inspect` says of every token of the table what the
hub says, in words."""
import os
import re
import subprocess

import jwt
import pytest

import tokens
from conftest import BIN, KEY, publish
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
    told = alipes("token", "--publish", "a", "--key", "secret", status=1)
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
        ("--publish", "a", "--dialect", "2"): "0 or 1", ("--publish", "a", "--payload", "{", "-c", str(configurations[tokens.OLD])): "no JSON", ("--bogus",): "unknown --bogus",
        ("--publish", "a", "--key-file", str(tmp_path / "none")): "none",
        ("--publish", "a", "-c", str(configurations[tokens.BOTH]), "--dialect", "1", "--issuer", "https://x.example"): "no issuer https://x.example",
        ("--subscribe", "a", "-c", str(configurations[tokens.BOTH])): "public key",
        ("--publish", "a", "-c", str(configurations[tokens.OLD]), "--dialect", "1"): "no issuer",
        ("--publish", "a", "--subscribe", "a", "-c", str(configurations[tokens.BOTH])): "different keys",
        ("--publish", "a", "-c", str(configurations[tokens.NEW]), "--issuer", "https://set.example"): "JWK set",
    }.items():
        done = subprocess.run([BIN, "token", *arguments], capture_output=True, text=True)
        assert done.returncode in (1, 2) and words in done.stderr and not done.stdout, (arguments, done.stderr)
