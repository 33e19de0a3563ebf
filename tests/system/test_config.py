"""A configuration that is wrong: `config check`, the start and a reload say the same, all of it, and what they take acts."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

import tokens
from conftest import BIN, KEY, PATH, Client, Server, free_port, publish, token, wait_for

HEAD = f"publisher_jwt {KEY}\nsubscriber_jwt {KEY}\ntransport memory\n"


def run(*arguments, env=()):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("MERCURE", "ALIPES_CONFIG", "ALIPES_DEFAULTS"))}
    return subprocess.run([BIN, *arguments], env={**clean, **dict(env)}, capture_output=True, text=True, timeout=30)


def check(conf, text):
    conf.write_text(HEAD + text)
    return run("config", "check", conf)


# What the hub cannot begin with, or what would have no effect: @ is a folder, with a file `file` in it.
WRONG = [
    ("listen 8080", "listen: 8080: a port is written :8080"),
    ("listen 127.0.0.1", "the port is missing"),
    ("listen :99999", "at most 65535"),
    ("listen /tmp/x.sock", "unix//tmp/x.sock"),
    ("listen *:80", "the port alone: :80"),
    ("listen unix/@/a.sock|0660|no-such-group", "there is no group no-such-group"),
    ("listen unix/@/none/a.sock", "@/none: No such file or directory"),
    ("listen unix/@/file", "@/file: it exists and is not a socket"),
    ("metrics_listen 9180", "metrics_listen: 9180: a port is written :9180"),
    ("metrics_listen unix/@/a.sock|0660|no-such-group", "there is no group no-such-group"),
    ("log logfmt info @/none/log", "@/none: No such file or directory"),
    ("log logfmt info @", "@: Is a directory"),
    ("transport log { path \"\" }", "it is empty"),
    ("transport log { path @/file }", "@/file: Not a directory"),
    ("transport bolt { file a }", "unknown file"),
    ("transport_url bolt://a?syze=5", "unknown parameter syze"),
    ("transport bolt { size 2000000000 }", "1000000000"),
    ("jwks_ca @/none.pem", "cannot read @/none.pem"),
    ("transport redis { url redis://localhost  password_file @/none }", "transport: cannot read @/none"),
    ("transport redis { url rediss://localhost  tls { ca @/file } }", "transport: @/file holds no certificate (PEM)"),
    ("transport redis { stream shop }", "transport: redis: where is it?"),
    ("transport redis { uri redis://localhost }", "unknown uri; did you mean url?"),
    ("healthz /.well-known/mercure", "the hub's own path"),
    ("cors_origins https://app.example.com/", "write https://app.example.com"),
    ("cors_origins https://a.example, https://b.example", "write https://a.example"),
    ("publish_origins app.example.com", "write https://app.example.com"),
    ("anonymous on", "anonymous takes no value"),
    ("auto_https off", "it is Caddy's"),
    ("publisher_jwt {env.NO_SUCH_VARIABLE", "looks like a placeholder"),
    ("publisher_jwt /run/secrets/key", "looks like a path"),
    ("subscriber_jwt \"-----BEGIN PUBLIC KEY-----\" RS256", "its last line, -----END …-----, is missing"),
]


@pytest.mark.parametrize("line, words", WRONG, ids=range(len(WRONG)))
def test_what_the_hub_cannot_begin_with_is_wrong_before(tmp_path, line, words):
    (tmp_path / "file").touch()
    conf, words = tmp_path / "alipes.conf", words.replace("@", str(tmp_path))
    checked = check(conf, "# here\n" + line.replace("@", str(tmp_path)) + "\n")
    assert checked.returncode == 1 and words in checked.stderr, checked.stderr + checked.stdout
    assert checked.stderr.startswith(f"{conf}:5: "), checked.stderr
    assert sorted(p.name for p in tmp_path.iterdir()) == ["alipes.conf", "file"], "looking makes nothing"
    started = run("-c", conf)
    assert started.returncode == 1
    said = [line.removeprefix("alipes: ") for line in started.stderr.splitlines() if "note: " not in line]
    assert said == checked.stderr.splitlines(), "the start says the same"


def test_all_that_is_wrong_is_said_by_check_start_and_reload(start_hub):
    hub = start_hub()
    good = hub.conf.read_text()
    lines = good.count("\n")
    hub.conf.write_text(good + f"lisen :80\nmax_streams many\ncors_origins a.example\njwks_ca {hub.folder}/none\npublisher_jwt {KEY} RS256\n")
    checked = run("config", "check", hub.conf)
    said = checked.stderr.splitlines()
    assert checked.returncode == 1
    assert [int(re.match(rf"{hub.conf}:(\d+): ", line)[1]) - lines for line in said] == [1, 2, 3, 4, 5], said
    assert [line.removeprefix("alipes: ") for line in run("-c", hub.conf).stderr.splitlines() if "note: " not in line] == said
    hub.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: hub.log().count("event=reload_failed") == 5, "the reload")
    logged = re.findall(r'event=reload_failed msg="?(.*?)"?$', hub.log(), re.M)
    assert logged == said
    assert publish(("127.0.0.1", hub.port), topic="t").status == 200, "nothing has changed"
    assert KEY not in checked.stderr + hub.log()


def test_a_check_without_a_file_is_one_of_the_environment(tmp_path):
    env = {"MERCURE_PUBLISHER_JWT_KEY": f"'{KEY}'", "MERCURE_SUBSCRIBER_JWT_KEY": KEY, "MERCURE_EXTRA_DIRECTIVES": "transport memory",
           "MERCURE_CORS_ORIGIN": "https://a.example"}
    good = run("config", "check", env=env)
    assert good.returncode == 0 and "MERCURE_PUBLISHER_JWT_KEY: the key is wrapped in quotes" in good.stdout, good
    assert "MERCURE_CORS_ORIGIN: no effect: no variable of that name is known; did you mean MERCURE_CORS_ORIGINS?" in good.stdout
    wrong = run("config", "check", env={**env, "MERCURE_CORS_ORIGINS": "'*'", "ADDR": ":80"})
    assert wrong.returncode == 1 and len(wrong.stderr.splitlines()) == 2
    assert "MERCURE_CORS_ORIGINS: cors_origins: '*' never matches: the quotes are part of it; write *" in wrong.stderr
    assert "ADDR: it belongs to the old stand-alone hub; use MERCURE_LISTEN_ADDR" in wrong.stderr


def test_the_second_word_of_a_key_is_not_repeated(tmp_path):
    second = "gamma-delta-epsilon-zeta-eta-theta-iota"
    checked = check(tmp_path / "alipes.conf", f"publisher_jwt alpha-beta {second}\n")
    assert checked.returncode == 1 and "a key with a blank stands in quotes" in checked.stderr
    assert second not in checked.stderr + checked.stdout and second[:10] not in checked.stderr + checked.stdout


@pytest.mark.parametrize("ending, noted", [(b"", False), (b"\n", False), (b"\r\n", True), (b"\n\n", True)], ids=["none", "LF", "CRLF", "LFLF"])
def test_hub_and_token_read_a_key_file_alike(tmp_path, ending, noted):
    key, conf, port = tmp_path / "key", tmp_path / "alipes.conf", free_port()
    key.write_bytes(KEY.encode() + ending)
    conf.write_text(f"listen 127.0.0.1:{port}\ntransport memory\nanonymous\npublisher_jwt file:{key}\n")
    made = run("token", "--publish", "*", "--key-file", key)
    assert ("taken off" in made.stderr) == noted
    server = Server([BIN, "-c", conf], tmp_path / "log")
    try:
        wait_for(lambda: "event=ready" in server.log() or server.process.poll() is not None, "the hub")
        for auth in (made.stdout.strip(), run("token", "--publish", "*", "-c", conf).stdout.strip(), token(["*"])):
            assert publish(("127.0.0.1", port), auth, topic="t").status == 200
        assert ("taken off: whoever signs must be without them too" in server.log()) == noted
    finally:
        assert server.stop() == 0


def start(tmp_path, env):
    """A hub of the environment; says where it listens."""
    log = tmp_path / "log"
    log.unlink(missing_ok=True)
    clean = {"PATH": os.environ["PATH"], "MERCURE_PUBLISHER_JWT_KEY": KEY, "MERCURE_SUBSCRIBER_JWT_KEY": KEY,
             "MERCURE_EXTRA_DIRECTIVES": "transport memory"}
    server = Server([BIN], log, {**clean, **env})
    wait_for(lambda: "event=ready" in server.log() or server.process.poll() is not None, "the hub")
    return server


def test_the_port_of_server_name_is_listened_on(tmp_path):
    one, two = free_port(), free_port()
    for name in (f"localhost:{one}, http://127.0.0.1:{two}/", f":{one} :{two}"):
        server = start(tmp_path, {"SERVER_NAME": name})
        try:
            for port in (one, two):
                assert Client(("127.0.0.1", port)).get("/healthz").status == 200
        finally:
            assert server.stop() == 0
        assert ("host names and TLS are the front's" in server.log()) == ("localhost" in name)


def test_an_address_that_is_taken_is_named_with_its_line_or_variable(tmp_path):
    port, conf = free_port(), tmp_path / "alipes.conf"
    first = start(tmp_path, {"SERVER_NAME": f":{port}"})
    try:
        conf.write_text(HEAD + f"listen :{port}\n")
        taken = f"listen :{port}: Address already in use"
        second = run("-c", conf)
        assert second.returncode == 1 and f"{conf}:4: {taken}" in second.stderr, second.stderr
        for name, value in (("SERVER_NAME", f"hub.example:{port}"), ("MERCURE_LISTEN_ADDR", f":{port}"), ("MERCURE_EXTRA_DIRECTIVES:2", "")):
            env = {"MERCURE_PUBLISHER_JWT_KEY": KEY, "MERCURE_SUBSCRIBER_JWT_KEY": KEY,
                   "MERCURE_EXTRA_DIRECTIVES": "transport memory" + ("" if value else f"\nlisten :{port}"), **({name: value} if value else {})}
            assert f"{name}: {taken}" in run(env=env).stderr
        assert run("config", "check", conf).returncode == 0, "the hub that runs has it"
    finally:
        assert first.stop() == 0


def test_a_configuration_that_cannot_be_reached_is_no_other_one(tmp_path):
    (tmp_path / "folder").mkdir()
    dangling = tmp_path / "alipes.conf"
    dangling.symlink_to(tmp_path / "nowhere")
    port = free_port()
    env = {"MERCURE_LISTEN_ADDR": f"127.0.0.1:{port}"}
    for path in (dangling, tmp_path / "none" / "alipes.conf", tmp_path / "log" / "alipes.conf"):
        server = start(tmp_path, {**env, "ALIPES_CONFIG": str(path)})
        assert server.stop() == 1 and f"alipes: cannot read {path}: " in server.log()
    server = start(tmp_path, {**env, "ALIPES_CONFIG": str(tmp_path / "folder" / "alipes.conf")})
    assert server.stop() == 0, "where only the file is missing the variables count"


def allowed_origin(port, origin):
    return Client(("127.0.0.1", port)).request("HEAD", PATH + "?topic=a", [f"Origin: {origin}"]).headers.get("access-control-allow-origin")


def test_lists_of_the_packaged_defaults_give_way(tmp_path):
    port, other = free_port(), free_port()
    defaults, conf = tmp_path / "defaults.conf", tmp_path / "alipes.conf"
    defaults.write_text(f"listen 127.0.0.1:{other}\ncors_origins *\npublish_origins https://everywhere.example\ntransport memory\n")
    conf.write_text(HEAD + f"anonymous\nlisten 127.0.0.1:{port}\ncors_origins https://a.example\ncors_origins https://b.example\n"
                    "publish_origins https://p.example\n")
    server = start(tmp_path, {"ALIPES_DEFAULTS": str(defaults), "ALIPES_CONFIG": str(conf)})
    try:
        assert [allowed_origin(port, f"https://{name}.example") for name in "abc"] == ["https://a.example", "https://b.example", None]
        for origin, status in (("https://everywhere.example", 401), ("https://p.example", 200)):
            headers = [f"Cookie: mercureAuthorization={token(['*'])}", f"Origin: {origin}", "Content-Type: application/x-www-form-urlencoded"]
            assert Client(("127.0.0.1", port)).request("POST", PATH, headers, b"topic=t").status == status
        with pytest.raises(OSError):
            Client(("127.0.0.1", other))
    finally:
        assert server.stop() == 0
    server = start(tmp_path, {"ALIPES_DEFAULTS": str(defaults), "MERCURE_LISTEN_ADDR": f"127.0.0.1:{port}", "MERCURE_CORS_ORIGINS": "https://c.example"})
    try:
        assert [allowed_origin(port, f"https://{name}.example") for name in "ac"] == [None, "https://c.example"]
    finally:
        assert server.stop() == 0


def in_packaged_root(tmp_path, conf, *arguments, env=()):
    """The program with an /etc of its own, in which /etc/alipes/alipes.conf is `conf` (None: there is none)."""
    script = 'mount -t tmpfs none /etc && mkdir /etc/alipes && { [ -z "$1" ] || cp "$1" /etc/alipes/alipes.conf; } && shift && exec "$@"'
    unshare = ["unshare", "--mount"] if os.geteuid() == 0 else ["unshare", "--mount", "--map-root-user"]
    return subprocess.run([*unshare, "sh", "-c", script, "sh", conf or "", BIN, *arguments],
                          env={"PATH": os.environ["PATH"], **dict(env)}, capture_output=True, text=True, timeout=30)


def test_commands_find_the_packaged_configuration(start_hub, tmp_path):
    hub = start_hub()
    found = "alipes: the configuration was /etc/alipes/alipes.conf"
    assert in_packaged_root(tmp_path, hub.conf, "health").returncode == 0
    assert in_packaged_root(tmp_path, hub.conf, "config", "check").stdout.endswith("/etc/alipes/alipes.conf: ok\n")
    assert in_packaged_root(tmp_path, hub.conf, "publish", "t", "x").stdout.startswith("urn:uuid:")
    failed = in_packaged_root(tmp_path, hub.conf, "history", "stat")
    assert failed.returncode == 2 and found in failed.stderr, "there is no history on the disk"
    for env in ({"MERCURE_DEBUG": "0"}, {"ALIPES_CONFIG": "/etc/none.conf"}):
        other = in_packaged_root(tmp_path, hub.conf, "health", env=env)
        assert other.returncode == 2 and found not in other.stderr and "MERCURE_PUBLISHER_JWT_KEY is not set" in other.stderr
    assert "MERCURE_PUBLISHER_JWT_KEY is not set" in in_packaged_root(tmp_path, None, "health").stderr
    assert "MERCURE_PUBLISHER_JWT_KEY is not set" in in_packaged_root(tmp_path, hub.conf).stderr, "the hub itself does not guess"
    wrong = tmp_path / "wrong.conf"
    wrong.write_text("lisen :80\nlisen :81\n")
    failed = in_packaged_root(tmp_path, wrong, "health")
    assert "/etc/alipes/alipes.conf:1: unknown directive lisen; did you mean listen? (and 1 more" in failed.stderr


def test_an_issuer_of_the_environment_trusts_the_set_and_not_the_key_beside_it(tmp_path):
    port, key, hub_id = free_port(), tokens.key("p256/0"), "https://hub.example/.well-known/mercure"
    jwks = tmp_path / "jwks.json"
    jwks.write_text(json.dumps({"keys": [{**key.jwk(), "kid": "a"}]}))
    server = start(tmp_path, {"MERCURE_LISTEN_ADDR": f"127.0.0.1:{port}", "MERCURE_TRUSTED_ISSUERS": "https://auth.example",
                              "MERCURE_EXTRA_DIRECTIVES": f"transport memory\npublisher_jwks_url file://{jwks}\nresource_identifier {hub_id}"})
    claims = {"iss": "https://auth.example", "aud": hub_id, "exp": time.time() + 3600, "authorization_details": [tokens.detail()]}
    by_set = tokens.sign({"alg": "ES256", "typ": "at+jwt", "kid": "a"}, claims, key)
    by_key = tokens.sign({"alg": "HS256", "typ": "at+jwt"}, claims, tokens.Secret(KEY.encode()))
    try:
        at = ("127.0.0.1", port)
        assert publish(at, by_set, topic="t").status == 200
        assert publish(at, by_key, topic="t").status == 401, "the key of which the start says that it does not count"
        assert publish(at, token(["*"]), topic="t").status == 401
        assert "publisher_jwks_url: it counts, and the key beside it does not" in server.log()
    finally:
        assert server.stop() == 0
