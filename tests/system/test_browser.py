"""`make run` as a new user meets it: the page, in a real browser."""
import os
import re
import signal
import subprocess

import pytest
from selenium.webdriver.common.by import By

from conftest import ROOT, free_port, wait_for


@pytest.fixture
def running():
    port = free_port()
    process = subprocess.Popen([ROOT / "examples/run.sh"], env={**os.environ, "PORT": str(port)}, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True)
    said = ""
    while "Ctrl-C" not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    yield re.search(r"http://localhost:\S+", said).group(0)
    os.killpg(process.pid, signal.SIGINT)  # what Ctrl-C does
    try:
        assert process.wait(30) == 0
        with pytest.raises(ProcessLookupError):
            os.killpg(process.pid, 0)  # nothing is left of it
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)


def test_the_page_is_connected_and_hears_what_it_publishes(running, browser):
    browser.get(running)
    wait_for(lambda: browser.find_element(By.ID, "state").text == "connected", "the stream")
    data = browser.find_element(By.ID, "data")
    data.clear()
    data.send_keys("hello from a browser")
    browser.find_element(By.CSS_SELECTOR, "#publish button").click()
    wait_for(lambda: "hello from a browser" in browser.find_element(By.ID, "list").text, "the event")
    for part, found in (("token", "ends in 24 h"), ("connected", "1 active"), ("now", "open 2")):
        browser.find_element(By.ID, f"tab-{part}").click()
        if part == "connected":
            browser.find_element(By.ID, "look").click()
        wait_for(lambda: found in browser.find_element(By.ID, part).text, f"the part {part}")
