from __future__ import annotations

import pytest

from lambent.protocol.http_head import (
    chunk,
    has_long_body,
    head_without_upgrade,
    is_without_body,
    source_head,
    target,
)


@pytest.mark.parametrize(
    ("length", "is_chunked", "is_last", "expected"),
    [
        (7, False, False, b"HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 7\r\n\r\n"),
        (None, True, False, b"HTTP/1.1 200 OK\r\nX: y\r\nTransfer-Encoding: chunked\r\n\r\n"),
        (None, False, True, b"HTTP/1.1 200 OK\r\nX: y\r\nConnection: close\r\n\r\n"),
    ],
)
def test_a_head_frames_its_body(length, is_chunked, is_last, expected):
    head = source_head(200, "X: y\r\n", length, is_chunked=is_chunked, is_last=is_last)
    assert head == expected


def test_an_answer_without_content_has_no_length():
    assert source_head(204, "", 0, is_chunked=False, is_last=False) == (
        b"HTTP/1.1 204 No Content\r\n\r\n"
    )


def test_a_status_nobody_knows_is_passed_on():
    head = source_head(299, "", 0, is_chunked=False, is_last=False)
    assert head.startswith(b"HTTP/1.1 299 \r\n")


def test_some_statuses_never_have_a_body():
    assert [status for status in (100, 200, 204, 304, 404) if is_without_body(status)] == [
        *(100, 204, 304)
    ]


def test_chunks_say_how_long_they_are():
    assert chunk(b"a" * 255) == b"ff\r\n" + b"a" * 255 + b"\r\n"
    assert chunk(b"") == b"0\r\n\r\n"


@pytest.mark.parametrize(
    ("headers", "is_long"),
    [
        ({}, False),
        ({"content-length": "99999"}, False),
        ({"content-length": "100000"}, True),
        ({"transfer-encoding": "chunked"}, True),
    ],
)
def test_a_long_body_is_known_from_its_head(headers, is_long):
    assert has_long_body(headers) is is_long


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (b"/a?b", b"/a?b"),
        (b"http://host/a?b", b"/a?b"),
        (b"https://host", b"/"),
        (b"http://host//a", b"//a"),
    ],
)
def test_a_whole_url_is_taken_for_its_path(url, expected):
    assert target(url) == expected


def test_an_offer_of_another_protocol_is_left_out():
    headers = {"host": "h", "connection": "Upgrade", "upgrade": "h2c"}
    assert head_without_upgrade(b"GET", b"/a", headers) == b"GET /a HTTP/1.1\r\nhost: h\r\n\r\n"
