"""Keys that cannot be: refused with the line and the reason. Keys that are unwise: a note by name."""
import os
import re
import subprocess

import pytest

import tokens
from conftest import BIN, KEY

RSA, EC = tokens.key("rsa1"), tokens.key("p256/0")
EXAMPLE = "!ChangeThisMercureHubJWTSecretKey!"


REFUSED = [
    (f'publisher_jwt "{RSA.setting}"', "a PEM key must name its algorithm: this is an RSA key, so for example RS256"),
    (f'publisher_jwt "{RSA.setting}" HS256', "HS256 signs with a shared secret"),
    (f'publisher_jwt "{RSA.setting}" ES256', "ES256 needs a P-256 key, and this is an RSA key"),
    (f'publisher_jwt "{EC.setting}" ES512', "ES512 needs a P-521 key, and this is a P-256 key"),
    (f"publisher_jwt {KEY} RS256", "RS256 needs an RSA key as PEM or JWK, and this is a secret"),
    (f"publisher_jwt {KEY} hs256", "the algorithm hs256 is not known"),
    (f"publisher_jwt {KEY} XS1", "the algorithm XS1 is not known"),
    (f"publisher_jwt {KEY} {KEY}", "the word behind the key is no algorithm (a key with a blank stands in quotes)"),
    (f"publisher_jwt {''.join(RSA.verifier.decode().splitlines()[1:-1])} RS256", "a public key in another form: without the lines -----BEGIN"),
    (f"publisher_jwt {''.join(RSA.verifier.decode().splitlines()[1:-1])}", "a public key is no secret"),
    ('publisher_jwt "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7" RS256', "or OpenSSH's"),
    (f"publisher_jwt {KEY} none", "the algorithm none is not known"),
    ('publisher_jwt ""', "empty"),
    ("publisher_jwt file:/nowhere/key", "/nowhere/key"),
    ('publisher_jwt "-----BEGIN PUBLIC KEY-----\\nAAAA" RS256', "cannot be read: its last line, -----END …-----, is missing"),
    ('publisher_jwt "-----BEGIN PUBLIC KEY-----\\nAAAA\\n-----END PUBLIC KEY-----" RS256', "cannot be read: it holds neither"),
    ('publisher_jwt "ssh-rsa AAAAB3NzaC1yc2EAAAADAQABAAABgQC7" HS256', "a public key is no secret"),
    ("publisher_jwt `{\"kty\":\"RSA\",\"n\":\"AQAB\",\"e\":\"AQAB\"}` RS256", "too weak"),
    ("publisher_jwt `{\"kty\":\"oct\",\"k\":\"AAAA\",\"alg\":\"HS512\"}` HS256", "the JWK is for HS512"),
]
NOTED = [
    (f"publisher_jwt {EXAMPLE}", "well-known example (!ChangeThisMercureHubJWTSecretKey!)"),
    ("publisher_jwt changeme", "well-known example (changeme)"),
    ("publisher_jwt short", "the key is shorter than 32 bytes, too short for HS256"),
    (f"publisher_jwt {KEY} HS512", "the key is shorter than 64 bytes, too short for HS512"),
    (f'publisher_jwt "{RSA.pem.decode().strip()}" RS256', "this is a private key"),
]


def check(folder, text):
    conf = folder / "alipes.conf"
    conf.write_text(f"anonymous\ntransport memory\n{text}\n")
    done = subprocess.run([BIN, "config", "check", conf], capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr, f"{conf}:3: "


@pytest.mark.parametrize("line, words", REFUSED, ids=range(len(REFUSED)))
def test_a_key_that_cannot_be_is_refused_with_its_line(tmp_path, line, words):
    status, said, place = check(tmp_path, line)
    assert status == 1 and place in said and words in said, said
    assert KEY not in said and "AAAAB3" not in said


@pytest.mark.parametrize("line, words", NOTED, ids=range(len(NOTED)))
def test_a_key_that_is_unwise_is_noted(tmp_path, line, words):
    status, said, place = check(tmp_path, line)
    assert status == 0 and place in said and words in said, said


def test_nothing_is_said_of_a_good_key_or_of_an_example_that_nobody_else_reaches(tmp_path):
    for text in (f"publisher_jwt {KEY}", f'publisher_jwt "{EC.setting}" ES256', f"publisher_jwt {EXAMPLE}\nlisten 127.0.0.1:8080"):
        status, said, _ = check(tmp_path, text)
        assert status == 0 and "publisher_jwt: " not in said, said


PEM = RSA.verifier.decode().strip()
FORMS = {"as it is": PEM, "with one more line end": PEM + "\n", "CRLF": PEM.replace("\n", "\r\n"), "\\n written out": PEM.replace("\n", "\\n"),
         "\\r\\n written out": PEM.replace("\n", "\\r\\n"), "blanks": PEM.replace("\n", " "), "indented": re.sub("^", "    ", PEM, flags=re.M),
         "in quotes": f"'{PEM}'", "in quotes, written out": '"' + PEM.replace("\n", "\\n") + '"', "BOM": "\ufeff" + PEM}


@pytest.mark.parametrize("form", FORMS)
def test_a_pem_is_taken_in_the_forms_that_panels_and_editors_make_of_it(tmp_path, form):
    env = {"PATH": os.environ["PATH"], "MERCURE_PUBLISHER_JWT_KEY": FORMS[form], "MERCURE_PUBLISHER_JWT_ALG": "RS256", "MERCURE_SUBSCRIBER_JWT_KEY": KEY}
    text = tokens.sign({"alg": "RS256", "typ": "JWT"}, {"mercure": {"publish": ["*"]}}, RSA)
    told = subprocess.run([BIN, "token", "inspect"], input=text, capture_output=True, text=True, env=env)
    assert "publish: accepted" in told.stdout, told
    done = subprocess.run([BIN, "config", "check"], capture_output=True, text=True, env={**env, "MERCURE_EXTRA_DIRECTIVES": "transport memory"})
    assert done.returncode == 0 and "MERCURE_PUBLISHER_JWT_KEY" not in done.stdout, done
    heredoc = f"publisher_jwt <<KEY\n{FORMS['indented']}\n    KEY RS256"
    assert check(tmp_path, heredoc)[0] == 0


def test_the_environment_chooses_the_algorithm_of_a_pem(tmp_path):
    env = {"PATH": os.environ["PATH"], "MERCURE_PUBLISHER_JWT_KEY": EC.setting, "MERCURE_SUBSCRIBER_JWT_KEY": KEY}
    made = subprocess.run([BIN, "token", "--publish", "*", "--key-file", "/dev/stdin"], input=EC.pem, capture_output=True, env=env, check=True)
    told = subprocess.run([BIN, "token", "inspect"], input=made.stdout, capture_output=True, env=env, check=True)
    assert b"publish: accepted" in told.stdout


@pytest.mark.parametrize("inside", [f"publisher_jwt {KEY}", f"issuer https://i.example {{ publisher {{ jwt {KEY} HS256 }} }}",
                                    f'publisher_jwt `{{"kty":"oct","k":"{KEY}"}}`'], ids=["secret", "of-an-issuer", "jwk"])
def test_a_secret_in_a_configuration_that_everybody_may_read_is_told(tmp_path, inside):
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_mode & 0o001 == 0:
            folder.chmod(0o711)
    conf = tmp_path / "alipes.conf"
    conf.write_text(f"anonymous\ntransport memory\n{inside}\n")

    def noted():
        done = subprocess.run([BIN, "config", "check", conf], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return [line for line in done.stdout.split("\n") if "everybody on this machine may read" in line]

    conf.chmod(0o644)
    (line,) = noted()
    assert f"{conf}:3: " in line and "chmod o-r" in line and KEY not in line
    conf.chmod(0o640)
    assert not noted()
    conf.chmod(0o644)
    tmp_path.chmod(0o750)
    assert not noted(), "nobody else can come to it"


def test_what_is_no_secret_or_stands_elsewhere_is_not_told_of(tmp_path):
    tmp_path.chmod(0o711)
    conf, secret = tmp_path / "alipes.conf", tmp_path / "secret"
    secret.write_text(KEY)
    for line in (f"publisher_jwt file:{secret}", "publisher_jwt {env.WORD}", f'publisher_jwt "{EC.setting}" ES256'):
        conf.write_text(f"anonymous\ntransport memory\n{line}\n")
        done = subprocess.run([BIN, "config", "check", conf], capture_output=True, text=True, env={**os.environ, "WORD": KEY})
        assert done.returncode == 0 and "everybody" not in done.stdout, done
