"""Web programs written for no cloud in particular, on function URLs.

Each shop of tests/support/web_frameworks.py is asked the same, through the adapter most people
use with its framework. What an adapter makes of an event, and of an answer, is what the event
and the answer must be right for.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import uuid
from urllib.parse import urlencode

import pytest
from tests.support.gates import open_gate
from tests.support.waiting import eventually
from tests.support.web_frameworks import (
    SHOPS,
    fastapi_with_web_adapter,
    publish,
    streaming_hono,
)

PICTURE = bytes(range(256)) * 64
FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON = {"Content-Type": "application/json"}
EXAMPLE = "https://www.example.com"


def multipart(fields: dict[str, str], file: tuple[str, str, bytes]) -> tuple[bytes, str]:
    """A form as a browser sends it, and its content type."""
    name, filename, content = file
    boundary = "----a-boundary"
    parts = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{each}"\r\n\r\n{value}\r\n'.encode()
        for each, value in fields.items()
    ]
    disposition = f'form-data; name="{name}"; filename="{filename}"'
    head = f"--{boundary}\r\nContent-Disposition: {disposition}\r\nContent-Type: image/png\r\n\r\n"
    body = b"".join(parts) + head.encode() + content + f"\r\n--{boundary}--\r\n".encode()
    return body, f"multipart/form-data; boundary={boundary}"


@pytest.fixture(scope="module", params=list(SHOPS))
def shop(request, server):
    site = publish(server, SHOPS[request.param](server))
    yield site
    site.deployed.client.delete_function(FunctionName=site.deployed.name)


def test_a_page_is_shown(shop):
    answer = shop.ask("GET", "/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.body.decode() == "<!doctype html><h1>Café</h1>"


def test_head_has_the_headers_of_get_and_no_body(shop):
    answer = shop.ask("HEAD", "/")
    assert (answer.status, answer.body) == (200, b"")
    assert answer.headers["content-type"] == "text/html; charset=utf-8"


def test_a_query_may_repeat_a_name_and_have_any_characters(shop):
    query = urlencode({"tag": ["green tea", "a,b", "50%"], "q": "ü&=+#?"}, doseq=True)
    answer = shop.ask("GET", f"/orders?{query}")
    assert answer.document == {"tags": ["green tea", "a,b", "50%"], "q": "ü&=+#?"}


@pytest.mark.parametrize(
    ("path", "number"),
    [
        ("/orders/42", "42"),
        ("/orders/th%C3%A9%20vert%2B", "thé vert+"),
        ("/orders/a+b", "a+b"),
    ],
)
def test_a_route_has_the_decoded_path(shop, path, number):
    assert shop.ask("GET", path).document == {"id": number}


def test_json_is_taken_and_answered(shop):
    order = {"item": "thé vert 🍵", "count": 3}
    answer = shop.ask("POST", "/orders", json.dumps(order, ensure_ascii=False).encode(), JSON)
    assert answer.status == 201
    assert answer.headers["location"] == "/orders/1"
    assert answer.headers["content-type"].startswith("application/json")
    assert answer.document == {"id": 1, **order}


def test_nothing_is_answered_with_nothing(shop):
    answer = shop.ask("DELETE", "/orders/1")
    assert (answer.status, answer.body) == (204, b"")
    assert "content-length" not in answer.headers
    assert "transfer-encoding" not in answer.headers


def test_a_login_form_leads_to_a_page_that_has_its_cookies(shop):
    with shop.open("POST", "/login", urlencode({"name": "ada", "theme": "dark"}), FORM) as answer:
        assert answer.status == 303
        assert answer.headers["Location"] == "/me"
        cookies = answer.headers.get_all("Set-Cookie")
    assert [each.split(";")[0] for each in cookies] == ["name=ada", "theme=dark"]
    assert "httponly" in cookies[0].lower()
    assert "max-age=3600" in cookies[1].lower()
    sent = "; ".join(each.split(";")[0] for each in cookies)
    assert shop.ask("GET", "/me", headers={"Cookie": sent}).document == {
        "name": "ada",
        "theme": "dark",
    }


def test_a_file_is_uploaded_as_it_is(shop):
    body, kind = multipart({"caption": "naïve"}, ("picture", "all bytes.png", PICTURE))
    answer = shop.ask("POST", "/pictures", body, {"Content-Type": kind})
    assert answer.document == {
        "name": "all bytes.png",
        "caption": "naïve",
        "sha256": hashlib.sha256(PICTURE).hexdigest(),
    }


def test_every_byte_goes_down_and_up(shop):
    answer = shop.ask("GET", "/picture")
    assert answer.headers["content-type"] == "image/png"
    assert answer.headers["content-length"] == str(len(PICTURE))
    assert answer.body == PICTURE
    up = shop.ask("PUT", "/picture", PICTURE[:1000], {"Content-Type": "image/png"})
    assert up.headers["content-type"].startswith("application/octet-stream")
    assert up.body == PICTURE[:1000]


def test_the_framework_knows_who_asks_for_what(shop):
    sent = {"Accept-Language": "fr, en;q=0.5", "User-Agent": "a browser/1.0"}
    facts = shop.ask("GET", "/request?a=1&b=%20&a=2", headers=sent).document
    assert facts == {
        "host": shop.host,
        "path": "/request",
        "query": "a=1&b=%20&a=2",
        "address": "127.0.0.1",
        "language": "fr, en;q=0.5",
        "agent": "a browser/1.0",
    }


def test_errors_are_the_frameworks_own(shop):
    missing = shop.ask("GET", "/no/such/page")
    assert (missing.status, b"Not Found" in missing.body) == (404, True)
    assert shop.ask("PATCH", "/picture").status in (404, 405)
    broken = shop.ask("GET", "/broken")
    assert (broken.status, b"Internal Server Error" in broken.body) == (500, True)
    assert shop.ask("GET", "/").status == 200


def test_a_url_without_cors_leaves_them_to_the_framework(shop):
    asking = {"Origin": EXAMPLE, "Access-Control-Request-Method": "POST"}
    preflight = shop.ask("OPTIONS", "/orders", headers=asking)
    assert preflight.status in (200, 204)
    assert preflight.headers["access-control-allow-origin"] == EXAMPLE
    assert preflight.headers["access-control-allow-methods"] == "GET, POST"
    answer = shop.ask("GET", "/orders", headers={"Origin": EXAMPLE})
    assert answer.headers["access-control-allow-origin"] == EXAMPLE
    other = shop.ask("GET", "/orders", headers={"Origin": "https://elsewhere.example"})
    assert "access-control-allow-origin" not in other.headers


# What only some of them do

ASGI = pytest.mark.parametrize(
    "shop", ["FastAPI, Mangum", "FastAPI, web adapter"], indirect=True, scope="module"
)


@ASGI
def test_an_asgi_app_is_told_that_it_starts(shop):
    assert shop.ask("GET", "/lifespan").document["started"][0] == "ready"


@ASGI
def test_an_app_may_compress(shop):
    answer = shop.ask("GET", f"/orders?q={'tea,' * 500}", headers={"Accept-Encoding": "gzip"})
    assert answer.headers["content-encoding"] == "gzip"
    assert "Accept-Encoding" in answer.headers["vary"]
    assert json.loads(gzip.decompress(answer.body)) == {"tags": [], "q": "tea," * 500}


@ASGI
def test_an_app_that_dies_is_a_bad_gateway_and_starts_again(shop):
    assert shop.ask("GET", "/die").status == 502
    # An adapter of its own may have told of the error, and taken a request, before the end is seen.
    eventually(lambda: shop.ask("GET", "/").status == 200, "the app answers again")


STREAMING = {
    "Hono": lambda _: streaming_hono(),
    "FastAPI, web adapter": lambda server: fastapi_with_web_adapter(server, "response_stream"),
}


@pytest.fixture(scope="module", params=list(STREAMING))
def stream(request, server):
    site = publish(server, STREAMING[request.param](server), "RESPONSE_STREAM")
    yield site
    site.deployed.client.delete_function(FunctionName=site.deployed.name)


def test_events_arrive_while_the_app_waits_to_send_more(stream):
    gate = f"gate-{uuid.uuid4()}"
    with stream.open("GET", f"/events?count=3&gate={gate}") as answer:
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith("text/event-stream")
        assert answer.headers["Set-Cookie"].split(";")[0] == "seen=yes"
        assert [answer.readline(), answer.readline()] == [b"data: 0\n", b"\n"]
        open_gate(gate)
        assert answer.read() == b"data: 1\n\ndata: 2\n\n"


def test_a_stream_has_the_frameworks_status(stream):
    missing = stream.ask("GET", "/no/such/page")
    assert (missing.status, b"Not Found" in missing.body) == (404, True)
