"""What the tests of the page for people share: the page as a person has it in a browser, and a site that has it."""
from contextlib import contextmanager

from selenium.webdriver.common.by import By
from selenium.webdriver.support.select import Select

from conftest import FRONTS, PATH, Hub, Tls, certificate, chromium, front_ready, start_apache, token, wait_for

SET = "ui\nui_metrics token\nsubscriptions {\n hold_back 0s\n}\nforwarded x-forwarded\ndebug\n"
ALL = token(["*"], ["*"], exp=4000000000, sub="somebody")


class Page:
    """The page in a window of its own kind: what a person does with it, and what that person sees."""

    def __init__(self, browser, url):
        self.browser, self.url = browser, url

    def open(self, fragment=f"token={ALL}", path=PATH):
        self.browser.get("about:blank")
        self.browser.get(f"{self.url}{path}/ui/#{fragment}")
        wait_for(lambda: self("recipe").get_attribute("textContent"), "the page's program")
        return self

    def __call__(self, name):
        return self.browser.find_element(By.ID, name)

    def all(self, selector):
        return self.browser.find_elements(By.CSS_SELECTOR, selector)

    def text(self, name):
        return self(name).text

    def press(self, name):
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", self(name))
        self(name).click()

    def write(self, name, text):
        field = self(name) if isinstance(name, str) else name
        field.clear()
        field.send_keys(text)

    def choose(self, name, value):
        Select(self(name) if isinstance(name, str) else name).select_by_value(value)

    def sees(self, name, text):
        try:
            wait_for(lambda: text in self.text(name), f"{text!r} in #{name}")
        except AssertionError as error:
            raise AssertionError(f"{error}; it is {self.text(name)!r}") from None

    def is_kept(self, count):
        wait_for(lambda: self.text("event-count") == str(count), f"{count} events, not {self.text('event-count')}")

    def connect(self):
        self.press("connect")
        self.sees("state", "connected")

    def tab(self, name):
        self.press(f"tab-{name}")

    def rows(self):
        """What is seen of each row, top to bottom: type, data."""
        return self.browser.execute_script(
            "return [...document.querySelectorAll('#list [role=option]:not([hidden])')]"
            ".sort((a, b) => a.ariaPosInSet - b.ariaPosInSet).map(row => ['type', 'data'].map(name => row.querySelector('.' + name).textContent))")


@contextmanager
def site(folder, front, extra=SET, http2=False, **options):
    """Behind Apache without HTTP/2, as proxy-config/README.md has it for pages that come and go."""
    folder.chmod(0o755)
    hub = Hub(folder, extra, **options)
    begin, file = FRONTS[front]
    server, port = begin(folder, hub, file, tls=certificate(folder), **({"http2": http2} if begin is start_apache else {}))
    server.hub_goes_away = True
    try:
        front_ready(server, Tls(port))
        with chromium(folder) as browser:
            page = Page(browser, f"https://hub.example:{port}")
            page.hub, page.folder = hub, folder
            yield page
    finally:
        server.stop()
        if hub.server.process.poll() is None:
            hub.stop()
