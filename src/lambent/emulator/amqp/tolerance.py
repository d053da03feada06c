"""Taking what the broker takes: where the client library is stricter, in the tables it keeps.

It ends a connection over a property that it cannot decode. The broker, which took it from some
other client, then hands the message to the next connection, and so on without end.
"""

from __future__ import annotations

import re
import struct
from typing import TYPE_CHECKING

from pamqp import constants, decode

if TYPE_CHECKING:
    from datetime import datetime

    from pamqp.common import FieldTable


_ANY_NAME = re.compile(".*", re.DOTALL)


def accept_what_the_broker_does() -> None:
    """Have every connection of this process read on over text that is no UTF-8, and odd times.

    A queue may have any name, then.
    """
    constants.DOMAIN_REGEX["queue-name"] = _ANY_NAME
    decode.METHODS["shortstr"] = _short_text
    decode.METHODS["timestamp"] = decode.TABLE_MAPPING[b"T"] = _time
    decode.METHODS["table"] = decode.TABLE_MAPPING[b"F"] = _table


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
    """Empty for one that cannot be read, after which what follows it can be."""
    try:
        return decode.field_table(value)
    except (ValueError, OverflowError, RecursionError):
        return 4 + int(struct.unpack(">I", value[:4])[0]), {}
