"""Libraries that most hubs never need are opened by what needs them, and said to be missing in words."""
import re
import subprocess

import pytest

from conftest import BIN, SANITIZED, Client, Stream, PATH, publish, wait_for

HTTPS = "issuer https://issuer.example { publisher { jwks_uri https://127.0.0.1:9/jwks } }"
OWN = "issuer https://issuer.example { publisher { jwt 0123456789abcdef0123456789abcdef HS256 } }"


def has(hub, library):
    with open(f"/proc/{hub.server.process.pid}/maps") as text:
        return f"/{library}.so" in text.read()


def status(hub, query):
    client = Client(("127.0.0.1", hub.port))
    client.ask("GET", f"{PATH}?{query}")
    return client.head()[0]


@pytest.fixture
def broken(tmp_path, monkeypatch):
    """The files are there, and no libraries."""
    icu = re.search(r"libicuuc\.so\.\d+", BIN.read_bytes().decode("latin-1")).group()
    folder = tmp_path / "broken"
    folder.mkdir()
    for name in ("libcurl.so.4", icu):
        (folder / name).write_text("nothing that could be opened, and longer than an ELF header is\n" * 100)
    monkeypatch.setenv("LD_LIBRARY_PATH", str(folder))


def test_libcurl_is_opened_for_a_set_over_https_and_icu_for_what_is_not_ascii(start_hub):
    hub = start_hub(OWN)
    assert publish(hub.socket, topic="https://example.com/{id}", data="ol\u00e9").status == 200
    assert status(hub, "match=https://example.com/1&match_urlpattern=https://*.example.com/:id") == 200
    assert not has(hub, "libcurl") and not has(hub, "libicuuc")
    assert status(hub, "match=ol%C3%A9") == 200
    assert has(hub, "libicuuc") and not has(hub, "libcurl")
    hub.conf.write_text(hub.conf.read_text() + HTTPS.replace("issuer.example", "other.example") + "\n")
    hub.server.process.send_signal(1)
    wait_for(lambda: "event=reloaded" in hub.log(), "the new configuration")
    assert has(hub, "libcurl")


def test_without_libcurl_a_set_over_https_is_a_mistake_of_the_configuration(start_hub, tmp_path, broken):
    conf = tmp_path / "conf"
    conf.write_text(f"listen unix/{tmp_path}/s\nanonymous\ntransport memory\n{HTTPS}\n")
    for command in (["config", "check", conf], ["-c", conf]):
        found = subprocess.run([BIN, *command], capture_output=True, text=True, timeout=30)
        assert found.returncode == 1 and "libcurl.so.4" in found.stderr and "jwks_uri" in found.stderr, found
    hub = start_hub(OWN)
    hub.conf.write_text(hub.conf.read_text() + HTTPS.replace("issuer.example", "other.example") + "\n")
    hub.server.process.send_signal(1)
    wait_for(lambda: "event=reload_failed" in hub.log(), "the refusal")
    assert publish(hub.socket, topic="t").status == 200


def test_without_icu_what_is_not_ascii_is_refused_and_the_log_says_why(start_hub, broken):
    hub = start_hub(OWN)
    for _ in range(2):
        assert status(hub, "match=ol%C3%A9") == 400
        assert status(hub, "match_urlpattern=https://b%C3%BCcher.example/") == 400
        assert status(hub, "match=ole&match_urlpattern=https://xn--bcher-kva.example/") == 200
    assert hub.log().count("event=library_missing") == 1 and "libicuuc" in hub.log()
    stream = Stream(hub.socket, "topic=ol%C3%A9")
    assert publish(hub.socket, topic="ol\u00e9", data="x").status == 200
    assert stream.datas(1) == ["x"]


@pytest.mark.parametrize("workers", [1, 16])
def test_what_an_idle_hub_has_of_its_own_is_what_the_readme_says(start_hub, workers):
    """proxy-config/README.md, "What it takes": what is not a library's code that other programs may share."""
    hub = start_hub(workers=workers)
    with open(f"/proc/{hub.server.process.pid}/smaps_rollup") as text:
        own = int(re.search(r"^Anonymous:\s+(\d+) kB", text.read(), re.M).group(1))
    print(f"{workers} workers: {own} KiB")
    assert SANITIZED or own < 1024 + 128 * workers
