from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lambent.protocol.http import HttpRequest, HttpResponse
from lambent.server.function_urls import answer, url_request

ID = "abcdefghijklmnopqrstuvwxyz012345"


def request(host, path="/"):
    headers = {} if host is None else {"host": host}
    return HttpRequest(method="GET", path=path, query="", headers=headers, body=b"")


@pytest.mark.parametrize(
    "host",
    [
        f"{ID}.lambda-url.eu-west-1.localhost:9000",
        f"{ID}.lambda-url.eu-west-1.localhost",
        f"{ID.upper()}.Lambda-URL.eu-west-1.on.aws",
        f"{ID}.lambda-url.eu-west-1.localhost.:9000",
        f"{ID}.lambda-url.eu-west-1.functions.example.com:443",
        f"{ID}.lambda-url.eu-west-1",
    ],
)
def test_an_address_says_which_function_url_it_is(host):
    of = url_request(request(host, "/_lambent/function-urls/other/x"))
    assert of is not None
    assert (of.url_id, of.region) == (ID, "eu-west-1")
    assert of.path == "/_lambent/function-urls/other/x"


@pytest.mark.parametrize(
    "host",
    [
        f"www.{ID}.lambda-url.eu-west-1.localhost",
        "lambda-url.eu-west-1.localhost",
        f"{ID}.lambda-url",
        f"{ID}.lambda-url.",
        ".lambda-url.eu-west-1.localhost",
    ],
)
def test_what_is_like_an_address_is_nobody_s_and_no_api_s(host):
    of = url_request(request(host))
    assert of is not None
    assert of.url_id == ""


@pytest.mark.parametrize(
    "host",
    [
        None,
        "",
        "localhost:9000",
        "127.0.0.1:9000",
        "[::1]:9000",
        "my-lambda-url.example.com",
        "lambda.eu-west-1.amazonaws.com",
    ],
)
@pytest.mark.parametrize("path", ["/", "/_lambent/queue", "/_lambent/function-urls"])
def test_anything_else_is_for_an_api(host, path):
    assert url_request(request(host, path)) is None


@pytest.mark.parametrize(
    ("path", "rest"),
    [
        (f"/_lambent/function-urls/{ID}", "/"),
        (f"/_lambent/function-urls/{ID}/", "/"),
        (f"/_lambent/function-urls/{ID}/a%2Fb/c", "/a%2Fb/c"),
        (f"/_lambent/function-urls/{ID}//a", "//a"),
    ],
)
def test_a_path_may_say_it_instead(path, rest):
    of = url_request(request("127.0.0.1:9000", path))
    assert of is not None
    assert (of.url_id, of.region, of.path) == (ID, None, rest)


@pytest.mark.parametrize("host", ["127.0.0.1:9000", f"{ID}.lambda-url.eu-west-1.localhost"])
async def test_a_page_at_the_api_s_own_origin_is_none_of_its_pages(host):
    nothing: Any = SimpleNamespace(urls={})
    of = url_request(request(host, f"/_lambent/function-urls/{ID}/page"))
    assert of is not None
    headers = dict((await answer(nothing, of)).headers)
    is_at_api = host.startswith("127")
    policy = "sandbox allow-forms allow-scripts"
    assert headers.get("content-security-policy") == (policy if is_at_api else None)


@pytest.fixture
def answered(monkeypatch):
    """Answers a request with the headers a function gave; remembers what it got."""
    got = []

    async def ask(host, path="/", headers=(), given=()):
        async def endpoint(functions, of, sandbox_keys):
            got.append(of.request.headers)
            return HttpResponse(status=200, headers=list(given), body=b"")

        monkeypatch.setattr("lambent.invocation.function_urls.endpoint.answer", endpoint)
        asked = request(host, path)
        asked.headers.update(headers)
        of = url_request(asked)
        assert of is not None
        nothing: Any = None
        return await answer(nothing, of), got

    return ask


PATH = f"/_lambent/function-urls/{ID}/"
NAME = f"{ID}.lambda-url.eu-west-1.localhost:9000"
BROWSER = {"sec-fetch-site": "none"}
COOKIE = ("Set-Cookie", "a=b; Path=/; Domain=localhost; HttpOnly")


async def test_a_head_that_would_take_long_to_read_is_refused(answered):
    response, got = await answered(NAME, headers={"a": "b" * 70_000})
    assert (response.status, got) == (431, [])


async def test_a_function_has_no_cookies_of_other_functions(answered):
    response, _ = await answered(NAME, headers=BROWSER, given=[COOKIE])
    assert response.headers == [("Set-Cookie", "a=b; Path=/; HttpOnly")]
    elsewhere = NAME.replace("localhost", "example.com")
    response, _ = await answered(elsewhere, headers=BROWSER, given=[COOKIE])
    assert response.headers == [COOKIE]


async def test_at_the_api_s_own_host_a_function_speaks_for_nobody_else(answered):
    given = [COOKIE, ("Strict-Transport-Security", "max-age=1"), ("X-Own", "y")]
    headers = {**BROWSER, "cookie": "operator=secret"}
    response, [got] = await answered("localhost:9000", PATH, headers, given)
    assert [name for name, _ in response.headers] == ["X-Own", "content-security-policy"]
    assert "cookie" not in got


async def test_other_clients_keep_their_cookies_in_the_path_form(answered):
    response, [got] = await answered("localhost:9000", PATH, {"cookie": "a=b"}, [COOKIE])
    assert (response.headers[0], got["cookie"]) == (COOKIE, "a=b")


async def test_a_page_elsewhere_whose_name_leads_here_is_refused(answered):
    response, got = await answered("rebound.example:9000", PATH, BROWSER)
    assert (response.status, got) == (403, [])
