from __future__ import annotations

from typing import Any

import pytest

from lambent.control_plane.function_urls.cors import check_cors
from lambent.domain.errors import ServiceError


@pytest.mark.parametrize(
    "cors",
    [
        None,
        {},
        {"AllowMethods": ["GET", "PUT", "HEAD", "POST", "PATCH", "DELETE"]},
        {"AllowMethods": ["*"], "AllowOrigins": ["*"], "AllowHeaders": ["*"]},
        {"AllowOrigins": ["https://example.com", "http://localhost:60905"]},
        {"AllowOrigins": ["null", "HTTPS://[::1]:8443", "https://*.example.com"]},
        {"AllowHeaders": ["Date", "Keep-Alive"], "ExposeHeaders": ["X-Custom-Header"]},
        {"AllowCredentials": True, "MaxAge": 86400},
    ],
)
def test_what_a_browser_understands_is_taken(cors):
    check_cors(cors)


@pytest.mark.parametrize("method", ["get", "TRACE", "", "GET,PU"])
def test_other_methods_are_refused(method):
    with pytest.raises(ServiceError) as caught:
        check_cors({"AllowMethods": ["GET", method]})
    assert caught.value.code == "InvalidParameterValueException"
    assert caught.value.message == (
        f"Cors.AllowMethods has {method!r}. It can have GET, PUT, HEAD, POST, PATCH, DELETE, "
        "and the wildcard character (*)."
    )


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("AllowHeaders", "X Custom"),
        ("AllowHeaders", ""),
        ("ExposeHeaders", "X-Custom: 1"),
        ("ExposeHeaders", "X\x7f"),
    ],
)
def test_what_cannot_stand_in_a_header_is_refused(member, value):
    cors: Any = {member: ["*", value]}
    with pytest.raises(ServiceError) as caught:
        check_cors(cors)
    assert caught.value.code == "InvalidParameterValueException"
    assert (
        caught.value.message
        == f"Cors.{member} has {value!r}, which cannot stand in an HTTP header."
    )


@pytest.mark.parametrize(
    "origin",
    [
        "foo",
        "https://",
        "https://a.example/",
        "https://a.example, https://b.example",
        "https://\u00fc.example",
        "https://a.example\x00",
    ],
)
def test_an_origin_is_what_a_browser_sends_as_one(origin):
    with pytest.raises(ServiceError) as caught:
        check_cors({"AllowOrigins": ["*", origin]})
    assert caught.value.code == "InvalidParameterValueException"
    assert caught.value.message.startswith(f"Cors.AllowOrigins has {origin!r}, which is no origin")
