"""What the page for people does to its window while events pour in: frames, and tasks that hold one up.
JSON on stdout, a Markdown table on stderr.

    tests/bench/run.py page [--events 10000] [--rate 500] [--bytes 200] [--bin build/release/alipes]

A headless Chromium, straight to the hub; each event is published by itself, paced by the clock. A frame is the time between
two requestAnimationFrame() of the page's window. On a busy machine late frames are the machine's: so the same window is
watched before, without events, and beside the frames stands what the page's main thread took itself, by its own CPU clock,
for the longest of its tasks (from the browser's trace: nothing else can hold a frame up). Then a filter is typed and the list
scrolled from end to end. Goal: no task over 100 ms.
"""
import argparse
import json
import os
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests/system"))

WATCH = """
window.frames_ = []; let last = performance.now();
const step = now => { frames_.push(now - last); last = now; requestAnimationFrame(step); };
requestAnimationFrame(step);
"""
TAKE = "return frames_.splice(0)"
USE = """
const done = arguments[0], list = document.getElementById("list"), filter = document.getElementById("filter");
const type = text => { filter.value = text; filter.dispatchEvent(new Event("input")); };
const steps = [..."number 9"].map((_, i, all) => () => type(all.slice(0, i + 1).join(""))).concat([() => type("")],
  Array.from({ length: 100 }, (_, i) => () => { list.scrollTop = i * list.scrollHeight / 100; }));
const next = () => steps.length ? (steps.shift()(), requestAnimationFrame(next)) : done();
next();
"""


def tasks(browser):
    """CPU milliseconds of each task of the renderers' main threads since the last call."""
    lines = browser.get_log("performance") or browser.get_log("performance")  # every other call begins the next trace, and has none
    events = [json.loads(line["message"])["message"] for line in lines]
    traced = [event["params"] for event in events if event["method"] == "Tracing.dataCollected"]
    main = {(one["pid"], one["tid"]) for one in traced if one["name"] == "thread_name" and one["args"]["name"] == "CrRendererMain"}
    return [one["tdur"] / 1000 for one in traced if one["name"] == "RunTask" and "tdur" in one and (one["pid"], one["tid"]) in main]


def figures(name, browser, worked=()):
    frames, worked = sorted(browser.execute_script(TAKE)), [*worked, *tasks(browser)]
    return {"what": name, "frames": len(frames), "median_ms": round(frames[len(frames) // 2], 1), "p99_ms": round(frames[len(frames) * 99 // 100], 1),
            "longest_ms": round(frames[-1], 1), "over_100_ms": sum(one > 100 for one in frames), "cpu_ms": round(sum(worked)), "longest_task_cpu_ms": round(max(worked), 1)}


def pour(conftest, hub, options):
    """Events at that rate, whatever the answers take; returns the seconds that it took."""
    client, auth = conftest.Client(hub.socket), f"Authorization: Bearer {conftest.token(['*'])}"
    begun = time.monotonic()
    for i in range(options.events):
        time.sleep(max(0, begun + i / options.rate - time.monotonic()))
        body = f"topic=bench&data=%7B%22number%22%3A{i}%2C%22text%22%3A%22{'x' * options.bytes}%22%7D".encode()
        client.request("POST", conftest.PATH, ["Content-Type: application/x-www-form-urlencoded", auth], body)
    return time.monotonic() - begun


def main(arguments):
    parser = argparse.ArgumentParser()
    parser.add_argument("--events", type=int, default=10000)
    parser.add_argument("--rate", type=int, default=500)
    parser.add_argument("--bytes", type=int, default=200)
    parser.add_argument("--bin", default=str(ROOT / "build/release/alipes"))
    options = parser.parse_args(arguments)
    os.environ["ALIPES_BIN"] = options.bin
    import conftest
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        hub = conftest.Hub(folder, "ui\nlog logfmt error")
        with conftest.chromium(folder, traces="devtools.timeline,disabled-by-default-devtools.timeline") as browser:
            browser.set_window_size(1400, 1000)
            browser.get(f"http://127.0.0.1:{hub.port}{conftest.PATH}/ui/#topic=bench&connect")
            state = lambda name: browser.execute_script("return document.getElementById(arguments[0]).textContent", name)  # noqa: E731
            conftest.wait_for(lambda: state("state") == "connected", "the stream")
            browser.execute_script(WATCH)
            tasks(browser)
            time.sleep(5)
            rows = [figures("nothing comes", browser)]
            with ThreadPoolExecutor(1) as beside:
                poured, worked = beside.submit(pour, conftest, hub, options), []
                while not poured.done():
                    time.sleep(2)  # the log of the trace holds 100,000 lines
                    worked += tasks(browser)
            conftest.wait_for(lambda: state("event-count") == str(min(options.events, 10000)), "all events")
            rows.append(figures(f"{options.events} events, {options.events / poured.result():.0f} a second", browser, worked))
            browser.execute_async_script(USE)
            rows.append(figures("filter typed, list scrolled", browser))
        hub.stop()
    print(json.dumps(rows, indent=1))
    print("| what | " + " | ".join(list(rows[0])[1:]) + " |\n|---|" + "---|" * (len(rows[0]) - 1), file=sys.stderr)
    for row in rows:
        print("| " + " | ".join(str(value) for value in row.values()) + " |", file=sys.stderr)
