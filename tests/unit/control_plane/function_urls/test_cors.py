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
        ("AllowOrigins", "https://a.example, https://b.example"),
        ("AllowOrigins", "https://\u00fc.example"),
        ("AllowOrigins", "https://a.example\x00"),
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
