"""Heads and the frames of bodies, as text and bytes of HTTP/1.1."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus
}


def whole_head(status: int, head: str, length: int, *, is_last: bool) -> bytes:
    """Of an answer whose body is at hand; `head` is further header lines, each with its CRLF."""
    content_type = "" if head else "Content-Type: application/json\r\n"
    connection = "Connection: close\r\n" if is_last else ""
    return (
        f"{STATUS_LINES[status]}{content_type}{head}{connection}Content-Length: {length}\r\n\r\n"
    ).encode("latin-1")


def source_head(
    status: int, head: str, length: int | None, *, is_chunked: bool, is_last: bool
) -> bytes:
    """Of an answer whose body is read while it is sent; without a length it is in chunks, or ends
    with its connection.
    """
    line = STATUS_LINES.get(status) or f"HTTP/1.1 {status} \r\n"
    connection = "Connection: close\r\n" if is_last else ""
    framing = ""
    if is_chunked:
        framing = "Transfer-Encoding: chunked\r\n"
    elif length is not None and status != HTTPStatus.NO_CONTENT:
        framing = f"Content-Length: {length}\r\n"
    return f"{line}{head}{connection}{framing}\r\n".encode("latin-1")


def is_without_body(status: int) -> bool:
    """Whatever the request was: https://www.rfc-editor.org/rfc/rfc9110#section-6.4.1"""
    return status in (HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED) or status < HTTPStatus.OK


def chunk(piece: bytes) -> bytes:
    """Of a chunked body; an empty one is its end."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def has_long_body(headers: Mapping[str, str]) -> bool:
    """Of 100,000 bytes or more, or as many as there will be; told from a request's head."""
    return len(headers.get("content-length", "")) > 5 or "transfer-encoding" in headers


def target(url: bytes) -> bytes:
    """The path and query; those who take us for a proxy send the whole URL."""
    if url.startswith((b"http://", b"https://")):
        return b"/" + url.split(b"/", 3)[3] if url.count(b"/") > 2 else b"/"
    return url


def head_without_upgrade(method: bytes, url: bytes, headers: Mapping[str, str]) -> bytes:
    """A request's head again, without the offer of another protocol."""
    lines = [f"{method.decode()} {url.decode('latin-1')} HTTP/1.1"]
    lines += [
        f"{name}: {value}"
        for name, value in headers.items()
        if name not in ("connection", "upgrade")
    ]
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
