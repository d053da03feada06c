from __future__ import annotations

import pytest

from lambent.protocol.http_head import (
    chunk,
    has_long_body,
    head_without_upgrade,
    header_lines,
    is_without_body,
    last_chunk,
    refusal,
    safe_headers,
    source_head,
    target,
    whole_head,
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
    assert whole_head(599, "X: y\r\n", 3, is_last=False) == (
        b"HTTP/1.1 599 \r\nX: y\r\nContent-Length: 3\r\n\r\n"
    )


def test_an_answer_that_has_no_body_says_nothing_of_its_length():
    assert b"Content-Length" not in whole_head(204, "X: y\r\n", None, is_last=False)


def test_a_refusal_is_a_whole_answer_and_the_last():
    assert refusal(431) == (
        b"HTTP/1.1 431 Request Header Fields Too Large\r\nConnection: close\r\n"
        b"Content-Type: text/plain\r\nContent-Length: 38\r\n\r\n"
        b"The head of this request is too long.\n"
    )


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("X", "a\r\nSet-Cookie: stolen=1"),
        ("X", "a\nSet-Cookie: stolen=1"),
        ("X", "a\rSet-Cookie: stolen=1"),
        ("X", "a\0b"),
        ("X", "a\x7f"),
        ("X\r\nY", "a"),
        ("X\n", "a"),
        ("X Y", "a"),
        ("X:", "a"),
        ("", "a"),
        ("Ä", "a"),
        ("X", "a" * 70_000),
    ],
)
def test_headers_that_would_end_the_head_are_refused(name, value):
    with pytest.raises(ValueError, match="header"):
        safe_headers([(name, value)])


def test_many_short_headers_are_too_long_together():
    with pytest.raises(ValueError, match="65536 bytes"):
        safe_headers([("X", "a" * 1000)] * 66)


def test_headers_that_are_sound_are_left_as_they_are():
    pairs = [("X-A", 'b; c="d"'), ("Set-Cookie", "a=1"), ("Set-Cookie", "b=2"), ("x", "")]
    assert safe_headers([*pairs, ("Y", " \ta b\t ")]) == [*pairs, ("Y", "a b")]


def test_how_an_answer_is_sent_is_not_for_its_author_to_say():
    names = ("Connection", "content-length", "Transfer-Encoding", "UPGRADE", "Date", "Trailer")
    assert safe_headers([(name, "1") for name in names]) == []


def test_text_of_any_language_is_sent_as_utf_8():
    [(_, value)] = safe_headers([("X", "日本")])
    assert value.encode("latin-1").decode() == "日本"
    assert safe_headers([("X", "\ud800")]) == [("X", "?")]


@pytest.mark.parametrize("value", ["a\r\nb: c", "a\n", "\r", "a\0", "日本"])
def test_no_header_of_any_answer_begins_another_line(value):
    assert header_lines([("X", "y"), ("Z", "é")]) == "X: y\r\nZ: é\r\n"
    with pytest.raises(ValueError, match=r"line break|latin-1"):
        header_lines([("X", value)])


def test_some_statuses_never_have_a_body():
    assert [status for status in (100, 200, 204, 304, 404) if is_without_body(status)] == [
        *(100, 204, 304)
    ]


def test_chunks_say_how_long_they_are():
    assert chunk(b"a" * 255) == b"ff\r\n" + b"a" * 255 + b"\r\n"
    assert last_chunk({}) == b"0\r\n\r\n"


def test_what_follows_the_last_chunk_cannot_be_another_answer():
    assert last_chunk({"X-Error": "Oh.No"}) == b"0\r\nX-Error: Oh.No\r\n\r\n"
    assert last_chunk({"Content-Length": "5"}) == b"0\r\n\r\n"
    with pytest.raises(ValueError, match="control character"):
        last_chunk({"X": "a\r\n\r\nHTTP/1.1 200 OK"})


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
        (b"HTTP://host?b", b"/?b"),
        (b"http://host?b/c", b"/?b/c"),
        (b"//host/a", b"//host/a"),
    ],
)
def test_a_whole_url_is_taken_for_its_path(url, expected):
    assert target(url) == expected


def test_an_offer_of_another_protocol_is_left_out():
    headers = {"host": "h", "connection": "Upgrade", "upgrade": "h2c"}
    assert head_without_upgrade(b"GET", b"/a", headers, "1.1") == (
        b"GET /a HTTP/1.1\r\nhost: h\r\n\r\n"
    )


def test_what_else_was_said_of_the_connection_stays():
    headers = {"connection": "close, Upgrade", "upgrade": "h2c"}
    assert head_without_upgrade(b"GET", b"/a", headers, "1.0") == (
        b"GET /a HTTP/1.0\r\nconnection: close\r\n\r\n"
    )
