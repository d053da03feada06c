from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from lambent.control_plane.deployment_packages.code_location import (
    LIFETIME_SECONDS,
    sign,
    url,
    verify,
)

KEY = b"k" * 32
NOW = 1_769_860_800.0
SHA256 = base64.b64encode(bytes(range(32))).decode()


def parts(link: str) -> tuple[str, str]:
    path, _, query = link.partition("?")
    return path, query


@given(st.binary(min_size=32, max_size=32))
def test_a_link_leads_to_its_package(digest):
    code_sha256 = base64.b64encode(digest).decode()
    assert verify(KEY, *parts(sign(KEY, code_sha256, NOW)), NOW) == code_sha256


def test_a_link_works_until_it_expires():
    link = parts(sign(KEY, SHA256, NOW))
    assert verify(KEY, *link, NOW + LIFETIME_SECONDS) == SHA256
    assert verify(KEY, *link, NOW + LIFETIME_SECONDS + 1) is None


def test_a_link_signed_with_another_key_leads_nowhere():
    assert verify(b"x" * 32, *parts(sign(KEY, SHA256, NOW)), NOW) is None


def test_a_link_cannot_be_made_to_last_longer():
    path, query = parts(sign(KEY, SHA256, NOW))
    expires = int(NOW) + LIFETIME_SECONDS
    longer = query.replace(f"expires={expires}", f"expires={expires + 1}")
    assert longer != query
    assert verify(KEY, path, longer, NOW) is None


def test_a_link_cannot_be_turned_to_another_package():
    path, query = parts(sign(KEY, SHA256, NOW))
    other, _ = parts(sign(KEY, base64.b64encode(bytes(32)).decode(), NOW))
    assert verify(KEY, other, query, NOW) is None
    assert verify(KEY, path, query, NOW) == SHA256


@pytest.mark.parametrize(
    ("path", "query"),
    [
        ("/_lambent/code/", ""),
        ("/_lambent/code/../../etc/passwd", "expires=1&signature=x"),
        ("/_lambent/code/" + "A" * 43, "expires=99999999999&signature=" + "é" * 43),
        ("/_lambent/code/" + "A" * 43, "expires=" + "9" * 5000 + "&signature=" + "A" * 43),
    ],
)
def test_anything_else_leads_nowhere(path, query):
    assert verify(KEY, path, query, NOW) is None


@given(st.text(), st.text())
def test_no_text_is_a_link(path, query):
    assert verify(KEY, path, query, NOW) is None


def base_of_link(host, *, port=9000, secure_port=None):
    secure = f"https://127.0.0.1:{secure_port}" if secure_port else None
    plane: Any = SimpleNamespace(
        endpoint=f"http://127.0.0.1:{port}",
        secure_endpoint=secure,
        code_location_key=KEY,
        clock=lambda: SimpleNamespace(timestamp=lambda: NOW),
    )
    caller: Any = SimpleNamespace(host=host)
    return url(plane, caller, SHA256).partition("/_lambent/")[0]


@pytest.mark.parametrize(
    ("host", "base"),
    [
        ("localhost:9000", "http://localhost:9000"),
        ("localhost:9443", "https://localhost:9443"),
        ("[::1]:9443", "https://[::1]:9443"),
        ("lambent.example", "http://lambent.example"),  # whatever stands before us at port 80
        ("", "http://127.0.0.1:9000"),
        ("a b", "http://127.0.0.1:9000"),
    ],
)
def test_a_link_leads_back_to_where_its_caller_came_from(host, base):
    assert base_of_link(host, secure_port=9443) == base


def test_a_link_is_secure_only_where_there_is_tls():
    assert base_of_link("localhost:9443") == "http://localhost:9443"
    assert base_of_link("lambent.example", secure_port=443) == "https://lambent.example"
