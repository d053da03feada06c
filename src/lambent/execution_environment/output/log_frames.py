"""The telemetry descriptor's frames, as the managed runtimes' clients write them.

A frame is 4 bytes of type, 4 of length, 8 of microseconds since 1970, all big-endian, then the
message. The type's low byte says text or JSON, and the level in its upper six bits.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_HEADER = struct.Struct(">IIQ")
_MAGIC = 0xA55A
_MAX_MESSAGE_BYTES = 1024 * 1024  # a longer one is no frame of a client's, and is taken as text
_LEVELS = (None, "TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL")


class FrameReader:
    """Turns the descriptor's bytes, however cut, into (timestamp in ms, message, level).

    Bytes that are no frame (any code in the sandbox may write to the descriptor) are given on as
    they are, with no timestamp and no level, so that nothing written is lost and nothing can jam
    the reader.
    """

    def __init__(self) -> None:
        self._buffer = bytearray()

    def feed(self, data: bytes) -> Iterator[tuple[int | None, bytes, str | None]]:
        self._buffer += data
        while len(self._buffer) >= _HEADER.size:
            kind, length, microseconds = _HEADER.unpack_from(self._buffer)
            if kind >> 16 != _MAGIC or length > _MAX_MESSAGE_BYTES:
                yield None, bytes(self._buffer), None
                self._buffer.clear()
                return
            end = _HEADER.size + length
            if len(self._buffer) < end:
                return
            message = bytes(self._buffer[_HEADER.size : end])
            del self._buffer[:end]
            yield microseconds // 1000, message, _level_of(kind)

    def rest(self) -> bytes:
        """What is left of a frame that was never finished."""
        rest = bytes(self._buffer)
        self._buffer.clear()
        return rest


def _level_of(kind: int) -> str | None:
    rank = (kind & 0xFF) >> 2
    return _LEVELS[rank] if rank < len(_LEVELS) else None
