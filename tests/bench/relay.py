"""How many pages proxy-config/shared-hosting/relay.php serves, and how late: the delay of an event from the publisher to each page,
with php-fpm's default pool of Debian (5 workers) behind a real Apache, and what a page of PHP of the same site takes meanwhile.
JSON on stdout, a Markdown table on stderr.

    tests/bench/run.py relay [--pages 3,5,20,100,500] [--seconds 60] [--held 3] [--wait 8] [--asks 50] [--retry 1000] [--bin build/release/alipes]

A page does what an EventSource does. Each event is published by itself, at random moments, one in two seconds. As root.
"""
import argparse
import json
import os
import random
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))


def at(values, share):
    return round(sorted(values)[min(len(values) - 1, int(len(values) * share))] * 1000)


def one_page(conftest, host):
    """Seconds that a page of PHP takes."""
    begun = time.monotonic()
    assert host.asks("/page.php") == 200
    return time.monotonic() - begun


def measure(conftest, shared_host, count, options):
    with tempfile.TemporaryDirectory(prefix="alipes-relay-") as folder:
        host = shared_host.Host(Path(folder))
        customer = host.customer
        customer.upload("relay.php", customer.site / "relay.php", HELD=options.held, WAIT=options.wait, ASKS=options.asks, RETRY=options.retry)
        customer.upload("relay.htaccess", customer.site / ".htaccess")
        try:
            host.open()
            host.hub = shared_host.CustomersHub(customer)
            return run(conftest, shared_host, host, count, options)
        finally:
            host.front.complaints = list  # that all its workers are busy is no fault here
            host.close()


def run(conftest, shared_host, host, count, options):
    pages = [shared_host.Page(host.address, f"{conftest.PATH}?topic=t") for _ in range(count)]
    published, site = {}, []
    with shared_host.Pages(pages):
        conftest.wait_for(lambda: all(page.id for page in pages), "the pages")
        asked, end = sum(len(page.statuses) for page in pages), time.monotonic() + options.seconds
        while (begun := time.monotonic()) < end:
            published[data := f"n{len(published)}"] = begun
            assert conftest.publish(host.hub.socket, topic="t", data=data).status == 200
            site.append(one_page(conftest, host))
            time.sleep(random.uniform(1, 3))
        asked = sum(len(page.statuses) for page in pages) - asked
        conftest.wait_for(lambda: all(len(page.heard) >= len(published) or page.closed for page in pages), "the last event", 120)
    wrong = [(page.datas, page.statuses, page.answers[-1]) for page in pages if page.datas != list(published) or page.closed]
    assert not wrong, wrong[0]
    delays = [when - published[data] for page in pages for data, _, when in page.heard]
    return {"pages": count, "events": len(published), "p50_ms": at(delays, 0.5), "p99_ms": at(delays, 0.99), "longest_ms": at(delays, 1),
            "requests_per_s": round(asked / options.seconds, 1), "page_of_php_p50_ms": at(site, 0.5), "page_of_php_p99_ms": at(site, 0.99)}


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--pages", default="3,5,20,100,500")
    for name, default in (("seconds", 60), ("held", 3), ("wait", 8), ("asks", 50), ("retry", 1000)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--bin", default="build/release/alipes")
    options = parser.parse_args(arguments)
    os.environ["ALIPES_BIN"] = options.bin
    import conftest
    import shared_host
    rows = []
    for count in map(int, options.pages.split(",")):
        rows.append(measure(conftest, shared_host, count, options))
        if len(rows) == 1:
            print("| " + " | ".join(rows[0]) + " |\n|" + "---|" * len(rows[0]), file=sys.stderr)
        print("| " + " | ".join(map(str, rows[-1].values())) + " |", file=sys.stderr, flush=True)
    json.dump(rows, sys.stdout, indent=1)
    print()
