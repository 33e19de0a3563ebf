"""Every front x wire x way of coming, with exactly the project's files: what must work in each of these cells (ways.py), all at once,
and so that what takes its time is waited for once: streams that are silent, then a hub that is restarted, killed and away.

What was seen is in build/fronts.md and build/fronts.json."""
import json
import resource
import socket
import threading
import time
import traceback
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import pytest

import ways
from cells import CELLS, DOCUMENT, TABLE, document
from conftest import APACHE_MODULES, FRONTS, PATH, ROOT, Client, Front, Tls, certificate, free_port, front_ready, publish
from history import LogHub
from test_fronts import Listener, configtest

PAGES = 3  # that listen in each cell while the hub is restarted, killed and away
# 600 streams at once, and over HTTP/2 250: what README.md says to raise.
MORE = {"apache": {"more": "ServerLimit 24\nMaxRequestWorkers 600\n<IfModule http2_module>\nH2MaxWorkers 250\n</IfModule>\n"}}
COLUMNS = {
    "an event after": ways.an_event_is_there_at_once,
    "private": ways.private_updates_go_to_whom_they_are_granted,
    "cursor": ways.a_cursor_brings_what_was_missed,
    "%2F": ways.what_is_encoded_stays_so,
    "QUERY": ways.a_query_brings_its_body,
    "client left, known after": ways.of_who_leaves_the_hub_hears,
    f"{ways.CROWD} streams": ways.a_crowd_hears_the_last_event,
    f"silent for {ways.IDLE} s": ways.a_silent_stream_lives_by_heartbeats,
    "hub restarted: streams": "restarted",
    "hub away": ways.who_asks_while_the_hub_is_away_is_told_to_come_back,
    "hub killed: streams": "killed",
    "in the front's log": "log",
}


class Site:
    """A front that runs: one or two of the cells."""

    def __init__(self, folder, hub, name, tls, fronts):
        folder.mkdir()
        folder.chmod(0o755)
        begin, file = fronts[name]
        self.server, self.port = begin(folder, hub, file, tls=tls, **MORE.get(name.split("-")[0], {}))
        self.address = Tls(self.port) if tls else ("127.0.0.1", self.port)
        self.crowd = threading.Lock()
        self.before = None

    def hub_goes_away(self):
        """From now on its log may say so."""
        self.before = self.server.complaints()
        self.server.hub_goes_away = True

    def look_at_log(self):
        if self.server.process.poll() is None:
            self.server.process.terminate()
            self.server.process.wait(30)
        lines = self.before + self.server.complaints()
        assert not lines, "\n".join(lines)
        counted = Counter(why for _, why in self.server.lines())
        return "; ".join(f"{why} ({count})" for why, count in sorted(counted.items())) or "nothing"


class Matrix:
    """`seen`: by cell and check what was seen, or how it failed."""

    def __init__(self, folder, stack, fronts=FRONTS, cells=CELLS, hub=LogHub):
        self.seen, self.cells, self.hub = {}, cells, hub(folder, bounds="max_bytes 16MiB", extra=ways.HUB)
        tls = certificate(folder)
        self.sites = {(name, over_tls): Site(folder / f"{name}-{over_tls}", self.hub, name, tls if over_tls else None, fronts)
                      for name, over_tls in sorted({(cell.front.name, cell.transport != "plain") for cell in cells})}
        for site in self.sites.values():
            stack.callback(site.server.process.kill)
        self.ways = {cell: ways.Way(self.hub, self.site(cell).port, **cell.way()) for cell in self.cells}
        self.crowds = threading.Semaphore(3)  # so many at a time: this machine has few processors

    def site(self, cell):
        return self.sites[cell.front.name, cell.transport != "plain"]

    def note(self, cell, check, work, *arguments):
        """The first failure counts."""
        if isinstance(self.seen.get((cell, check)), AssertionError):
            return
        try:
            self.seen[cell, check] = work(*arguments)
        except Exception:
            self.seen[cell, check] = AssertionError(traceback.format_exc())

    def everywhere(self, work):
        """Begins it in all cells at once; gives what waits for its end."""
        pool = ThreadPoolExecutor(len(self.cells))
        begun = [pool.submit(work, cell) for cell in self.cells]
        return lambda: [each.result() for each in begun]

    def run(self):
        for site in self.sites.values():
            front_ready(site.server, site.address)
        silent = self.everywhere(lambda cell: self.check(cell, ways.a_silent_stream_lives_by_heartbeats))
        self.everywhere(self.at_once)()
        silent()
        for site in self.sites.values():
            site.hub_goes_away()
        self.lose_the_hub()
        for cell in self.cells:
            self.note(cell, "log", self.site(cell).look_at_log)

    def check(self, cell, check):
        self.note(cell, check, check, self.ways[cell])

    def at_once(self, cell):
        for check in ways.AT_ONCE[:-1]:
            self.check(cell, check)
        with self.site(cell).crowd, self.crowds:
            self.check(cell, ways.AT_ONCE[-1])

    def lose_the_hub(self):
        """Pages listen while it is restarted, then killed and away for a while."""
        topic, told = ways.new_topic(), ["before"]
        pages = {cell: [ways.EventSource(way, topic, "last") for _ in range(PAGES)] for cell, way in self.ways.items()}
        self.everywhere(lambda cell: self.note(cell, "restarted", ways.pages_listen, pages[cell]))()
        self.tell(topic, told)
        self.everywhere(lambda cell: self.note(cell, "restarted", lambda: [page.heard(told) for page in pages[cell]]))()
        for check, lose, missed in (("restarted", self.hub.stop, ["1", "2"]), ("killed", lambda: self.kill(pages), ["3", "4", "last"])):
            stopped = time.monotonic()
            lose()
            self.hub.start()
            started = time.monotonic()
            self.tell(topic, missed)
            told += missed
            self.everywhere(lambda cell: self.note(cell, check, ways.pages_have_heard, self.ways[cell], pages[cell], told, stopped, started))()

    def kill(self, pages):
        self.hub.kill()
        self.everywhere(lambda cell: self.check(cell, ways.who_asks_while_the_hub_is_away_is_told_to_come_back))()
        self.everywhere(lambda cell: self.ways[cell].stays or self.note(cell, "killed", ways.pages_were_told_to_come_back, pages[cell]))()

    def tell(self, topic, datas):
        for data in datas:
            assert publish(self.hub.socket, topic=topic, data=data).status == 200

    def rows(self, columns=COLUMNS):
        """What was seen: of each cell, by column."""
        return {str(cell): {column: "FAILED" if isinstance(found := self.seen[cell, check], AssertionError) else found for column, check in columns.items()}
                for cell in self.cells}


def written(rows, name):
    (ROOT / f"build/{name}.json").write_text(json.dumps(rows, indent=1))
    columns = next(iter(rows.values()))
    lines = [f"| cell | {' | '.join(columns)} |", f"|{'---|' * (len(columns) + 1)}", *(f"| {cell} | {' | '.join(row.values())} |" for cell, row in rows.items())]
    (ROOT / f"build/{name}.md").write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def matrix(tmp_path_factory):
    resource.setrlimit(resource.RLIMIT_NOFILE, (resource.getrlimit(resource.RLIMIT_NOFILE)[1],) * 2)
    with ExitStack() as stack:
        matrix = Matrix(tmp_path_factory.mktemp("matrix"), stack)
        try:
            matrix.run()
            written(matrix.rows(), "fronts")
            yield matrix
        finally:
            matrix.hub.stop()


@pytest.mark.parametrize("column", COLUMNS)
@pytest.mark.parametrize("cell", CELLS, ids=str)
def test_in_each_cell(matrix, cell, column):
    seen = matrix.seen[cell, COLUMNS[column]]
    if isinstance(seen, AssertionError):
        raise seen


# --- cells that cannot be ----------------------------------------------------------------------------------------------


def test_apaches_fastcgi_file_refuses_http_2(tmp_path):
    """Over HTTP/2 mod_proxy_fcgi leaves streams open for good when the hub is killed."""
    status, said = configtest(tmp_path, "fastcgi-unix", [*APACHE_MODULES["fastcgi-unix"], "http2"])
    assert status != 0 and "Include http-unix.conf instead" in said
    assert configtest(tmp_path, "http-unix", [*APACHE_MODULES["http-unix"], "http2"])[0] == 0


def test_lighttpd_has_no_file_for_http_because_there_it_decodes_paths(tmp_path):
    """So that another list of who is there would be asked for, or none. Over FastCGI it does not: "%2F" above."""
    tmp_path.chmod(0o755)
    port, hub = free_port(), Listener(socket.AF_UNIX, str(tmp_path / "hub.sock"))
    conf = tmp_path / "lighttpd.conf"
    conf.write_text(f'server.document-root = "{tmp_path}"\nserver.bind = "127.0.0.1"\nserver.port = {port}\nserver.modules += ("mod_proxy")\n'
                    f'proxy.server = ("{PATH}" => (("socket" => "{tmp_path}/hub.sock")))\n')
    front = Front("lighttpd", ["/usr/sbin/lighttpd", "-D", "-f", conf], tmp_path)
    try:
        front_ready(front, ("127.0.0.1", port))
        Client(("127.0.0.1", port)).get(f"{PATH}/subscriptions/a%2Fb")
        assert hub.heads[-1].startswith(f"GET {PATH}/subscriptions/a/b HTTP/1."), hub.heads[-1]
    finally:
        front.stop()
        hub.socket.close()


def test_what_the_document_says_of_each_cell_is_what_is_asked_of_it():
    assert {front.name for front in TABLE} == set(FRONTS)
    text = DOCUMENT.read_text()
    assert text == document(text), "tests/system/fronts/cells.py --write"
