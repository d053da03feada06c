"""One HTTP exchange as plain values, whichever connection carried it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lambent.protocol.body_source import BodySource, BodyStream


# Of a request with a long body, by its head: how much of it is held at most. None: what there is room
# for; 0: nothing, and the request is received at once, with a stream for its body.
HeldOf = Callable[["HttpRequest"], int | None]


# Not frozen: one is made for every request, and a frozen one takes three times as long to make.
@dataclass(slots=True, kw_only=True)
class HttpRequest:
    method: str
    path: str  # as sent: still percent-encoded, without the query
    query: str  # as sent, without the question mark
    headers: dict[str, str]  # names in lower case
    body: bytes
    began: float = 0.0  # monotonic seconds: its head was here, its body perhaps still to come
    is_too_large: bool = False  # the body was more than may be held, and has been thrown away
    stream: BodyStream | None = None  # in place of the body, which still comes
    # What came after the body, in chunks: whatever was decided by the head, these do not change it.
    trailers: dict[str, str] | None = None
    peer: str = ""  # the sender's IP address, without its port; empty when it has none
    is_tls: bool = False
    version: str = "HTTP/1.1"  # or HTTP/1.0
    on_gone: Callable[[], object] | None = None  # called when its sender goes before it is answered


@dataclass(slots=True, kw_only=True)
class HttpResponse:
    status: int
    headers: list[tuple[str, str]]
    body: bytes
    source: BodySource | None = None  # in place of the body; whoever sends it closes it
