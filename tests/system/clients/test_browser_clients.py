"""What Symfony's and API Platform's pages listen with, from npm."""
import http.server
import json
import threading
from urllib.parse import urlencode

import pytest

from conftest import KEY, PATH, publish, token, wait_for
from packages import bundle, npm, say, version

BOOK = "https://symfony.com/ux-turbo/App%5CEntity%5CBook/{id}"


class Pages:
    """A site of a few pages and documents, each with its headers."""

    def __init__(self):
        self.found = {}
        pages = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                kind, body, headers = pages.found.get(self.path, ("text/html", "<!doctype html><title>page</title><body>", {}))
                self.send_response(200)
                for name, value in {"Content-Type": kind, **headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def pages():
    pages = Pages()
    yield pages
    pages.server.shutdown()
    pages.server.server_close()


def streams(hub):
    return hub.log().count("event=stream_begin") - hub.log().count("event=stream_end")


@pytest.fixture(scope="session")
def turbo():
    folder = npm("ux-turbo", "@symfony/ux-turbo", "@hotwired/turbo", "@hotwired/stimulus")
    say(f"@symfony/ux-turbo {version(folder, '@symfony/ux-turbo')}, @hotwired/turbo {version(folder, '@hotwired/turbo')}")
    return bundle(folder, """import "@hotwired/turbo"; import "@symfony/ux-turbo/dist/mercure_stream_source_element.js";
        import { Application } from "@hotwired/stimulus"; import Controller from "@symfony/ux-turbo/dist/turbo_stream_controller.js";
        Application.start().register("turbo", Controller);""")


STREAM = '<turbo-stream action="append" target="books"><template>\n<li>%s</li>\n</template></turbo-stream>'
ELEMENT = '<turbo-mercure-stream-source src="{url}?{query}"></turbo-mercure-stream-source>'
CONTROLLER = '<div data-controller="turbo" data-turbo-hub-value="{url}" data-turbo-topic-value="{topic}"></div>'


@pytest.mark.parametrize("source", [ELEMENT, CONTROLLER], ids=["element", "controller"])
def test_ux_turbo_appends_what_is_published_to_a_class_of_entities(start_hub, browser, pages, turbo, source):
    hub = start_hub(f"cors_origins {pages.url}")
    made = source.format(url=f"http://localhost:{hub.port}{PATH}", query=urlencode({"topic": BOOK}), topic=BOOK)
    pages.found["/bundle.js"] = ("text/javascript", turbo, {})
    pages.found["/"] = ("text/html", f"<!doctype html><title>books</title><script src=/bundle.js defer></script><ul id=books></ul>{made}", {})
    browser.get(pages.url)
    wait_for(lambda: streams(hub) == 1, "the stream")
    for title in ("Emma", "Olé"):
        publish(hub.socket, topic=BOOK.replace("{id}", "7"), data=STREAM % title)
    wait_for(lambda: browser.execute_script("return books.innerText").split() == ["Emma", "Olé"], "both")
    browser.execute_script("document.querySelector('turbo-mercure-stream-source, [data-controller]').remove()")
    wait_for(lambda: streams(hub) == 0, "the end of the stream")


@pytest.fixture(scope="session")
def admin():
    folder = npm("api-platform-admin", "@api-platform/admin", "react", "react-dom")
    say(f"@api-platform/admin {version(folder, '@api-platform/admin')}")
    return bundle(folder, """import { hydraDataProvider } from "@api-platform/admin"; window.hydraDataProvider = hydraDataProvider;""")


@pytest.mark.parametrize("jwt", [None, token(subscribe=["*"], key=KEY)], ids=["public", "private"])
def test_api_platform_admin_hears_of_the_rows_that_it_shows(start_hub, browser, pages, admin, jwt):
    """The hub is the one of the Link header; each row has a stream of its own."""
    hub = start_hub(f"cors_origins {pages.url}")
    link = {"Link": f'<{pages.url}/docs.jsonld>; rel="http://www.w3.org/ns/hydra/core#apiDocumentation", <http://localhost:{hub.port}{PATH}>; rel="mercure"'}
    for number in (1, 2):
        pages.found[f"/books/{number}"] = ("application/ld+json", json.dumps({"@id": f"/books/{number}", "@type": "Book", "title": "old"}), link)
    pages.found["/bundle.js"] = ("text/javascript", admin, {})
    pages.found["/"] = ("text/html", "<!doctype html><title>admin</title><script src=/bundle.js></script>", {})
    browser.get(pages.url)
    browser.execute_script("""window.heard = []; window.provider = hydraDataProvider({ entrypoint: location.origin, mercure: { jwt: arguments[0] },
        apiDocumentationParser: () => Promise.resolve({ api: { resources: [] } }) })""", jwt)
    if jwt:  # it writes the cookie itself, for a path that is the whole URL of the hub: findings/api-platform-admin-cookie-misses-the-hub.sh
        browser.execute_script("document.cookie = `mercureAuthorization=${arguments[0]}; Path=/; Secure`", jwt)
    browser.execute_async_script("""const done = arguments[0]; provider.subscribe(["/books/1", "/books/2"], document => heard.push(document.title))
        .then(() => provider.getOne("books", { id: "/books/1" })).then(() => done(), error => done(`${error}`))""")
    wait_for(lambda: streams(hub) == 2, "a stream for each row")
    form = {"private": "on"} if jwt else {}
    for number, title in ((1, "new"), (2, "other")):
        publish(hub.socket, topic=f"{pages.url}/books/{number}", data=json.dumps({"@id": f"/books/{number}", "@type": "Book", "title": title}), **form)
        wait_for(lambda: browser.execute_script("return heard.at(-1)") == title, "the update")
    browser.execute_script("provider.unsubscribe('books', ['/books/1', '/books/2'])")
    wait_for(lambda: streams(hub) == 0, "their ends")
