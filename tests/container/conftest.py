"""The image in a real engine. What a test starts in it goes with the engine, and it goes with the run."""
import http.client
import secrets
import ssl
import time
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import quote, urlencode

import jwt
import pytest

from engine import ROOT, Engine

KEYS = {"publisher": secrets.token_hex(32), "subscriber": secrets.token_hex(32)}
PATH = "/.well-known/mercure"


def wait_for(condition, what, patience=60):
    deadline = time.monotonic() + patience
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.05)
    raise AssertionError(f"waited {patience} s in vain for {what}")


@pytest.fixture(scope="session")
def engine():
    made = Engine()
    try:
        made.import_base()
        yield made
    finally:
        made.stop()


@pytest.fixture(scope="session")
def image(engine):
    """The project's image, built as the README says, and meanwhile those of the compose examples."""
    with ThreadPoolExecutor() as pool:
        others = [
            pool.submit(engine.docker, "build", "-t", "example-caddy", ROOT / "examples/compose/caddy"),
            pool.submit(engine.docker, "build", "-t", "example-apache", ROOT / "examples/compose/apache"),
        ]
        engine.docker("build", "-t", "alipes", ".", cwd=ROOT)
        for other in others:
            other.result()
    return "alipes"


@pytest.fixture
def start(engine, image):
    """Runs a container; its name. Removed afterwards."""
    names = []

    def run(*words, command=(), wait=True):
        name = f"alipes-{secrets.token_hex(4)}"
        names.append(name)
        engine.docker("run", "-d", "--health-interval", "1s", "--name", name, *words, image, *command)
        if wait:
            wait_for(lambda: engine.inspect(name, "{{.State.Health.Status}}") == "healthy", f"{name} to be healthy:\n{logs(engine, name)}")
        return name

    yield run
    for name in names:
        engine.docker("rm", "-fv", name, check=False)


def logs(engine, name):
    done = engine.docker("logs", name)
    return done.stdout + done.stderr


def address(engine, name, port):
    host, _, number = engine.docker("port", name, f"{port}/tcp").stdout.split("\n")[0].rpartition(":")
    return host, int(number)


def token(role="publish", topics=("*",), key=None, algorithm="HS256"):
    key = key or KEYS["publisher" if role == "publish" else "subscriber"]
    return jwt.encode({"mercure": {role: list(topics)}}, key, algorithm=algorithm)


def connect(where, tls=None):
    host, port = where
    if tls is None:
        return http.client.HTTPConnection(host, port, timeout=20)
    connection = http.client.HTTPSConnection("localhost", port, timeout=20, context=tls)
    return connection


def trusting(certificate=None):
    """For a site's own certificate; None: whatever it shows."""
    context = ssl.create_default_context(cafile=certificate) if certificate else ssl.create_default_context()
    if certificate is None:
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def publish(where, auth=None, tls=None, **form):
    connection = connect(where, tls)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": f"Bearer {auth or token()}"}
    connection.request("POST", PATH, urlencode(form), headers)
    reply = connection.getresponse()
    body = reply.read().decode()
    connection.close()
    return reply.status, body


class Stream:
    def __init__(self, where, topic, tls=None, **headers):
        self.connection = connect(where, tls)
        self.connection.request("GET", f"{PATH}?topic={quote(topic, safe='')}", headers={k.replace("_", "-"): v for k, v in headers.items()})
        self.reply = self.connection.getresponse()
        self.status = self.reply.status

    def data(self):
        while True:
            line = self.reply.readline()
            assert line, "the stream ended"
            if line.startswith(b"data: "):
                return line[6:-1].decode()
