"""Python's clients from PyPI: what they publish arrives, and what they make of a refusal."""
import json
import subprocess

import pytest

from conftest import KEY, PATH, Stream, token
from packages import python, run, say

NAMES = ("mercure-publisher", "pymercure", "flask-mercure-sse")


@pytest.fixture(scope="session")
def interpreter():
    made = python("python", *NAMES, "setuptools<81")
    listed = {one["name"].lower(): one["version"] for one in json.loads(run(made, "-m", "pip", "list", "--format=json"))}
    say(", ".join(f"{name} {listed[name]}" for name in NAMES))
    return made


@pytest.fixture
def ask(start_hub, interpreter):
    """Runs a script that prints JSON."""
    hub = start_hub("subscriptions")

    def ask(script, url=None):
        names = f"URL = {url or f'http://127.0.0.1:{hub.port}{PATH}'!r}; KEY = {KEY!r}; TOKEN = {token(['*'])!r}\nimport json\n"
        done = subprocess.run([interpreter, "-c", names + script], capture_output=True, text=True, timeout=60)
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout)

    ask.hub = hub
    return ask


def stream_of(ask, query="topic=*"):
    return Stream(("127.0.0.1", ask.hub.port), query, f"Authorization: Bearer {token(subscribe=['*'])}")


def test_mercure_publisher(ask):
    stream = stream_of(ask)
    ids = ask("""
from mercure_publisher import MercurePublisher, MercureConfig
from mercure_publisher.exceptions import MercurePublishError
publisher = MercurePublisher(MercureConfig(hub_url=URL, publisher_jwt_key=KEY, publish_topics=["https://example.com/books/{id}"]))
made = [publisher.publish("https://example.com/books/1", {"status": "olé"}),
        publisher.publish(["https://example.com/books/1", "https://example.com/books/2"], "x", private=True, id="event-1", type="updated", retry=1000)]
try:
    publisher.publish("https://example.com/authors/1", "x")
except MercurePublishError as error:
    made.append(error.status_code)
print(json.dumps(made))""")
    assert ids[1:] == ["event-1", 401]
    assert stream.event() == f'id: {ids[0]}\ndata: {{"status": "ol\\u00e9"}}'
    assert stream.event() == "event: updated\nretry: 1000\nid: event-1\ndata: x"
    stream.close()


def test_pymercure_whose_refusals_are_exceptions_for_401_alone(ask):
    stream = stream_of(ask)
    made = ask("""
from pymercure.publisher.sync import SyncPublisher
from pymercure.exceptions import UnauthorizedPublisherError
from pymercure.message import Message
publisher = SyncPublisher(URL, TOKEN)
made = [publisher.publish(Message(["mytopic"], "some data", message_id="m1", event_type="sold"))]
try:
    SyncPublisher(URL, "x.y.z").publish(Message(["mytopic"], "data"))
except UnauthorizedPublisherError as error:
    made.append("refused")
made.append(publisher.publish(Message(["mytopic"], "data", message_id=" ")))
print(json.dumps(made))""")
    assert made[:2] == ["m1", "refused"] and "id" in made[2]  # the text of a 400 comes back as if it were an id
    assert stream.event() == "event: sold\nid: m1\ndata: some data"
    stream.close()


def test_flask_mercure_sse_and_its_question_who_is_there(ask):
    stream, made = stream_of(ask), ask("""
from flask import Flask
from flask_mercure_sse import MercureSSE
app = Flask("app")
app.config["SECRET_KEY"] = KEY
mercure = MercureSSE(app, hub_url=URL)
with app.app_context():
    made = [mercure.publish("news", {"a": 1}), mercure.publish("news", "x", private=True, id="f1", type="upd", retry=3000),
            mercure.authentified_hub_url("news", payload={"id": 7})]
print(json.dumps(made))""")
    assert made[1] == "f1"
    assert stream.event() == f'id: {made[0]}\ndata: {{"a": 1}}' and stream.event() == "event: upd\nretry: 3000\nid: f1\ndata: x"
    stream.close()
    reader = Stream(("127.0.0.1", ask.hub.port), made[2].partition("?")[2])
    assert ask("""
from flask import Flask
from flask_mercure_sse import MercureSSE
app = Flask("app")
app.config["SECRET_KEY"] = KEY
mercure = MercureSSE(app, hub_url=URL)
with app.app_context():
    print(json.dumps([(one["topic"], one["active"], one.get("payload")) for one in mercure.get_subscriptions("news")["subscriptions"]]))""") == [["news", True, {"id": 7}]]
    reader.close()
