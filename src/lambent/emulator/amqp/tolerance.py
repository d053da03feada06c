"""Taking what the broker takes: where the client library is stricter, in the tables it keeps.

It ends a connection over a property that it cannot decode. The broker, which took it from some
other client, then hands the message to the next connection, and so on without end.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from pamqp import commands, constants, decode

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from pamqp.common import FieldArray, FieldTable, FieldValue

_ANY_NAME = re.compile(".*", re.DOTALL)
_DEEPEST = 32  # of tables in tables
_LENGTH = struct.Struct(">I")
_LONGEST_NUMBER = 8
_WITH_LENGTH = (b"S", b"x", b"F", b"A")


def accept_what_the_broker_does() -> None:
    """Have every connection of this process read on over text that is no UTF-8, and odd times.

    A queue may have any name, then, and why a broker refuses a virtual host is told.
    """
    constants.DOMAIN_REGEX["queue-name"] = _ANY_NAME
    commands.Connection.Open.valid_responses = ["Connection.OpenOk", "Connection.Close"]
    decode.METHODS["shortstr"] = _short_text
    decode.METHODS["timestamp"] = decode.TABLE_MAPPING[b"T"] = _time
    decode.METHODS["table"] = _table


def _short_text(value: bytes) -> tuple[int, str]:
    end = value[0] + 1
    # Left out, not replaced: it must not become longer than such a text may be.
    return end, value[1:end].decode(errors="ignore")


def _time(value: bytes) -> tuple[int, datetime | None]:
    """None for one that is no time, such as nanoseconds where seconds belong."""
    try:
        return decode.timestamp(value)
    except (ValueError, OverflowError, OSError):
        return 8, None


def _table(value: bytes) -> tuple[int, FieldTable]:
    """Empty for one that cannot be read, after which what follows it can be.

    The library copies what is left of the table for each value in it, which takes seconds for what
    fits into one message.
    """
    end = _LENGTH.size + int(_LENGTH.unpack_from(value)[0])
    try:
        return end, _fields(value, _LENGTH.size, end, 0)
    except (ValueError, OverflowError, LookupError, struct.error):
        return end, {}


def _fields(data: bytes, at: int, end: int, depth: int) -> FieldTable:
    fields: FieldTable = {}
    while at < end:
        name_at = at + 1
        at = name_at + data[at]
        name = data[name_at:at].decode()
        at, fields[name] = _value(data, at, end, depth)
    return fields


def _items(data: bytes, at: int, end: int, depth: int) -> FieldArray:
    items: FieldArray = []
    while at < end:
        at, item = _value(data, at, end, depth)
        items.append(item)
    return items


def _value(data: bytes, at: int, end: int, depth: int) -> tuple[int, FieldValue]:
    """Where the next one begins, and this one, all of which stands before `end`."""
    kind, at = data[at : at + 1], at + 1
    most = _LONGEST_NUMBER
    if kind in _WITH_LENGTH:
        most = _LENGTH.size + int(_LENGTH.unpack_from(data, at)[0])
        # Nothing is to be read twice, by who says that it has what is another's.
        if at + most > end or depth == _DEEPEST:
            raise ValueError("more than there is")
    if kind in _NESTED:
        read = _NESTED[kind]
        return at + most, read(data, at + _LENGTH.size, at + most, depth + 1)
    taken, value = decode.TABLE_MAPPING[kind](data[at : at + most])
    return at + taken, value


_NESTED: Mapping[bytes, Callable[[bytes, int, int, int], FieldTable | FieldArray]] = {
    b"F": _fields,
    b"A": _items,
}
