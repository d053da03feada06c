"""A request while it comes: its fields, what is in memory of it, and whether it is one at all.

llhttp has read the lines by then, strictly: bare CR and LF, folded lines, controls, two lengths or
a length beside chunks, and chunks that are none, never come here. What it lets pass and another
reader, before us or behind, could take for something else is refused here.
"""

from __future__ import annotations

import functools
import re
from typing import NamedTuple

from lambent.protocol.http import HttpRequest
from lambent.protocol.http_head import target

_FIELD_OVERHEAD_BYTES = 128  # about what one takes in memory beside its text
# Two of these are never one list.
_ONLY_ONCE = ("authorization", "content-length", "host", "transfer-encoding")
# Of the names nearly every request has, as they are nearly always written: to look one up takes a
# third of the time that it takes to make it.
_KEYS = {
    name.encode(): name.lower()
    for written in (
        *("Accept", "Accept-Encoding", "Authorization", "Connection", "Content-Length"),
        *("Content-Type", "Host", "Lambda-Runtime-Invocation-Id", "User-Agent"),
        *("X-Amz-Content-Sha256", "X-Amz-Date", "X-Amz-Security-Token"),
    )
    for name in (written, written.lower())
}
_AUTHORITY = re.compile(
    r"(?:[A-Za-z0-9._~-]{1,255}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII
)
_MAX_AUTHORITY = 255 + len(":65535")
_ABSOLUTE = re.compile(rb"(http|https)://([^/?]*)(?:[/?].*)?", re.DOTALL | re.IGNORECASE)
_DEFAULT_PORTS = {b"http": ":80", b"https": ":443"}


class ReceivedRequest(NamedTuple):
    request: HttpRequest
    held_bytes: int  # of the budget, until the request is answered
    is_last: bool  # of its connection: HTTP/1.0, or `Connection: close`
    takes_chunks: bool  # as HTTP/1.1 does


class IncomingRequest:
    """One message of a connection; `fields` are those of the head, and then the trailers."""

    # Of the class until one has its own: three are made for every invocation, and most of this
    # stays as it is.
    url = b""
    method = b""
    version = ""  # 1.1 and the like
    is_old = False  # HTTP/1.0
    head_bytes = 0  # about what it takes in memory, until that counts with the request
    began = 0.0
    held_bytes = 0  # of the budget, for its body and whole head
    most_bytes: int | None = None  # of its body; None: what the budget has room for
    is_too_large = False
    _repeated: dict[str, list[str]] | None = None
    _is_malformed = False

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.fields = self.headers
        self.body: list[bytes] = []

    def add_url(self, part: bytes) -> None:
        self.head_bytes += len(part)
        self.url += part

    def add_field(self, name: bytes, value: bytes) -> int:
        """How large its head is now."""
        key = _KEYS.get(name) or name.lower().decode("latin-1")
        text = value.rstrip(b" \t").decode("latin-1")
        fields = self.fields
        if key not in fields:
            fields[key] = text
        elif key in _ONLY_ONCE:
            self._is_malformed = True
        else:
            self._repeat(key, text)
        self.head_bytes = size = self.head_bytes + len(name) + len(value) + _FIELD_OVERHEAD_BYTES
        return size

    def _repeat(self, key: str, text: str) -> None:
        """To be joined when all are here: to do it for each would take their number squared."""
        if self._repeated is None:
            self._repeated = {}
        self._repeated.setdefault(key, [self.fields[key]]).append(text)

    def has_room_for(self, count: int) -> bool:
        """Whether so much more of its body may be held."""
        most = self.most_bytes
        return not self.is_too_large and (most is None or self.held_bytes + count <= most)

    def end_head(self, method: bytes, version: str, began: float) -> bool:
        """Whether it is one that nobody can take for another; what else comes are trailers."""
        self.method = method
        self.version = version
        self.is_old = version == "1.0"
        self.began = began
        self.join_repeated()
        self.fields = {}  # what was decided by the head, trailers must not change
        return self._is_well_formed()

    def join_repeated(self) -> None:
        """One field for all of a name: https://www.rfc-editor.org/rfc/rfc9110#section-5.3"""
        if self._repeated is None:
            return
        for name, values in self._repeated.items():
            # Without a space: so Signature Version 4 joins them, and functions get them. Only
            # cookies are separated otherwise (RFC 6265 section 4.2.1, RFC 9113 8.2.3).
            self.fields[name] = ("; " if name == "cookie" else ",").join(values)
        self._repeated = None

    def _is_well_formed(self) -> bool:
        if self._is_malformed or self.version not in ("1.0", "1.1"):
            return False
        encoding = self.headers.get("transfer-encoding")
        if encoding is not None and (encoding.lower() != "chunked" or self.is_old):
            return False
        host = self.headers.get("host")
        if host is None:
            # https://www.rfc-editor.org/rfc/rfc9112#section-3.2
            return self.is_old and _is_target(self.method, self.url, None)
        if len(host) > _MAX_AUTHORITY or not _is_authority(host):
            return False
        return (self.url.startswith(b"/") and b"#" not in self.url) or _is_target(
            self.method, self.url, host
        )

    def received(self, peer: str, *, is_tls: bool, keeps_alive: bool) -> ReceivedRequest:
        """What has come of it so far; `keeps_alive` is what its head says of the connection."""
        url = self.url if self.url.startswith(b"/") else target(self.url)
        path, _, query = url.decode("latin-1").partition("?")
        request = HttpRequest(
            method=self.method.decode("latin-1"),
            path=path,
            query=query,
            headers=self.headers,
            body=b"".join(self.body),
            began=self.began,
            is_too_large=self.is_too_large,
            trailers=self.fields,
            peer=peer,
            is_tls=is_tls,
            version="HTTP/1.0" if self.is_old else "HTTP/1.1",
        )
        is_last = self.is_old or not keeps_alive
        return ReceivedRequest(request, self.held_bytes, is_last, not self.is_old)


@functools.lru_cache(maxsize=64)
def _is_authority(text: str) -> bool:
    """Most requests are for one of few; longer ones than there may be are not to be kept."""
    return _AUTHORITY.fullmatch(text) is not None


def _is_target(method: bytes, url: bytes, host: str | None) -> bool:
    """Whether a request may ask for `url`, which has no other authority than its Host header."""
    if b"#" in url:
        return False
    if url.startswith(b"/"):
        return True
    if url == b"*":
        return method == b"OPTIONS"
    absolute = _ABSOLUTE.fullmatch(url)
    if absolute is None:
        return False
    authority = absolute[2].decode("latin-1")
    if not _AUTHORITY.fullmatch(authority):
        return False
    port = _DEFAULT_PORTS[absolute[1].lower()]
    return host is None or _plain(authority, port) == _plain(host, port)


def _plain(authority: str, default_port: str) -> str:
    return authority.lower().removesuffix(default_port)
