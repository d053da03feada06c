"""A function's response while it comes: from the runtime's connection to the one who reads it.

What nobody has read yet stays small: the connection reads no more of the runtime's than a stream
holds, so that the function's own writes wait for whoever reads.
https://docs.aws.amazon.com/lambda/latest/dg/configuration-response-streaming.html
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lambent.domain.quotas import RESPONSE_PAYLOAD_BYTES
from lambent.protocol.body_source import BodyCutShort, BodyStream

if TYPE_CHECKING:
    from collections.abc import Callable

    from lambent.protocol.http import HttpRequest

_PACED_BYTES = 64 * 1024  # at a time, where the rate is capped: 32 pieces a second on AWS
_MODE_HEADER = "lambda-runtime-function-response-mode"
DEFAULT_CONTENT_TYPE = "application/octet-stream"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamLimits:
    """How much a function may stream in one response, and how fast; and how much it may not."""

    limit_bytes: int
    uncapped_bytes: int  # as fast as its reader takes them
    bytes_per_second: int  # of all that follows
    whole_bytes: int = RESPONSE_PAYLOAD_BYTES  # of a response that is not streamed


def is_streaming(request: HttpRequest) -> bool:
    """Whether a runtime posts its response as a stream."""
    return request.headers.get(_MODE_HEADER, "").lower() == "streaming"


def body_of(request: HttpRequest) -> BodyStream:
    """The body as a stream, which has ended if the request had it whole."""
    if request.stream is not None:
        return request.stream
    stream = BodyStream(len(request.body), lambda: None)
    stream.feed(request.body)
    stream.end(request.trailers or {})
    return stream


class StreamedResponse:
    """One reads it; whatever ends it, what came before that is read first."""

    def __init__(
        self,
        body: BodyStream,
        content_type: str,
        limits: StreamLimits,
        on_over_limit: Callable[[], None],
    ) -> None:
        """`on_over_limit` is called when there is more than the limit; the rest is not read."""
        self.content_type = content_type
        self.is_whole = False
        self._body = body
        self._limits = limits
        self._tell_over_limit = on_over_limit
        self._has_ended = False
        self._piece = b""  # taken from the body, and not read from here yet
        self._read_bytes = 0
        self._next_turn = 0.0  # monotonic seconds, from which on more may be read

    @property
    def received_bytes(self) -> int:
        return self._body.received_bytes

    def end(self, *, is_whole: bool = False) -> None:
        """Nothing more of the body is taken: it came to its end, or its function to its own."""
        if not self._has_ended:
            self._has_ended = True
            self.is_whole = is_whole
            self._piece += self._body.take()
            self._body.close()

    def close(self) -> None:
        """Nobody reads on: the rest is thrown away, and the function not kept from writing it."""
        self._has_ended = True
        self._piece = b""
        self._body.close()

    async def read(self) -> bytes:
        """The next piece when it may go out; empty at the end."""
        if not self._piece and not self._has_ended:
            await self._take_piece()
        left = self._limits.limit_bytes - self._read_bytes
        if len(self._piece) > left:
            last = self._piece[:left]
            self._tell_over_limit()
            self._piece = last
        uncapped = self._limits.uncapped_bytes - self._read_bytes
        size = uncapped if uncapped > 0 else _PACED_BYTES
        piece, self._piece = self._piece[:size], self._piece[size:]
        if piece and uncapped <= 0:
            await self._wait_turn(len(piece))
        self._read_bytes += len(piece)
        return piece

    async def _take_piece(self) -> None:
        try:
            piece = await self._body.read()
        except BodyCutShort:
            piece = b""
        # An end that came meanwhile has left what there was.
        self._piece += piece

    async def _wait_turn(self, size: int) -> None:
        now = time.monotonic()
        turn = max(self._next_turn, now)
        self._next_turn = turn + size / self._limits.bytes_per_second
        if turn > now:
            await asyncio.sleep(turn - now)
