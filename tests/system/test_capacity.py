"""A site goes on answering while more pages ask for streams than its front has workers."""
from concurrent.futures import ThreadPoolExecutor

from conftest import Client, Stream, front_ready, start_apache, wait_for

# Debian's mpm_event.conf.
DEBIAN = "StartServers 2\nMinSpareThreads 25\nMaxSpareThreads 75\nThreadLimit 64\nThreadsPerChild 25\nMaxRequestWorkers 150\n"
PAGES = 200


def page(address):
    """A page that has asked for a stream, and has been answered."""
    return Stream(address, "topic=t", "Accept: text/event-stream")


def told_to_come_back(page):
    return b"retry:" in page.text


def test_apache_with_debians_150_workers_answers_beside_max_streams_100(start_hub, tmp_path):
    site = tmp_path / "site"
    site.mkdir()
    (site / "small").write_text("the site")
    hub = start_hub("max_streams 100")
    front, port = start_apache(tmp_path, hub, "http-unix", more=f"DocumentRoot {site}\n<Directory {site}>\nRequire all granted\n</Directory>\n{DEBIAN}")
    address = ("127.0.0.1", port)
    front_ready(front, address)
    with ThreadPoolExecutor(PAGES) as at_once:
        pages = list(at_once.map(page, [address] * PAGES))
    assert [page.status for page in pages] == [200] * PAGES
    later = [page for page in pages if told_to_come_back(page)]
    assert len(later) == PAGES - 100
    assert Client(address).get("/small").body == b"the site"
    for left in pages:
        left.close()
    wait_for(lambda: not told_to_come_back(page(address)), "a place for a page that asks again")
    front.stop()
