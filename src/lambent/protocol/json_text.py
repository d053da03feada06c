"""JSON as AWS reads it, with what is wrong with a text in the words of the parser AWS uses."""

from __future__ import annotations

import functools
import json
from codecs import BOM_UTF8
from typing import TYPE_CHECKING, NoReturn

import msgspec

if TYPE_CHECKING:
    from collections.abc import Collection


class NotJson(ValueError):
    """Its text is what is wrong."""


def _refuse_token(token: str) -> NoReturn:
    # NaN and the infinities, which Python reads and JSON does not have.
    raise NotJson(f"Non-standard token '{token}'")


_JSON = json.JSONDecoder(parse_constant=_refuse_token)
# Looks at each byte, and makes nothing of what it reads.
_SKIM = msgspec.json.Decoder(msgspec.Raw)
# What takes no time to look at again for what is wrong with it, as our own parser words it.
_SHORT_BYTES = 64 * 1024
_VALUE = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


def check_json(encoded: bytes) -> None:
    """Raise as `read_json` would; but in a hundredth of its time, and without making anything.

    6 MB of empty lists take `read_json` 0.6 seconds, in which nothing else runs, and this 0.015.
    """
    try:
        encoded.decode()  # which is not looked at within texts below
        _SKIM.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        if len(encoded) > _SHORT_BYTES:
            raise NotJson(f"Document is not valid: {error}") from None
        read_json(encoded)  # which also takes what is lenient in AWS's parser


def members_of(encoded: bytes, names: Collection[str]) -> dict[str, bytes]:
    """Of an object the members with these names, as JSON; of the others nothing is made.

    Raises NotJson, also for what is no object.
    """
    kind = _object_of(tuple(sorted(names)))
    try:
        found = kind.decode(encoded)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise NotJson(str(error)) from None
    members = {name: bytes(getattr(found, name)) for name in names}
    return {name: value for name, value in members.items() if value}


@functools.lru_cache(maxsize=8)
def _object_of(names: tuple[str, ...]) -> msgspec.json.Decoder[msgspec.Struct]:
    fields = [(name, msgspec.Raw, msgspec.Raw()) for name in names]
    return msgspec.json.Decoder(msgspec.defstruct("Members", fields))


def compact_json(encoded: bytes) -> bytes:
    """The same text without the spaces between its values. Raises NotJson."""
    try:
        return msgspec.json.format(encoded, indent=-1)
    except msgspec.DecodeError as error:
        raise NotJson(str(error)) from None


def read_json(encoded: bytes) -> object:
    """What a text in UTF-8 says. Raises NotJson, or RecursionError for absurdly deep nesting."""
    try:
        value: object = _JSON.decode(encoded.removeprefix(BOM_UTF8).decode())
    except NotJson:
        raise
    except UnicodeDecodeError as error:
        raise NotJson(_undecodable(error)) from None
    except json.JSONDecodeError as error:
        raise NotJson(_complaint(error)) from None
    except ValueError:  # Python converts no more digits than it can in a moment
        raise NotJson("Document has a number too long to read") from None
    return value


def _undecodable(error: UnicodeDecodeError) -> str:
    """What is wrong with bytes that are no UTF-8: mostly text that was base64-decoded by mistake."""
    before = error.object[: error.start]
    line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
    byte = error.object[error.start]
    if before.strip():
        return f"Invalid UTF-8 start byte 0x{byte:02x}{_where(line, column + 1)}"
    complaint = f"Unexpected character ({_described(byte)}): expected a valid value {_VALUE}"
    return complaint + _where(line, column)


def _complaint(error: json.JSONDecodeError) -> str:
    """What is wrong, in the words of the JSON parser AWS uses."""
    rest = error.doc[error.pos :]
    where = _where(error.lineno, error.colno)
    if not rest:
        return f"Unexpected end-of-input{where}"
    token = rest.split(None, 1)[0] if not rest[0].isspace() else rest[0]
    word = "".join(character for character in token if character.isalnum() or character == "_")
    if word and token.startswith(word):
        return f"Unrecognized token '{word[:128]}': was expecting {_VALUE}{where}"
    return f"Unexpected character ({_described(ord(rest[0]))}){where}"


def _described(character: int) -> str:
    if character < 0x20 or 0x7F <= character < 0xA0:
        return f"(CTRL-CHAR, code {character})"
    return f"'{chr(character)}' (code {character})"


def _where(line: int, column: int) -> str:
    # AWS's parser does not quote what it was given, and says so.
    hidden = "Source: REDACTED (`StreamReadFeature.INCLUDE_SOURCE_IN_LOCATION` disabled)"
    return f"\n at [{hidden}; line: {line}, column: {column}]"
