"""Bodies that nobody holds whole: read piece by piece while they come, or are sent."""

from __future__ import annotations

import asyncio
import hashlib
import os
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from lambent.protocol.http_head import chunk, last_chunk

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping
    from typing import BinaryIO

_PIECE_BYTES = 256 * 1024  # of a file: so much is held for each that is being sent
_FULL_BYTES = 256 * 1024  # of a stream: nothing more is read from its sender beyond that


class BodyCutShort(Exception):
    """Raised when who sends a body stops before its end."""


class BodySource(Protocol):
    """What is sent piece by piece."""

    length: int | None  # in bytes; None when nobody knows before its end

    async def read(self) -> bytes:
        """The next piece; empty at the end. Raises BodyCutShort."""

    def close(self) -> None:
        """Nothing more is read."""


@runtime_checkable
class Trailed(Protocol):
    """A source that has more to say than its body, when that has ended."""

    trailers: Mapping[str, str]


async def send_pieces(
    source: BodySource, write: Callable[[bytes], Awaitable[bool]], *, is_chunked: bool
) -> bool:
    """Whether all of `source` has been written, which never is more than the length it has.

    `write` answers whether the other side is still there, when it takes more. Raises BodyCutShort.
    """
    sent = 0
    while sent != source.length:
        piece = await source.read()
        sent += len(piece)
        if not piece or (source.length is not None and sent > source.length):
            break
        if not await write(chunk(piece) if is_chunked else piece):
            return False
    if is_chunked:
        return await write(_end_of_chunks(source))
    return source.length is None or sent == source.length


def _end_of_chunks(source: BodySource) -> bytes:
    trailers = source.trailers if isinstance(source, Trailed) else {}
    try:
        return last_chunk(trailers)
    except ValueError as error:
        raise BodyCutShort(f"it has trailers that cannot be sent: {error}") from error


class FileSource:
    """An open file, from its beginning to its end."""

    def __init__(self, file: BinaryIO, length: int) -> None:
        self.length: int | None = length
        self._file = file
        self._left = length

    @classmethod
    async def measure(cls, file: BinaryIO) -> FileSource:
        """`file` as a source, which closes it; closed at once when it cannot be one."""
        try:
            length = await asyncio.to_thread(file.seek, 0, os.SEEK_END)
            await asyncio.to_thread(file.seek, 0)
        except BaseException:
            file.close()
            raise
        return cls(file, length)

    async def read(self) -> bytes:
        piece = await asyncio.to_thread(self._file.read, min(self._left, _PIECE_BYTES))
        self._left -= len(piece)
        return piece

    def close(self) -> None:
        self._file.close()


class BodyStream:
    """A request's body while it comes: its connection feeds it, one reader takes from it.

    Holds about 256 KiB, and what was read from the connection at once beyond that.
    """

    def __init__(self, length: int | None, pace: Callable[[], None]) -> None:
        """`pace` is called whenever `is_full` has changed."""
        self.length = length
        self.is_full = False
        self.is_cut_short = False  # who sent it went before its end
        self.received_bytes = 0
        # What came after its end: by another name than what is to be sent on, which nothing of it is.
        self.received_trailers: Mapping[str, str] = {}
        self.on_end: Callable[[], object] | None = None  # called once, when nothing more comes
        self._pace = pace
        self._pieces: list[bytes] = []
        self._held_bytes = 0
        self._has_ended = False
        self._is_unwanted = False
        self._changed = asyncio.Event()
        self._expected: str | None = None
        self._taken_bytes = 0
        self._hash = hashlib.sha256()

    # the connection calls these

    def feed(self, piece: bytes) -> None:
        self.received_bytes += len(piece)
        if self._is_unwanted:
            return
        self._pieces.append(piece)
        self._held_bytes += len(piece)
        self._changed.set()
        if not self.is_full and self._held_bytes >= _FULL_BYTES:
            self.is_full = True
            self._pace()

    def end(self, trailers: Mapping[str, str]) -> None:
        self._has_ended = True
        self.received_trailers = trailers
        self._tell_end()

    def cut_short(self) -> None:
        """Who sends it has gone; nothing happens when it had sent all."""
        if not self._has_ended and not self.is_cut_short:
            self.is_cut_short = True
            self._tell_end()

    def _tell_end(self) -> None:
        self._changed.set()
        if self.on_end is not None:
            self.on_end()

    # the reader calls these

    def expect(self, sha256: str) -> None:
        """Let `read` raise BodyCutShort in place of the end of any other body."""
        self._expected = sha256

    async def read(self) -> bytes:
        """All that has come since; empty at the end. Raises BodyCutShort."""
        while not self._pieces and not self._has_ended:
            if self.is_cut_short:
                raise BodyCutShort("the client went away in the middle of its request")
            self._changed.clear()
            await self._changed.wait()
        taken = self.take()
        if self._expected is not None:
            self._check(taken, self._expected)
        return taken

    def _check(self, taken: bytes, expected: str) -> None:
        """Before the last piece is given away: with a length, nobody asks for what follows it."""
        self._hash.update(taken)
        self._taken_bytes += len(taken)
        is_end = not taken or self._taken_bytes == self.length
        if is_end and self._hash.hexdigest() != expected:
            raise BodyCutShort("the body is not the one that was signed")

    def close(self) -> None:
        """Whatever else comes is thrown away."""
        self._is_unwanted = True
        self.take()

    def take(self) -> bytes:
        """All that has come since, without waiting for it."""
        taken = b"".join(self._pieces)
        self._pieces.clear()
        self._held_bytes = 0
        if self.is_full:
            self.is_full = False
            self._pace()
        return taken
