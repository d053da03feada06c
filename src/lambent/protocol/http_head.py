"""Heads and the frames of bodies, as text and bytes of HTTP/1.1."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

STATUS_LINES = {
    status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n" for status in HTTPStatus
}
_PLAIN = "Content-Type: text/plain\r\n"
# AWS's clients read this one, and try again.
_UNAVAILABLE = "Content-Type: application/json\r\nx-amzn-ErrorType: ServiceUnavailable\r\n"
_REFUSALS = {
    400: (_PLAIN, "This is no request of HTTP/1.1, or one that could be read in two ways.\n"),
    408: (_PLAIN, "The head of this request took too long to come.\n"),
    431: (_PLAIN, "The head of this request is too long.\n"),
    503: (
        _UNAVAILABLE,
        '{"Type":"Service","message":"There is no room for this request now, since others that '
        'wait for their answers take all of it. Try again."}',
    ),
}
_FIRST_FINAL = 200
_NO_CONTENT = 204
_WITHOUT_BODY = frozenset({_NO_CONTENT, 304})
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_NOT_IN_A_VALUE = re.compile(r"[\x00-\x08\x0a-\x1f\x7f]")
_ABSOLUTE = re.compile(rb"(?i:https?)://[^/?#]*(.*)", re.DOTALL)
# How the body is framed, when, and on what connection: not for those to say who made the content.
_SENDERS_OWN = frozenset(
    {
        *("connection", "content-length", "date", "keep-alive", "proxy-connection"),
        *("te", "trailer", "transfer-encoding", "upgrade"),
    }
)
# Ours: what clients read at most differs, Python's 64 KiB a line, Node's 16 KiB in all.
_MAX_MADE_UP_BYTES = 64 * 1024


def safe_headers(pairs: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    """Header fields that a function made up, such as can neither end the head nor frame the body.

    Those that are the sender's own are left out; text beyond Latin-1 becomes its UTF-8. Raises
    ValueError with what is wrong.
    """
    safe: list[tuple[str, str]] = []
    size = 0
    for name, text in pairs:
        if not _NAME.fullmatch(name):
            raise ValueError(f"{name[:64]!r} is no name of a header")
        value = text.strip(" \t")
        if _NOT_IN_A_VALUE.search(value):
            raise ValueError(f"the header {name[:64]} has a control character in its value")
        size += len(name) + len(value)
        if size > _MAX_MADE_UP_BYTES:
            raise ValueError(f"the headers have more than {_MAX_MADE_UP_BYTES} bytes")
        if name.lower() not in _SENDERS_OWN:
            safe.append((name, value if value.isascii() else _utf8(value)))
    return safe


def _utf8(value: str) -> str:
    return value.encode("utf-8", "replace").decode("latin-1")


def header_lines(headers: Iterable[tuple[str, str]]) -> str:
    """Each with its CRLF. Raises ValueError for what would begin another line or is no Latin-1."""
    lines = [f"{name}: {value}\r\n" for name, value in headers]
    text = "".join(lines)
    if not text.count("\r") == text.count("\n") == len(lines) or "\0" in text:
        raise ValueError("a line break, or a null, where none may be")
    if not text.isascii():
        text.encode("latin-1")
    return text


def whole_head(status: int, head: str, length: int | None, *, is_last: bool) -> bytes:
    """Of an answer whose body is at hand; `head` is further header lines, each with its CRLF.

    Without a length it is one that has no body whatever its request was.
    """
    content_type = "" if head else "Content-Type: application/json\r\n"
    connection = "Connection: close\r\n" if is_last else ""
    framing = "" if length is None else f"Content-Length: {length}\r\n"
    line = STATUS_LINES.get(status) or _unknown(status)
    return f"{line}{content_type}{head}{connection}{framing}\r\n".encode("latin-1")


def refusal(status: int) -> bytes:
    """A whole answer, and the last one."""
    fields, said = _REFUSALS[status]
    head = f"Connection: close\r\n{fields}"
    return f"{STATUS_LINES[status]}{head}Content-Length: {len(said)}\r\n\r\n{said}".encode()


def source_head(
    status: int, head: str, length: int | None, *, is_chunked: bool, is_last: bool
) -> bytes:
    """Of an answer whose body is read while it is sent; without a length it is in chunks, or ends
    with its connection.
    """
    connection = "Connection: close\r\n" if is_last else ""
    framing = ""
    if is_chunked:
        framing = "Transfer-Encoding: chunked\r\n"
    elif length is not None and not is_interim(status) and status != _NO_CONTENT:
        framing = f"Content-Length: {length}\r\n"
    line = STATUS_LINES.get(status) or _unknown(status)
    return f"{line}{head}{connection}{framing}\r\n".encode("latin-1")


def _unknown(status: int) -> str:
    return f"HTTP/1.1 {status} \r\n"


def is_interim(status: int) -> bool:
    """Whether who reads it waits for another answer behind it."""
    return status < _FIRST_FINAL


def is_without_body(status: int) -> bool:
    """Whatever the request was: https://www.rfc-editor.org/rfc/rfc9110#section-6.4.1"""
    return status < _FIRST_FINAL or status in _WITHOUT_BODY


def chunk(piece: bytes) -> bytes:
    """Of a chunked body; an empty one would be its end."""
    return b"%x\r\n%b\r\n" % (len(piece), piece)


def last_chunk(trailers: Mapping[str, str]) -> bytes:
    """The end of a chunked body. Raises ValueError as `safe_headers`."""
    return b"0\r\n%b\r\n" % header_lines(safe_headers(trailers.items())).encode("latin-1")


def has_long_body(headers: Mapping[str, str]) -> bool:
    """Of 100,000 bytes or more, or as many as there will be; told from a request's head."""
    return len(headers.get("content-length", "")) > 5 or "transfer-encoding" in headers


def target(url: bytes) -> bytes:
    """The path and query; those who take us for a proxy send the whole URL."""
    absolute = None if url.startswith(b"/") else _ABSOLUTE.fullmatch(url)
    if absolute is None:
        return url
    rest = absolute[1]
    return rest if rest.startswith(b"/") else b"/" + rest


def head_without_upgrade(
    method: bytes, url: bytes, headers: Mapping[str, str], version: str
) -> bytes:
    """A request's head again, without the offer of another protocol."""
    lines = [f"{method.decode()} {url.decode('latin-1')} HTTP/{version}"]
    for name, value in headers.items():
        if name == "connection":
            options = [option.strip() for option in value.split(",")]
            kept = ", ".join(option for option in options if option.lower() != "upgrade")
            lines += [f"connection: {kept}"] if kept else []
        elif name != "upgrade":
            lines.append(f"{name}: {value}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")
