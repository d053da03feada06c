from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from lambent.invocation.function_urls.cors import preflight_answer, with_cors_headers
from lambent.protocol.http import HttpRequest

if TYPE_CHECKING:
    from lambent.domain.function_url import Cors

PAGE = "https://www.example.com"
CORS: Cors = {
    "AllowOrigins": [PAGE, "http://localhost:8080"],
    "AllowMethods": ["GET", "PUT"],
    "AllowHeaders": ["X-Custom", "content-type"],
    "ExposeHeaders": ["X-One", "X-Two"],
    "MaxAge": 300,
}


def request(method="GET", **headers):
    fields = {name.replace("_", "-"): value for name, value in headers.items()}
    return HttpRequest(method=method, path="/", query="", headers=fields, body=b"")


def preflight(method="PUT", origin=PAGE, headers=None):
    named = {"access_control_request_headers": headers} if headers is not None else {}
    return request("OPTIONS", origin=origin, access_control_request_method=method, **named)


def answered(cors, asked):
    answer = preflight_answer(cors, asked)
    assert answer is not None
    assert answer.status == 200
    assert answer.body == b""
    assert ("vary", "Origin") in answer.headers
    return {name: value for name, value in answer.headers if name.startswith("access-control-")}


def test_a_browser_that_asks_before_is_told_what_it_asked_for():
    assert answered(CORS, preflight(headers="x-custom, Content-Type, x-other")) == {
        "access-control-allow-origin": PAGE,
        "access-control-allow-methods": "PUT",
        "access-control-allow-headers": "x-custom,Content-Type",
        "access-control-max-age": "300",
    }


def test_wildcards_allow_what_is_asked_for_by_its_name():
    cors = {"AllowOrigins": ["*"], "AllowMethods": ["*"], "AllowHeaders": ["*"]}
    assert answered(cors, preflight("DELETE", "https://any.test", "authorization")) == {
        "access-control-allow-origin": "https://any.test",
        "access-control-allow-methods": "DELETE",
        "access-control-allow-headers": "authorization",
    }


def test_credentials_are_allowed_where_they_are():
    cors: Cors = {**CORS, "AllowCredentials": True}
    assert answered(cors, preflight())["access-control-allow-credentials"] == "true"
    assert ("access-control-allow-credentials", "true") in with_cors_headers(
        cors, request(origin=PAGE), []
    )


@pytest.mark.parametrize(
    "asked",
    [
        preflight(origin="https://other.example.com"),
        preflight(origin="https://www.example.com:444"),
        preflight(origin="null"),
        preflight("DELETE"),
    ],
)
def test_who_may_not_is_told_nothing(asked):
    assert answered(CORS, asked) == {}


def test_settings_without_origins_allow_none():
    assert answered({"AllowMethods": ["*"]}, preflight()) == {}
    assert with_cors_headers({"MaxAge": 1}, request(origin=PAGE), []) == [("vary", "Origin")]


def test_a_browser_may_be_told_not_to_remember_it():
    assert answered({**CORS, "MaxAge": 0}, preflight())["access-control-max-age"] == "0"


def test_no_more_headers_are_looked_at_than_can_be_allowed():
    names = ",".join(f"x-{number}" for number in range(5000))
    allowed = answered({**CORS, "AllowHeaders": ["*"]}, preflight(headers=names))
    assert allowed["access-control-allow-headers"].count(",") == 99


@pytest.mark.parametrize(
    "asked",
    [
        request("OPTIONS"),
        request("OPTIONS", origin=PAGE),
        request("OPTIONS", access_control_request_method="PUT"),
        request("GET", origin=PAGE, access_control_request_method="PUT"),
    ],
)
def test_anything_else_is_for_the_function(asked):
    assert preflight_answer(CORS, asked) is None


def test_without_settings_the_function_answers_browsers_itself():
    assert preflight_answer(None, preflight()) is None
    headers = [("content-type", "text/html")]
    assert with_cors_headers(None, request(origin=PAGE), headers) == headers


def test_answers_say_who_may_read_them():
    assert with_cors_headers(CORS, request(origin=PAGE), [("x-one", "1")]) == [
        ("x-one", "1"),
        ("vary", "Origin"),
        ("access-control-allow-origin", PAGE),
        ("access-control-expose-headers", "X-One,X-Two"),
    ]


def test_what_the_function_says_itself_stays_beside_it():
    own = [("access-control-allow-origin", "*")]
    headers = with_cors_headers(CORS, request(origin=PAGE), own)
    assert [value for name, value in headers if name == "access-control-allow-origin"] == [
        "*",
        PAGE,
    ]


@pytest.mark.parametrize("asked", [request(), request(origin="https://other.example.com")])
def test_other_pages_and_programs_are_told_nothing(asked):
    assert with_cors_headers(CORS, asked, []) == [("vary", "Origin")]
