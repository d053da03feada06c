"""CBOR, as far as AWS's protocol uses it: https://smithy.io/2.0/additional-specs/protocols/smithy-rpc-v2.html

A library would also read what senders must not be able to ask for here: shared references, numbers
of a million digits, regular expressions.
"""

from __future__ import annotations

import math
import struct
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

_MAX_DEPTH = 64
_EPOCH_SECONDS = 1  # the one tag that is understood
_BREAK = object()
_SIMPLE = {20: False, 21: True, 22: None, 23: None}
_FLOATS = {25: ">e", 26: ">f", 27: ">d"}
_INDEFINITE = 31


class NotCbor(ValueError):
    """Raised for bytes that are not one CBOR value of the kinds AWS uses."""


def read_cbor(data: bytes) -> Any:
    """The value: maps with text keys, lists, text, bytes, numbers; an instant is its seconds.

    Raises NotCbor.
    """
    reader = _Reader(data)
    try:
        value = reader.value(0)
    except (IndexError, struct.error, UnicodeDecodeError, TypeError):
        raise NotCbor("it ends too early or is not well-formed") from None
    if value is _BREAK or reader.position != len(data):
        raise NotCbor("it is not exactly one value")
    return value


def write_cbor(value: object) -> bytes:
    """The value as CBOR: the same kinds, and datetimes as instants."""
    parts: list[bytes] = []
    _write(value, parts)
    return b"".join(parts)


class _Reader:
    def __init__(self, data: bytes) -> None:
        self._data = data
        self.position = 0

    def value(self, depth: int) -> Any:
        if depth > _MAX_DEPTH:
            raise NotCbor("it is nested too deeply")
        initial = self._take(1)[0]
        major, detail = initial >> 5, initial & 31
        if major == 7:
            return self._simple(detail)
        if detail == _INDEFINITE:
            return self._indefinite(major, depth)
        return self._definite(major, self._number(detail), depth)

    def _take(self, count: int) -> bytes:
        end = self.position + count
        if end > len(self._data):
            raise NotCbor("it ends too early")
        taken = self._data[self.position : end]
        self.position = end
        return taken

    def _number(self, detail: int) -> int:
        if detail < 24:
            return detail
        if detail > 27:
            raise NotCbor("a length is not well-formed")
        return int.from_bytes(self._take(1 << (detail - 24)), "big")

    def _simple(self, detail: int) -> Any:
        if detail in _FLOATS:
            layout = _FLOATS[detail]
            return struct.unpack(layout, self._take(struct.calcsize(layout)))[0]
        if detail == _INDEFINITE:
            return _BREAK
        if detail not in _SIMPLE:
            raise NotCbor("it has a simple value that means nothing")
        return _SIMPLE[detail]

    def _definite(self, major: int, number: int, depth: int) -> Any:
        match major:
            case 0 | 1:
                return -1 - number if major else number
            case 2:
                return self._take(number)
            case 3:
                return self._take(number).decode()
            case 4:
                return [self._item(depth) for _ in self._bounded(number)]
            case 5:
                return dict(self._pair(depth) for _ in self._bounded(number))
        return self._tagged(number, depth)

    def _bounded(self, number: int) -> range:
        """Each item takes a byte at least: a list is not longer than what is left."""
        if number > len(self._data) - self.position:
            raise NotCbor("it ends too early")
        return range(number)

    def _item(self, depth: int) -> Any:
        value = self.value(depth + 1)
        if value is _BREAK:
            raise NotCbor("it ends too early")
        return value

    def _pair(self, depth: int) -> tuple[str, Any]:
        key = self._item(depth)
        if type(key) is not str:
            raise NotCbor("a key is not text")
        return key, self._item(depth)

    def _tagged(self, tag: int, depth: int) -> Any:
        value = self._item(depth)
        if tag != _EPOCH_SECONDS or type(value) not in (int, float):
            raise NotCbor("it has a tag other than that of instants")
        return value

    def _indefinite(self, major: int, depth: int) -> Any:
        if major not in (2, 3, 4, 5):
            raise NotCbor("a length is not well-formed")
        items: list[Any] = []
        while (value := self.value(depth + 1)) is not _BREAK:
            items.append(value)
        if major == 4:
            return items
        if major == 5:
            return _pairs(items)
        empty = b"" if major == 2 else ""
        return empty.join(items)


def _pairs(items: list[Any]) -> dict[str, Any]:
    keys = items[::2]
    if len(items) % 2 or not all(type(key) is str for key in keys):
        raise NotCbor("a map is not well-formed")
    return dict(zip(keys, items[1::2], strict=True))


def _head(major: int, number: int) -> bytes:
    if number < 24:
        return bytes([major << 5 | number])
    size = next(size for size in range(4) if number < 1 << (8 << size))
    return bytes([major << 5 | 24 + size]) + number.to_bytes(1 << size, "big")


def _write(value: object, parts: list[bytes]) -> None:
    write = _WRITERS.get(type(value))
    if write is None:
        raise TypeError(f"there is no CBOR for {type(value).__name__}")
    write(value, parts)


def _write_integer(value: int, parts: list[bytes]) -> None:
    parts.append(_head(0, value) if value >= 0 else _head(1, -1 - value))


def _write_float(value: float, parts: list[bytes]) -> None:
    parts.append(b"\xfb" + struct.pack(">d", value))


def _write_text(value: str, parts: list[bytes]) -> None:
    encoded = value.encode(errors="replace")
    parts += (_head(3, len(encoded)), encoded)


def _write_list(value: Sequence[object], parts: list[bytes]) -> None:
    parts.append(_head(4, len(value)))
    for item in value:
        _write(item, parts)


def _write_map(value: Mapping[str, object], parts: list[bytes]) -> None:
    parts.append(_head(5, len(value)))
    for key, item in value.items():
        _write_text(key, parts)
        _write(item, parts)


def _write_instant(value: datetime, parts: list[bytes]) -> None:
    parts.append(_head(6, _EPOCH_SECONDS))
    seconds = value.timestamp()
    _write(int(seconds) if math.floor(seconds) == seconds else seconds, parts)


_WRITERS: dict[type, Callable[[Any, list[bytes]], None]] = {
    bool: lambda value, parts: parts.append(b"\xf5" if value else b"\xf4"),
    type(None): lambda value, parts: parts.append(b"\xf6"),
    int: _write_integer,
    float: _write_float,
    str: _write_text,
    bytes: lambda value, parts: parts.extend((_head(2, len(value)), value)),
    list: _write_list,
    dict: _write_map,
    datetime: _write_instant,
}
