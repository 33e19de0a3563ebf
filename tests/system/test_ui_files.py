"""What the hub sends of its page for people, with which headers, and to whom it shows its metrics there. The page itself:
test_ui.py."""
import re
from urllib.parse import urlsplit

import pytest

import tokens
from conftest import FRONTS, PATH, ROOT, Client, front_ready, token, wait_for

FILES = ROOT / "backend/ui"


def served():
    """Each file's name below H/ui/, and where it stands in the tree."""
    rows = re.findall(r'X\(\w+, "([^"]+)", "([^"]*)", \w+', (ROOT / "backend/hub/ui.c").read_text().replace("\\\n", " "))
    rows += re.findall(r'X\(\w+, "([^"]+)", "([^"]*)", "image', (ROOT / "backend/hub/ui.c").read_text())
    return {name: ROOT / path for path, name in rows}


def test_it_is_off_unless_it_is_set_and_a_reload_sets_it(start_hub):
    hub = start_hub()
    client = Client(("127.0.0.1", hub.port))
    for path in "/ui", "/ui/", "/ui/ui.js", "/ui/metrics":
        reply = client.get(PATH + path)
        assert (reply.status, reply.body) == (404, b"The directive ui is not set.\n"), path
    hub.conf.write_text(hub.conf.read_text() + "ui\n")
    hub.server.process.send_signal(1)
    wait_for(lambda: Client(("127.0.0.1", hub.port)).get(PATH + "/ui/").status == 200, "the page")


def test_every_file_is_sent_as_it_is_and_asked_for_anew_by_its_tag(start_hub):
    hub = start_hub("ui")
    client = Client(("127.0.0.1", hub.port))
    assert {path for path in FILES.rglob("*") if path.is_file()} <= set(served().values())
    tags = set()
    for name, path in served().items():
        reply = client.get(f"{PATH}/ui/{name}")
        assert (reply.status, reply.body) == (200, path.read_bytes()), name
        assert reply.headers["cache-control"] == "no-cache" and reply.headers["x-content-type-options"] == "nosniff"
        tag = reply.headers["etag"]
        tags.add(tag)
        for known in tag, f'"x", W/{tag}':
            again = client.get(f"{PATH}/ui/{name}", f"If-None-Match: {known}")
            assert (again.status, again.body, again.headers["etag"]) == (304, b"", tag), name
        assert client.get(f"{PATH}/ui/{name}", 'If-None-Match: "x"').status == 200
        head = client.request("HEAD", f"{PATH}/ui/{name}")
        assert head.headers["content-length"] == str(path.stat().st_size) and head.headers["etag"] == tag
    assert len(tags) == len(served())


def test_whoever_forgets_the_slash_is_sent_to_it_and_other_methods_and_names_are_refused(start_hub):
    hub = start_hub("ui\npath /live")
    client = Client(("127.0.0.1", hub.port))
    reply = client.get("/live/ui")
    assert (reply.status, reply.headers["location"]) == (308, "ui/")
    assert client.get("/live/ui/").status == 200
    for name in "x", "../main.c", "ui.js/", "uplot", "uplot/", "%75i.js":
        assert client.get(f"/live/ui/{name}").status == 404, name
    assert client.get("/live/uix").status == 404
    assert client.request("POST", "/live/ui/", [], b"x=1").status == 405


def test_its_policy_lets_it_ask_nobody_but_its_hub(start_hub):
    hub = start_hub("ui")
    policy = Client(("127.0.0.1", hub.port)).get(PATH + "/ui/").headers["content-security-policy"]
    assert policy.split("; ") == ["default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self'", "connect-src 'self'",
                                  "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
                                  "require-trusted-types-for 'script'", "trusted-types 'none'"]
    for path in FILES.glob("*.*"):
        text = path.read_text()
        assert not re.search(r"innerHTML|\beval\(| on\w+=\"| style=\"|url\(", text), path
        assert set(re.findall(r"https?://[^\s\"'`<>]+", text)) <= {"https://mercure.rocks/spec", "https://mercure.rocks/", "https://example.com/books/1",
                                                                  "https://mercure.rocks/authorization-detail", "http://www.w3.org/2000/svg"}, path


def test_it_is_smaller_than_150_kilobytes():
    assert sum(path.stat().st_size for path in served().values()) < 150000


@pytest.mark.parametrize("who, answers", [
    ("none", {"nobody": 404, "granted": 404}), ("all", {"nobody": 200, "granted": 200}),
    ("token", {"nobody": 401, "bad": 401, "other": 401, "everything": 200, "granted": 200})])
def test_the_metrics_are_shown_to_whom_the_operator_allows(start_hub, who, answers):
    hub = start_hub(f"ui\nui_metrics {who}")
    held = {"nobody": "", "bad": "x", "other": token([], ["/metrics"]), "everything": token([], ["*"]), "granted": token([], [PATH + "/ui/metrics"])}
    client = Client(("127.0.0.1", hub.port))
    for name, status in answers.items():
        reply = client.get(PATH + "/ui/metrics", *([f"Authorization: Bearer {held[name]}"] if held[name] else []))
        assert reply.status == status, name
        assert (b"alipes_streams 0\n" in reply.body) == (status == 200), name


def test_so_they_are_by_a_token_of_1_0(start_hub, tmp_path):
    hub = start_hub(tokens.configuration(tokens.NEW, tmp_path) + "\nui\nui_metrics token", keys=False)
    client = Client(("127.0.0.1", hub.port))
    reply = client.get(PATH + "/ui/metrics")
    assert reply.status == 401 and "resource_metadata" in reply.headers["www-authenticate"]


@pytest.mark.parametrize("front", FRONTS)
def test_every_front_lets_it_through(start_hub, tmp_path, front):
    hub = start_hub("ui")
    begin, file = FRONTS[front]
    server, port = begin(tmp_path, hub, file)
    try:
        front_ready(server, ("127.0.0.1", port))
        client = Client(("127.0.0.1", port))
        reply = client.get(PATH + "/ui/")
        assert reply.status == 200 and reply.body == (FILES / "index.html").read_bytes()
        assert reply.headers["content-security-policy"].startswith("default-src 'none'")
        assert client.get(PATH + "/ui/ui.js", f"If-None-Match: {client.get(PATH + '/ui/ui.js').headers['etag']}").status == 304
        assert urlsplit(client.get(PATH + "/ui").headers["location"]).path in ("ui/", PATH + "/ui/")
    finally:
        server.stop()
