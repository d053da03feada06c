"""Function URLs in a real browser: pages, forms, cookies, other origins, and what streams."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from playwright.sync_api import expect
from tests.support.browser import headless_chromium, import_authority
from tests.support.functions import WHOLE_CPU, Deployed, deploy
from tests.support.gates import open_gate
from tests.support.server import newest_runtime, running_server
from tests.support.streams import create_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page
    from tests.support.browser import Chromium
    from tests.support.server import RunningServer

FUNCTIONS = Path(__file__).parents[1] / "support/browser_functions"
PATIENCE_MILLISECONDS = 30_000
FETCH = """async ([url, options]) => {
  try {
    const answer = await fetch(url, options);
    const headers = Object.fromEntries(answer.headers);
    return { status: answer.status, headers, body: await answer.text() };
  } catch (error) {
    return { error: error.name };
  }
}"""

expect.set_options(timeout=PATIENCE_MILLISECONDS)


@dataclass
class Site:
    """A function at its URL, for everybody."""

    deployed: Deployed
    url: str

    @property
    def origin(self) -> str:
        return self.url.rstrip("/")

    @property
    def id(self) -> str:
        return self.url.partition("://")[2].partition(".")[0]

    def share(self, **cors: Any) -> None:
        """Replace the URL's CORS settings."""
        self.deployed.client.update_function_url_config(FunctionName=self.deployed.name, Cors=cors)


@contextlib.contextmanager
def published(server: RunningServer, file: str, mode: str = "BUFFERED", **settings: Any) -> Any:
    """A function of tests/support/browser_functions with a URL that anybody may call."""
    text = (FUNCTIONS / file).read_text()
    deployed = deploy(server, {file: text}, **WHOLE_CPU, Timeout=60, **settings)
    try:
        yield Site(deployed, create_url(deployed, mode))
    finally:
        deployed.client.delete_function(FunctionName=deployed.name)


@pytest.fixture(scope="module")
def chromium() -> Iterator[Chromium]:
    with headless_chromium() as program:
        yield program


@pytest.fixture(scope="module")
def browser(chromium: Chromium) -> Iterator[Browser]:
    with contextlib.closing(chromium.start()) as running:
        yield running


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A tab of somebody who was nowhere before."""
    with contextlib.closing(browser.new_context(locale="en-GB")) as context:
        context.set_default_timeout(PATIENCE_MILLISECONDS)
        yield context.new_page()


@pytest.fixture(scope="module")
def pages(server: RunningServer) -> Iterator[Site]:
    with published(server, "pages.py", handler="pages.handler") as site:
        yield site


@pytest.fixture(scope="module")
def interface(server: RunningServer) -> Iterator[Site]:
    with published(server, "interface.py", handler="interface.handler") as site:
        yield site


@pytest.fixture(scope="module")
def news(server: RunningServer) -> Iterator[Site]:
    settings = {"runtime": newest_runtime("nodejs"), "handler": "stream.handler"}
    with published(server, "stream.mjs", "RESPONSE_STREAM", **settings) as site:
        yield site


@pytest.fixture
def elsewhere() -> Iterator[str]:
    """The address of an empty page of another site, which no server of ours serves."""

    class EmptyPage(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(b"<!doctype html><title>Elsewhere</title>")

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), EmptyPage) as other:
        thread = threading.Thread(target=other.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{other.server_port}"
        other.shutdown()
        thread.join()


def fetch(page: Page, url: str, **options: Any) -> Any:
    """What a script of the page gets, or the name of the error it catches."""
    got = page.evaluate(FETCH, [url, options])
    if got.get("body", "").startswith("{"):
        got["body"] = json.loads(got["body"])
    return got


def test_a_page_is_shown_with_its_style_and_picture(page: Page, pages: Site) -> None:
    answer = page.goto(pages.url)
    assert answer is not None
    assert (answer.status, page.title()) == (200, "Greetings")
    expect(page.locator("h1")).to_have_text("Greetings from a function")
    expect(page.locator("h1")).to_have_css("color", "rgb(0, 100, 0)")
    size = page.evaluate("[picture.naturalWidth, picture.naturalHeight]")
    assert size == [3, 2], "the picture is not whole"


def test_a_path_and_a_query_arrive_as_the_browser_wrote_them(page: Page, pages: Site) -> None:
    answer = page.goto(f"{pages.url}müsli/a b?q=grün%26blau&q=rot&leer=")
    assert answer is not None
    assert answer.status == 404
    expect(page.locator("#first")).to_have_text("grün&blau,rot")
    asked = page.locator("#asked").inner_text()
    assert asked == "/m%C3%BCsli/a%20b?q=gr%C3%BCn%26blau&q=rot&leer="


def test_a_form_is_posted_and_cookies_come_back(page: Page, pages: Site, interface: Site) -> None:
    page.goto(pages.url)
    page.get_by_label("Your name").fill("Zoë <Söhne & Co>")
    page.get_by_label("Your wish").fill("one line\nand another")
    page.get_by_role("button", name="Greet me").click()
    expect(page.locator("#greeting")).to_have_text("Hello, Zoë <Söhne & Co>!")
    assert page.url == f"{pages.url}greetings"
    expect(page.locator("#visit")).to_have_text("This is visit 1.")
    page.reload()
    expect(page.locator("#visit")).to_have_text("This is visit 2.")
    kept = {each.get("name"): each for each in page.context.cookies()}
    assert kept.keys() == {"name", "wish", "visits"}
    assert (kept["name"].get("httpOnly"), kept["name"].get("sameSite")) == (True, "Lax")
    # The other two are out of the reach of scripts.
    assert page.evaluate("document.cookie") == "wish=one%20line%0D%0Aand%20another"
    page.goto(interface.url)
    assert json.loads(page.inner_text("body"))["cookies"] == [], "they went to another URL"


def test_another_origin_that_is_allowed_calls_with_headers_and_credentials(
    page: Page, pages: Site, interface: Site
) -> None:
    interface.share(
        AllowOrigins=[pages.origin],
        AllowMethods=["PUT"],
        AllowHeaders=["content-type", "x-greeting"],
        AllowCredentials=True,
        ExposeHeaders=["x-answer"],
        MaxAge=60,
    )
    page.goto(pages.url)
    options = {
        "method": "PUT",
        "headers": {"Content-Type": "application/json", "X-Greeting": "hello"},
        "credentials": "include",
        "body": '{"wish": "grün"}',
    }
    first = fetch(page, interface.url, **options)
    assert first["status"] == 200, first
    assert first["body"]["method"] == "PUT"
    assert first["body"]["origin"] == pages.origin
    assert (first["body"]["greeting"], first["body"]["body"]) == ("hello", '{"wish": "grün"}')
    assert first["body"]["cookies"] == []
    assert first["headers"].get("x-answer") == "42"
    assert "x-hidden" not in first["headers"]
    second = fetch(page, interface.url, **options)
    assert second["body"]["cookies"] == ["session=opened"]
    assert "OPTIONS" not in second["body"]["methods"], "the function was asked for a preflight"


@pytest.mark.parametrize(
    ("cors", "options"),
    [
        ({"AllowOrigins": ["https://www.example.com"]}, {}),
        ({}, {"method": "DELETE"}),
        ({}, {"headers": {"X-Greeting": "hello"}}),
        ({}, {"credentials": "include"}),
    ],
    ids=["origin", "method", "header", "credentials"],
)
def test_what_is_not_allowed_is_kept_from_another_origin(
    page: Page, pages: Site, interface: Site, cors: dict[str, Any], options: dict[str, Any]
) -> None:
    interface.share(**{"AllowOrigins": [pages.origin], "AllowMethods": ["GET"]} | cors)
    page.goto(pages.url)
    assert fetch(page, interface.url, **options) == {"error": "TypeError"}
    interface.share(AllowOrigins=["*"], AllowMethods=["*"])
    # The preflight was the URL's to answer: nothing of it came to the function.
    assert not {"OPTIONS", "DELETE"} & set(fetch(page, interface.url)["body"]["methods"])


def test_a_page_of_another_site_calls_what_is_open_to_all(
    page: Page, elsewhere: str, interface: Site
) -> None:
    interface.share(AllowOrigins=["*"], AllowMethods=["POST"], AllowHeaders=["*"])
    page.goto(elsewhere)
    got = fetch(page, interface.url, method="POST", headers={"X-Greeting": "hi"}, body="text")
    assert got["status"] == 200, got
    assert (got["body"]["origin"], got["body"]["greeting"]) == (elsewhere, "hi")


def test_without_settings_a_function_answers_preflights_itself(
    page: Page, elsewhere: str, interface: Site
) -> None:
    interface.share()
    page.goto(elsewhere)
    url = f"{interface.url}own-cors"
    assert fetch(page, url, method="PATCH", headers={"X-Greeting": "hi"})["status"] == 200
    assert fetch(page, url, method="PUT") == {"error": "TypeError"}
    assert fetch(page, interface.url) == {"error": "TypeError"}


@pytest.mark.parametrize("is_by_name", [True, False])
def test_a_page_of_a_function_cannot_call_the_api(
    page: Page, server: RunningServer, pages: Site, is_by_name: bool
) -> None:
    """Or whoever may change one function could, by its readers' browsers, change them all."""
    port = server.url.rpartition(":")[2]
    page.goto(pages.url)
    api = f"http://localhost:{port}" if is_by_name else server.url
    refused(page, f"{api}/2015-03-31/functions/")


def test_nor_can_one_at_the_form_of_the_address_that_has_the_apis_origin(
    page: Page, server: RunningServer, pages: Site
) -> None:
    page.goto(f"{server.url}/_lambent/function-urls/{pages.id}/")
    assert (page.title(), page.evaluate("origin")) == ("Greetings", "null")
    refused(page, f"{server.url}/2015-03-31/functions/")


def refused(page: Page, url: str) -> None:
    """The page gets nothing to read, and what it sends has no effect."""
    with page.expect_response(lambda answer: answer.url == url) as answered:
        fetch(page, url, mode="no-cors")
    assert answered.value.status == 403


def test_events_arrive_one_by_one_while_the_function_is_at_work(page: Page, news: Site) -> None:
    gate = f"news-{uuid.uuid4()}"
    page.goto(f"{news.url}?from=events%3Fgate={gate}")
    expect(page.locator("#state")).to_have_text("open")
    items = page.locator("#news li")
    for number in (1, 2, 3):
        expect(items).to_have_count(number - 1)
        open_gate(f"{gate}-{number}")
        expect(items).to_have_count(number)
    expect(items.last).to_have_text("3: fürs Protokoll, Teil 3")
    expect(page.locator("#state")).to_have_text("ended")


def test_a_browser_comes_back_for_the_events_after_those_it_has(page: Page, news: Site) -> None:
    page.goto(f"{news.url}?from=part")
    expect(page.locator("#state")).to_have_text("closed")
    items = page.locator("#news li")
    expect(items).to_have_text([f"{number}: one of two" for number in range(1, 5)])


def test_a_page_is_shown_before_its_end_is_written(page: Page, news: Site) -> None:
    gate = f"page-{uuid.uuid4()}"
    page.goto(f"{news.url}page?gate={gate}", wait_until="commit")
    expect(page.locator("#first")).to_be_visible()
    assert page.evaluate("document.readyState") == "loading"
    expect(page.locator("#second")).to_have_count(0)
    open_gate(gate)
    expect(page.locator("#second")).to_be_visible()


def test_a_browser_that_trusts_this_machines_authority_shows_pages_with_https(
    chromium: Chromium, tmp_path: Path
) -> None:
    options = ("--tls-certificate", "development", "--tls-port", "0")
    with running_server(tmp_path / "data", *options) as server:
        import_authority(server.data_dir / "tls/authority.pem", tmp_path)
        with (
            published(server, "pages.py", handler="pages.handler") as site,
            contextlib.closing(chromium.start(tmp_path)) as browser,
            contextlib.closing(browser.new_page()) as page,
        ):
            assert site.url.startswith("https://")
            page.goto(site.url)
            expect(page.locator("h1")).to_have_css("color", "rgb(0, 100, 0)")
            assert page.evaluate("isSecureContext")
