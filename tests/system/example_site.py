"""The pages of examples/ as a site has them: copied, PHP behind a real Apache, the hub beside it, over plain HTTP/1.1."""
import os
import re
import shutil

from conftest import KEY, ROOT, Server, free_port, front_ready, start_apache, wait_for

FOLDERS = ("site", "notifications", "presence")
FILES = ("http-unix", "module-unix")


class Site:
    """`seconds`: how long a visitor's token is good; `file`: which of the project's files Apache has."""

    def __init__(self, folder, hub, file, seconds=600):
        self.hub, pages = hub, folder / "pages"
        for name in FOLDERS:
            shutil.copytree(ROOT / "examples" / name, pages / name)
        self.edit(pages / "site/mercure.php", "/run/alipes/alipes.sock", str(hub.socket))
        self.edit(pages / "site/cookie.php", "SECONDS = 600", f"SECONDS = {seconds}")
        port = free_port()
        env = {**os.environ, "PUBLISHER_KEY": KEY, "SUBSCRIBER_KEY": KEY, "PHP_CLI_SERVER_WORKERS": "4"}
        self.php = Server(["php", "-d", "display_errors=1", "-d", f"session.save_path={folder}", "-S", f"127.0.0.1:{port}", "-t", pages], folder / "php.log", env)
        wait_for(lambda: "started" in self.php.log(), "PHP")
        self.front, port = start_apache(folder, hub, file, beside=port)
        self.front.hub_goes_away = True
        self.url = f"http://localhost:{port}"
        front_ready(self.front, ("127.0.0.1", port))

    @staticmethod
    def edit(path, old, new):
        assert old in path.read_text()
        path.write_text(path.read_text().replace(old, new))

    def stop(self):
        self.front.stop()
        self.php.stop()
        assert not re.search(r"PHP (Warning|Notice|Deprecated|Parse error)", self.php.log()), self.php.log()[-2000:]


def sign_in(browser, url, name):
    from selenium.webdriver.common.by import By

    browser.get(url)
    browser.find_element(By.ID, "name").send_keys(name + "\n")
    wait_for(lambda: browser.find_elements(By.ID, "state"), "the page")
