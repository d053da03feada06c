"""Single values of the model's simple types: from JSON, from text, and back.

JSON bodies write numbers as numbers; labels, queries and headers write everything as text. What
is made of simple values is in `json_values.py`.
"""

from __future__ import annotations

import base64
import binascii
import math
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from lambent.protocol.model import timestamp_style
from lambent.protocol.rejections import not_convertible, serialization_error
from lambent.protocol.timestamps import HTTP_DATE, UNIX, format_timestamp, parse_timestamp

if TYPE_CHECKING:
    from botocore.model import Shape

Decode = Callable[[Any], Any]

# Java's types, which is what the services store numbers in.
_INTEGER_BITS = {"integer": 31, "long": 63}
_INTEGER_NAMES = {"integer": "an Integer", "long": "a Long"}
_BOOLEANS = {"true": True, "false": False}
_MAX_DIGITS = 20  # of a 64-bit number with its sign; int() of more would only cost time


def json_decoder(shape: Shape) -> Decode:
    """A function from a value of a JSON body to the model's type; it raises ServiceError."""
    kind = shape.type_name
    if kind in _INTEGER_BITS:
        return lambda value: _integer(value, kind)
    return _JSON_DECODERS.get(kind, _string)


def text_decoder(shape: Shape) -> Decode:
    """The same from the text of a label, query parameter or header."""
    kind = shape.type_name
    if kind in _INTEGER_BITS:
        return lambda text: _integer(_number(text, _INTEGER_NAMES[kind]), kind)
    return _TEXT_DECODERS.get(kind, _string)


def json_encoder(shape: Shape) -> Decode:
    """A function from the model's type to what `json.dumps` takes."""
    if shape.type_name == "timestamp":
        style = timestamp_style(shape, UNIX)
        return lambda value: _instant(value, style)
    return _encode_blob if shape.type_name == "blob" else _same


def text_encoder(shape: Shape, timestamp_default: str = HTTP_DATE) -> Callable[[Any], str]:
    """A function from the model's type to the text of a header."""
    if shape.type_name == "timestamp":
        style = timestamp_style(shape, timestamp_default)
        return lambda value: str(_instant(value, style))
    if shape.type_name == "boolean":
        return lambda value: "true" if value else "false"
    return _encode_blob if shape.type_name == "blob" else str


def check_text(text: str) -> str:
    """`text` if it can be written as UTF-8; JSON can also spell half of a surrogate pair."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            raise serialization_error("Invalid UTF-16 surrogate pair in a string") from None
    return text


def _string(value: Any) -> str:
    if type(value) is not str:
        raise not_convertible(value, "a String")
    return value if value.isascii() else check_text(value)


def _boolean(value: Any) -> bool:
    if type(value) is not bool:  # neither 0 nor 1, which Python takes for equal
        raise not_convertible(value, "a Boolean")
    return value


def _integer(value: Any, kind: str) -> int:
    # JSON knows one kind of number, and some clients write whole ones as 3.0.
    if type(value) is float and value.is_integer():
        value = int(value)
    limit = 1 << _INTEGER_BITS[kind]
    if type(value) is not int or not -limit <= value < limit:
        raise not_convertible(value, _INTEGER_NAMES[kind])
    return value


def _double(value: Any) -> float:
    if type(value) is int:
        value = _finite(value)
    if type(value) is not float or not math.isfinite(value):
        raise not_convertible(value, "a Double")
    return value


def _finite(number: int) -> float:
    try:
        return float(number)
    except OverflowError:
        return math.inf


def _blob(value: Any) -> bytes:
    if type(value) is not str:
        raise not_convertible(value, "a Blob")
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError):
        raise serialization_error("Invalid base64 in a binary value") from None


def _timestamp(value: Any) -> datetime:
    try:
        if type(value) in (int, float, str):
            return parse_timestamp(value)
    except ValueError:
        pass
    raise not_convertible(value, "milliseconds since epoch")


def _text_boolean(text: str) -> bool:
    value = _BOOLEANS.get(text.lower())
    if value is None:
        raise not_convertible(text, "a Boolean")
    return value


def _number(text: str, wanted: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(text) <= _MAX_DIGITS):
        raise not_convertible(text, wanted)
    return int(text)


def _text_double(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise not_convertible(text, "a Double")
    return value


def _same(value: Any) -> Any:
    return value


def _encode_blob(value: bytes) -> str:
    return base64.b64encode(value).decode()


def _instant(value: datetime | str | float, style: str) -> str | float:
    return format_timestamp(value, style) if isinstance(value, datetime) else value


_JSON_DECODERS: dict[str, Decode] = {
    "string": _string,
    "character": _string,
    "boolean": _boolean,
    "double": _double,
    "float": _double,
    "blob": _blob,
    "timestamp": _timestamp,
}
_TEXT_DECODERS: dict[str, Decode] = {
    "boolean": _text_boolean,
    "double": _text_double,
    "float": _text_double,
    "blob": _blob,
    "timestamp": _timestamp,
}
