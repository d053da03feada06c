from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from lambent.protocol.http import HttpRequest
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
