"""Apache's module: what clients do to it, and what Apache does to its streams. What the hub does: test_mod_alipes_hub.py."""
import os
import re
import resource
import signal
import socket
import struct
import subprocess
import time
from contextlib import suppress

import pytest

from apache import look_until, news, open_pages, running  # noqa: F401
from conftest import APACHE, APACHE_MODULES, PATH, SANITIZED, Client, Stream, apache_conf, free_port, snippet, wait_for

ONE_CHILD = "ServerLimit 1\nStartServers 1\nThreadsPerChild 25\nMaxRequestWorkers 25\nMinSpareThreads 1\nMaxSpareThreads 25\n"


# --- clients -------------------------------------------------------------------------------------------------------

def leaves(stream):
    stream.close()


def resets(stream):
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()


def half_closes(stream):
    stream.socket.shutdown(socket.SHUT_WR)
    stream.closed()


def notifies(stream):
    with suppress(OSError):
        stream.socket.unwrap()  # close_notify, and waits for the other one


LEAVING = [(how, tls) for how in (leaves, resets, half_closes) for tls in (False, True)] + [(notifies, True)]


@pytest.mark.parametrize("tls", [False, True])
def test_of_a_client_that_leaves_in_whatever_way_the_hub_hears_at_once(running, tls):
    """No heartbeat is due before the test is long over."""
    apache = running(tls=tls)
    stays = Stream(apache.address, "topic=t")
    ways = [how for how, over_tls in LEAVING if over_tls == tls]
    for number, how in enumerate(ways, 1):
        goes = Stream(apache.address, "topic=t")
        apache.streams(2)
        how(goes)
        wait_for(lambda: apache.hub.log().count("event=stream_end") == number, f"the hub to hear of a client that {how.__name__}", 20)
        assert news(apache.hub, 2) == stays.datas(2)
        apache.streams(1)
    stays.close()
    apache.streams(0)
    wait_for(lambda: apache.reasons() == ["left"] * (len(ways) + 1), "their lines")


@pytest.mark.parametrize("tls", [False, True])
def test_what_a_client_says_behind_its_request_is_thrown_away_up_to_a_bound(running, tls):
    apache = running(tls=tls)
    request = f"GET {PATH}?topic=t HTTP/1.1\r\nHost: hub.example\r\n\r\n".encode()
    client = Client(apache.address)
    client.send(request + request)  # the second one together with the first
    client.until(b"\r\n\r\n")
    client.send(request)
    data, = news(apache.hub, 1)
    client.until(data.encode())
    apache.streams(1)
    with suppress(OSError):
        client.send(b"x" * 20000)
    client.closed()
    assert client.bytes.count(b"HTTP/1.1") == 0
    apache.streams(0)
    wait_for(lambda: apache.reasons() == ["said"], "its line")


@pytest.mark.parametrize("tls", [False, True])
def test_a_client_that_stalls_delays_nobody_and_has_everything_once_it_reads(running, tls):
    apache = running(ONE_CHILD, tls=tls)
    stalls, others = Stream(apache.address, "topic=t"), open_pages(10, apache.address, "topic=t")
    assert news(apache.hub, 400, size=4000) == stalls.datas(400)
    look_until(others, lambda: all(len(page.events) == 400 for page in others), "the first news")
    stalls.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
    before = apache.takes()[1]
    datas = news(apache.hub, 400, size=4000)
    look_until(others, lambda: all([data for _, data in page.events[400:]] == datas for page in others), "the others' news")
    wait_for(lambda: apache.status()["Paused"] == 1, "the one that stalls")
    assert SANITIZED or apache.takes()[1] - before < 600_000
    assert stalls.datas(400) == datas
    wait_for(lambda: apache.status()["Paused"] == 0, "nobody that stalls")
    more = news(apache.hub, 3)
    assert stalls.datas(3) == more
    assert all(page.connects == 1 for page in others)


class OpenSsl:
    """A client that does in its own time what TLS allows within a connection."""

    def __init__(self, address, *words):
        self.process = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{address.address[1]}", "-servername", "hub.example", *words],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        os.set_blocking(self.process.stdout.fileno(), False)
        self.said = b""

    def say(self, text):
        self.process.stdin.write(text)
        self.process.stdin.flush()

    def hears(self, text):
        def heard():
            self.said += self.process.stdout.read() or b""
            assert text in self.said or self.process.poll() is None, self.said[-1000:]
            return text in self.said

        wait_for(heard, text)

    def ended(self):
        return self.process.poll() is not None

    def stop(self):
        if not self.ended():
            self.process.kill()
        self.process.wait()
        self.process.stdin.close()
        self.process.stdout.close()


def test_keys_are_updated_under_a_stream_and_it_goes_on(running):
    apache = running(tls=True)
    client = OpenSsl(apache.address, "-tls1_3")
    client.say(f"GET {PATH}?topic=t HTTP/1.1\r\nHost: hub.example\r\n\r\n".encode())
    client.hears(b"text/event-stream")
    for command in b"K", b"k", b"K":  # with and without asking the server for one of its own
        client.say(command + b"\n")
        client.hears(b"KEYUPDATE")
        data, = news(apache.hub, 1)
        client.hears(data.encode())
    assert apache.status()["Streams"] == 1
    client.stop()
    apache.streams(0)


def test_who_renegotiates_tls_1_2_gets_nothing_by_it_and_disturbs_nobody(running):
    apache = running(tls=True)
    client, other = OpenSsl(apache.address, "-tls1_2"), Stream(apache.address, "topic=t")
    client.say(f"GET {PATH}?topic=t HTTP/1.1\r\nHost: hub.example\r\n\r\n".encode())
    client.hears(b"text/event-stream")
    client.say(b"R\n")
    client.hears(b"RENEGOTIATING")
    wait_for(client.ended, "the end of it")
    assert b"verify return" not in client.said.partition(b"RENEGOTIATING")[2], "there was no second handshake"
    assert news(apache.hub, 3) == other.datas(3)
    client.stop()
    apache.streams(1)


def test_http_1_0_and_a_head_of_the_sites_own(running):
    apache = running("Header always set Strict-Transport-Security max-age=9\n")
    for version in "1.0", "1.1":
        stream = Stream(apache.address, f"topic={version}", version=version)
        assert stream.status == 200 and stream.headers["strict-transport-security"] == "max-age=9"
        assert stream.chunked == (version == "1.1")
        assert news(apache.hub, 2, version) == stream.datas(2)
        stream.close()
    apache.streams(0)


def test_what_is_no_stream_is_answered_on_a_connection_that_is_kept(running):
    apache = running()
    client = Client(apache.address)
    assert client.get(f"{PATH}?topic=t", "Authorization: Bearer x").status == 401
    assert client.request("HEAD", f"{PATH}?topic=t").status == 200
    assert client.request("POST", PATH, ["Content-Type: application/x-www-form-urlencoded"], b"topic=t").status == 401
    assert client.get(f"{PATH}/subscriptions").status == 404
    client.ask("GET", f"{PATH}?topic=t")
    assert client.head()[0] == 200
    apache.streams(1)
    client.close()
    apache.streams(0)


def test_a_site_that_compresses_its_pages_has_streams(running):
    apache = running("LoadModule filter_module /usr/lib/apache2/modules/mod_filter.so\nLoadModule deflate_module /usr/lib/apache2/modules/mod_deflate.so\n"
                     "AddOutputFilterByType DEFLATE text/html text/plain\n")
    stream = Stream(apache.address, "topic=t", "Accept-Encoding: gzip")
    assert news(apache.hub, 3) == stream.datas(3)
    apache.streams(1)
    stream.close()


# --- what is told of them ------------------------------------------------------------------------------------------

def test_who_has_listened_for_how_long_and_what_was_sent_stands_in_a_log(running):
    apache = running()
    began = time.time()
    stream = Stream(apache.address, "topic=t", "User-Agent: a page", "Referer: https://example.com/")
    stream.datas(len(news(apache.hub, 3, size=1000)))
    stream.close()
    end, = wait_for(apache.ends, "its line")
    assert (end["host"], end["uri"], end["status"], end["reason"]) == ("127.0.0.1", f"{PATH}?topic=t", "200", "left")
    assert (end["referer"], end["agent"]) == ("https://example.com/", "a page")
    assert 3000 < int(end["bytes"]) < 4000 and 0 <= float(end["seconds"]) <= time.time() - began + 1


def test_the_page_of_mod_status_counts_streams_of_all_children(running):
    apache = running()
    streams = [Stream(apache.address, "topic=t") for _ in range(7)]
    apache.streams(7)
    client = Client(apache.address)
    assert b"alipes" in client.get("/server-status").body
    client.close()
    wait_for(lambda: apache.status()["Paused"] == 0, "the heads to be written")
    before = apache.status()
    assert before["Links"] >= 1 and before["Reattached"] == 0
    datas = news(apache.hub, 3)
    assert all(stream.datas(3) == datas for stream in streams)
    wait_for(lambda: apache.status()["Delivered"] - before["Delivered"] == 21, "what was sent to be counted, behind its being sent")
    for stream in streams:
        stream.close()
    apache.streams(0)


def test_a_program_that_does_not_read_its_lines_loses_lines_and_holds_nobody_up(running):
    apache = running(f'{ONE_CHILD}AlipesLog "|/bin/sleep 600"\n')
    stays = Stream(apache.address, "topic=t")
    while not apache.status()["Unlogged"]:  # 64 KiB, then no more
        streams = [Stream(apache.address, "topic=t", f"Referer: {'r' * 900}") for _ in range(20)]
        for stream in streams:
            stream.close()
        apache.streams(1)
    datas = news(apache.hub, 3)
    assert stays.datas(3) == datas
    stays.close()


# --- the life of Apache --------------------------------------------------------------------------------------------

def test_no_stream_holds_a_thread(running):
    """25 threads, 100 streams, and a site that answers."""
    apache = running(ONE_CHILD)
    pages = open_pages(100, apache.address, "topic=t")

    def busy():
        client = Client(apache.address)
        text = client.get("/server-status?auto").body.decode()
        client.close()
        return int(re.search(r"BusyWorkers: (\d+)", text).group(1))

    wait_for(lambda: busy() == 1, "none but the one that asks")
    datas = news(apache.hub, 5)
    look_until(pages, lambda: all([data for _, data in page.events] == datas for page in pages), "the news")


def heard_all(pages, datas):
    """Each update once, in order; every end was in order too, and every answer a 200."""
    look_until(pages, lambda: all(len(page.events) >= len(datas) for page in pages), "all of the news")
    wrong = [page.events for page in pages if [data for _, data in page.events] != datas]
    assert not wrong, wrong[0]


@pytest.mark.parametrize("tls", [False, True])
def test_of_ten_graceful_restarts_pages_notice_an_end_and_miss_nothing(running, tls):
    apache = running("AlipesDrain 1s\n", tls=tls)
    pages, datas, old = open_pages(5 if SANITIZED and tls else 20, apache.address, "topic=t"), [], set()
    for _ in range(10):
        datas += news(apache.hub, 3)
        old |= apache.graceful()
        datas += news(apache.hub, 3)
        look_until(pages, lambda: all(page.open for page in pages), "everybody")
    heard_all(pages, datas)
    look_until(pages, lambda: not old & apache.children(), "the end of old children")
    heard_all(pages, datas)
    assert max(page.connects for page in pages) > 5 and not any(page.cuts for page in pages)
    for page in pages:
        page.close()
    apache.streams(0)


def test_a_child_that_has_had_its_connections_goes_on_with_its_streams_and_ends_them_for_a_new_configuration(running):
    apache = running("AlipesDrain 1s\nMaxConnectionsPerChild 50\nServerLimit 16\nStartServers 1\nThreadsPerChild 5\nMaxRequestWorkers 10\n"
                     "MinSpareThreads 1\nMaxSpareThreads 10\n")
    pages, datas, seen = open_pages(20, apache.address, "topic=t"), [], apache.children()
    while len(seen) < 6:
        datas += news(apache.hub, 1)
        assert apache.answers()
        seen |= apache.children()
        for page in pages:
            page.look()
    heard_all(pages, datas)
    assert all(page.connects == 1 for page in pages)
    old = apache.graceful()
    look_until(pages, lambda: not old & apache.children(), "the end of old children")
    heard_all(pages, datas)
    assert not any(page.cuts for page in pages)


def test_a_child_that_is_killed_takes_its_streams_along_and_they_come_back(running):
    apache = running("AlipesDrain 1s\n")
    pages = open_pages(40, apache.address, "topic=t")
    datas = news(apache.hub, 3)
    heard_all(pages, datas)
    victim = max(apache.children(), key=lambda pid: len(os.listdir(f"/proc/{pid}/fd")))
    os.kill(victim, signal.SIGKILL)
    wait_for(lambda: victim not in apache.children() and apache.answers(), "another child")
    datas += news(apache.hub, 3)
    heard_all(pages, datas)
    assert {page.cuts for page in pages} <= {0, 1} and any(page.cuts for page in pages)
    apache.streams(40)


def test_more_streams_than_a_child_may_have_are_told_to_come_back(running):
    apache = running(ONE_CHILD + "AlipesMaxStreams 10\n")
    apache.front.hub_goes_away = True  # what the access log says of them is a 503, answered with a 200
    streams = [Stream(apache.address, "topic=t") for _ in range(10)]
    more = Stream(apache.address, "topic=t", "Accept: text/event-stream")
    assert more.status == 200 and b"retry: " in more.text and more.ended or b"retry: " in more.end()
    assert Client(apache.address).get(f"{PATH}?topic=t", "Accept: application/json").status in (406, 503)
    streams.pop().close()
    apache.streams(9)
    streams.append(Stream(apache.address, "topic=t"))
    datas = news(apache.hub, 2)
    assert all(stream.datas(2) == datas for stream in streams)


def test_descriptors_run_out_for_streams_before_they_do_for_apache(running):
    """Apache ends a child, with all of its streams, when it cannot accept a connection."""
    apache = running(ONE_CHILD.replace("ServerLimit 1", "ServerLimit 3"))
    apache.front.hub_goes_away = True
    resource.prlimit(apache.pid, resource.RLIMIT_NOFILE, (256, 256))
    apache.graceful()
    pages = open_pages(30, apache.address, "topic=t")
    held = []
    for _ in range(300):
        stream = Stream(apache.address, "topic=t", "Accept: text/event-stream")
        assert stream.status == 200
        if b"retry: " in stream.text:
            stream.close()
        else:
            held.append(stream)
    assert 50 < len(held) < 200
    assert apache.answers()
    datas = news(apache.hub, 3)
    heard_all(pages, datas)
    assert all(stream.datas(3) == datas for stream in held)
    for stream in held:
        stream.close()
    apache.streams(30)
    again = Stream(apache.address, "topic=t")
    assert news(apache.hub, 2) == again.datas(2)
    assert all(page.connects == 1 for page in pages)


@pytest.mark.parametrize("tls", [False, True])
def test_who_came_and_left_has_left_nothing_behind(running, tls):
    """What stays of a stream would be there after each 100; how many buffers there are at once is a matter of who was slow."""
    apache, bound = running(ONE_CHILD, tls=tls), 100 * (3000 if tls else 500)

    def come_and_leave(turn):
        for part in range(1 if SANITIZED and tls else 5):
            topic = f"{turn}/{part}"
            streams = [Stream(apache.address, f"topic={topic}") for _ in range(20)]
            datas = news(apache.hub, 2, topic)
            assert all(stream.datas(2) == datas for stream in streams)
            for stream in streams:
                stream.close()
        apache.streams(0)
        return apache.takes()

    sizes = [come_and_leave(turn) for turn in range(3)]
    wait_for(lambda: apache.takes()[0] <= sizes[0][0], "as few descriptors as before")
    while not SANITIZED and sizes[-1][1] - sizes[-2][1] >= bound:
        sizes.append(come_and_leave(len(sizes)))
        assert len(sizes) < 12, [memory for _, memory in sizes]


def test_so_it_is_with_the_other_mpm_of_debian_that_has_threads(running):
    apache = running("AlipesDrain 1s\n", mpm="worker")
    pages, datas = open_pages(20, apache.address, "topic=t"), []
    for _ in range(2):
        datas += news(apache.hub, 3)
        old = apache.graceful()
    look_until(pages, lambda: not old & apache.children(), "the end of old children")
    heard_all(pages, datas)
    assert not any(page.cuts for page in pages)


def test_prefork_is_refused_in_words(tmp_path):
    class Place:
        socket = tmp_path / "hub.sock"

    included = snippet(tmp_path, "apache/module-unix.conf", Place)
    conf = apache_conf(tmp_path, free_port(), included, APACHE_MODULES["module-unix"], mpm="prefork")
    done = subprocess.run([*APACHE, "-t", "-f", conf], capture_output=True, text=True)
    assert done.returncode != 0 and "prefork" in done.stderr and "mpm_event" in done.stderr, done.stderr


@pytest.mark.parametrize("line, words", [("AlipesSocket relative", "AlipesSocket"), ("AlipesReattach never", "AlipesReattach"),
                                         ("AlipesMaxStreams 0", "AlipesMaxStreams"), ("AlipesDrain -1s", "AlipesDrain")])
def test_a_mistake_is_named_by_configtest(tmp_path, line, words):
    class Place:
        socket = tmp_path / "hub.sock"

    included = snippet(tmp_path, "apache/module-unix.conf", Place)
    conf = apache_conf(tmp_path, free_port(), included, APACHE_MODULES["module-unix"])
    where = f"<Location /x>\n{line}\n</Location>" if line.startswith("AlipesSocket") else line
    conf.write_text(conf.read_text() + where + "\n")
    done = subprocess.run([*APACHE, "-t", "-f", conf], capture_output=True, text=True)
    assert done.returncode != 0 and words in done.stderr, done.stderr
