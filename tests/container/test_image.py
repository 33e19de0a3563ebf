"""The image as its users start it."""
import re
import subprocess
import time
from datetime import datetime

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from conftest import KEYS, PATH, Stream, address, connect, logs, publish, token, wait_for
from engine import ROOT

VARIABLES = ["-e", f"MERCURE_PUBLISHER_JWT_KEY={KEYS['publisher']}", "-e", f"MERCURE_SUBSCRIBER_JWT_KEY={KEYS['subscriber']}"]
README = (ROOT / "README.md").read_text()
EXAMPLES = (ROOT / "examples/README.md").read_text()


def hears_what_is_published(where):
    stream = Stream(where, "https://example.com/a")
    assert stream.status == 200
    assert publish(where, topic="https://example.com/a", data="hello")[0] == 200
    assert stream.data() == "hello"


def test_the_command_of_the_readme(engine, start):
    """Word for word, but for the keys and the host's port."""
    text = re.search(r"docker run -d -p 8080:8080 (.*?) alipes\n", README.replace("\\\n", " "), re.S).group(1)
    words = re.findall(r"-e (?:'[^']*'|\S)+", text)
    assert len(words) == len(text.split("-e ")) - 1 == 4
    given = [w[3:].replace("'", "") for w in words]
    assert "MERCURE_EXTRA_DIRECTIVES=cors_origins *" in given and "MERCURE_ALLOW_ANONYMOUS=1" in given
    given = [re.sub(r"^(MERCURE_(PUBLISHER|SUBSCRIBER)_JWT_KEY)=.*", lambda m: f"{m[1]}={KEYS[m[2].lower()]}", g) for g in given]
    name = start("-p", "127.0.0.1::8080", *[word for g in given for word in ("-e", g)])
    where = address(engine, name, 8080)
    hears_what_is_published(where)
    connection = connect(where)
    connection.request("GET", f"{PATH}?topic=a", headers={"Origin": "https://elsewhere.example"})
    assert connection.getresponse().getheader("Access-Control-Allow-Origin") == "*"


def test_a_token_is_made_in_the_container(engine, start):
    command = re.search(r"^    docker exec CONTAINER (alipes token .*)$", README, re.M).group(1)
    name = start("-p", "127.0.0.1::80", *VARIABLES)
    made = engine.docker("exec", name, "sh", "-c", command).stdout.strip()
    assert publish(address(engine, name, 80), made, topic="a", data="b")[0] == 200


def test_without_a_listen_variable_it_listens_on_80_and_8080(engine, start):
    name = start("-p", "127.0.0.1::80", "-p", "127.0.0.1::8080", *VARIABLES)
    for port in (80, 8080):
        assert publish(address(engine, name, port), topic="a", data="b")[0] == 200


def test_a_listen_variable_is_all_it_listens_on(engine, start):
    name = start("-p", "127.0.0.1::3000", *VARIABLES, "-e", "SERVER_NAME=:3000")
    assert publish(address(engine, name, 3000), topic="a", data="b")[0] == 200
    assert logs(engine, name).count("event=listening") == 1


HARDENED = ["--read-only", "--cap-drop", "ALL", "--security-opt", "no-new-privileges"]


def test_history_outlives_the_container_also_with_all_hardening_flags(engine, start):
    flags = ["-p", "127.0.0.1::80", "-v", "kept:/data", "-e", "MERCURE_ALLOW_ANONYMOUS=1", *VARIABLES, *HARDENED]
    name = start(*flags)
    for i in range(3):
        status, first_or_last = publish(address(engine, name, 80), topic="a", data=f"{i}")
        assert status == 200
        if i == 0:
            cursor = first_or_last
    engine.docker("rm", "-f", name)
    where = address(engine, start(*flags), 80)
    stream = Stream(where, "a", Last_Event_ID=cursor)
    assert stream.reply.getheader("Last-Event-ID") == cursor
    assert [stream.data(), stream.data()] == ["1", "2"]
    assert publish(where, topic="a", data="3")[0] == 200
    assert stream.data() == "3"


def test_it_runs_without_rights_and_stops_in_order(engine, start):
    name = start("-p", "127.0.0.1::80", "-e", "MERCURE_ALLOW_ANONYMOUS=1", *VARIABLES, *HARDENED)
    pid = engine.inspect(name, "{{.State.Pid}}")
    status = open(f"/proc/{pid}/status").read()
    assert re.search(r"^Uid:\s+990\s+990", status, re.M)
    assert re.search(r"^CapEff:\s+0+$", status, re.M) and re.search(r"^NoNewPrivs:\s+1", status, re.M)
    stream = Stream(address(engine, name, 80), "a")
    began = time.monotonic()
    engine.docker("stop", name)
    assert time.monotonic() - began < 8
    assert engine.inspect(name, "{{.State.ExitCode}}") == "0"
    rest = stream.reply.read()
    assert b"retry: " in rest


def test_a_file_at_config_is_used_and_the_health_check_reads_it_too(engine, start, tmp_path):
    tmp_path.chmod(0o755)
    conf = tmp_path / "alipes.conf"
    conf.write_text(f"listen :3000\nhealthz /ready\npublisher_jwt {KEYS['publisher']}\nanonymous\n")
    conf.chmod(0o644)
    name = start("-p", "127.0.0.1::3000", "-v", f"{conf}:/config/alipes.conf:ro")
    hears_what_is_published(address(engine, name, 3000))
    assert engine.docker("exec", name, "ls", "/data").stdout  # the history is where the image says


def test_a_pem_key_may_have_its_line_ends_written_out(engine, start):
    private = rsa.generate_private_key(65537, 2048)
    pem = private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo).decode()
    name = start("-p", "127.0.0.1::80", "-e", "MERCURE_PUBLISHER_JWT_KEY=" + pem.replace("\n", "\\n"), "-e", "MERCURE_PUBLISHER_JWT_ALG=RS256",
                 *VARIABLES[2:])
    where = address(engine, name, 80)
    assert publish(where, token(key=private, algorithm="RS256"), topic="a", data="b")[0] == 200
    assert publish(where, topic="a", data="b")[0] == 401


def test_the_libraries_that_are_opened_late_are_there(engine, start):
    extra = "resource_identifier https://hub.example/.well-known/mercure\nsubscriber_jwks_url https://127.0.0.1:9/jwks"
    name = start("-p", "127.0.0.1::80", "-e", "MERCURE_ALLOW_ANONYMOUS=1", "-e", "MERCURE_TRUSTED_ISSUERS=https://auth.example",
                 *VARIABLES[:2], "-e", f"MERCURE_EXTRA_DIRECTIVES={extra}")
    wait_for(lambda: re.search("event=key_set_failed.*onnect", logs(engine, name)), "libcurl's words")
    where = address(engine, name, 80)
    for match, status in (("caf%C3%A9", 200), ("soft%C2%ADhyphen", 400)):  # ICU's knowledge
        connection = connect(where)
        connection.request("HEAD", f"{PATH}?match={match}")
        assert connection.getresponse().status == status
    assert "event=library_missing" not in logs(engine, name)


def test_a_trusted_issuer_makes_it_speak_both_dialects(engine, start):
    name = start("-p", "127.0.0.1::80", *VARIABLES, "-e", "MERCURE_TRUSTED_ISSUERS=https://auth.example",
                 "-e", "MERCURE_EXTRA_DIRECTIVES=resource_identifier https://hub.example/.well-known/mercure")
    where = address(engine, name, 80)
    claims = {"iss": "https://auth.example", "aud": "https://hub.example/.well-known/mercure", "exp": time.time() + 3600,
              "authorization_details": [{"type": "https://mercure.rocks/authorization-detail", "actions": ["publish"],
                                         "topics": [{"match": "https://example.com/a"}]}]}
    for issuer, status in (("https://auth.example", 200), ("https://elsewhere.example", 401)):
        auth = jwt.encode({**claims, "iss": issuer}, KEYS["publisher"], algorithm="HS256", headers={"typ": "at+jwt"})
        assert publish(where, auth, topic="https://example.com/a", data="b")[0] == status
    assert publish(where, topic="a", data="b")[0] == 200


def test_secrets_may_be_files(engine, start, tmp_path):
    tmp_path.chmod(0o755)
    for role, key in KEYS.items():
        (tmp_path / role).write_text(key + "\n")
        (tmp_path / role).chmod(0o644)
    name = start("-p", "127.0.0.1::80", "-v", f"{tmp_path}:/run/secrets:ro",
                 "-e", "MERCURE_PUBLISHER_JWT_KEY_FILE=/run/secrets/publisher", "-e", "MERCURE_SUBSCRIBER_JWT_KEY_FILE=/run/secrets/subscriber")
    assert publish(address(engine, name, 80), topic="a", data="b")[0] == 200


@pytest.mark.parametrize("variable, successor", [
    ("JWT_KEY", "MERCURE_PUBLISHER_JWT_KEY and MERCURE_SUBSCRIBER_JWT_KEY"), ("ADDR", "MERCURE_LISTEN_ADDR"),
    ("CORS_ALLOWED_ORIGINS", "MERCURE_CORS_ORIGINS")])
def test_obsolete_names_say_their_successor(engine, start, variable, successor):
    name = start(*VARIABLES, "-e", f"{variable}=x", wait=False)
    assert engine.docker("wait", name).stdout.strip() == "1"
    assert successor in logs(engine, name)


def test_without_keys_it_says_which_variable_is_missing(engine, start):
    name = start(wait=False)
    assert engine.docker("wait", name).stdout.strip() == "1"
    assert "MERCURE_PUBLISHER_JWT_KEY" in logs(engine, name)


def test_the_compose_file_of_the_examples_readme(engine, image, tmp_path):
    """As written, but for the keys and the host's port; a hub that is killed comes back by itself."""
    text = re.search(r"^    services:\n(?:    .*\n|\n)+", EXAMPLES, re.M).group(0)
    text = re.sub("^    ", "", text, flags=re.M)
    assert "MERCURE_LISTEN_ADDR: ':8080'" in text and "restart: unless-stopped" in text
    assert "MERCURE_ALLOW_ANONYMOUS: 0" in text and "MERCURE_DEBUG: 0" in text
    text = re.sub(r"(MERCURE_(PUBLISHER|SUBSCRIBER)_JWT_KEY: ).*", lambda m: m[1] + KEYS[m[2].lower()], text)
    text = text.replace("8080:8080", "127.0.0.1::8080")
    (tmp_path / "compose.yaml").write_text(text)
    try:
        engine.compose(tmp_path, "up", "-d")
        name = engine.compose(tmp_path, "ps", "-q").stdout.strip()
        healthy = lambda: engine.inspect(name, "{{.State.Health.Status}}") == "healthy"
        wait_for(healthy, "the hub")
        where = address(engine, name, 8080)
        assert publish(where, topic="a", data="b")[0] == 200
        assert Stream(where, "a").status == 401
        assert Stream(where, "a", Authorization=f"Bearer {token('subscribe')}").status == 200
        subprocess.run(["kill", "-9", engine.inspect(name, "{{.State.Pid}}")], check=True)
        wait_for(lambda: engine.inspect(name, "{{.RestartCount}}") == "1" and healthy(), "the hub's return")
        assert publish(address(engine, name, 8080), topic="a", data="b")[0] == 200
    finally:
        engine.compose(tmp_path, "down", "-v", "-t", "3", check=False)


def test_the_image_is_small_and_the_hub_listens_at_once(engine, image):
    size = int(engine.inspect(image, "{{.Size}}")) / 1e6
    base = int(engine.inspect("debian:bookworm-slim", "{{.Size}}")) / 1e6
    took = []
    while len(took) < 10 and min(took, default=50) >= 50:
        # The shell says when it becomes the hub; the hub's log when it listened.
        out = engine.docker("run", "--rm", *VARIABLES, "--entrypoint", "/bin/sh", image, "-c",
                            "(sleep 1; kill $$) & date +begin=%s%3N; exec alipes")
        text = out.stdout + out.stderr
        begin = int(re.search(r"begin=(\d+)", text).group(1))
        ready = datetime.fromisoformat(re.search(r"time=(\S+)Z level=info event=ready", text).group(1) + "+00:00")
        took.append(round(ready.timestamp() * 1000) - begin)
    print(f"image {size:.0f} MB, of which Debian {base:.0f}; from exec to listening {sorted(took)} ms")
    assert size < 150
    assert min(took) < 50
