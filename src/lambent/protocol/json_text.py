"""JSON as AWS reads it, with what is wrong with a text in the words of the parser AWS uses."""

from __future__ import annotations

import json
from codecs import BOM_UTF8
from typing import NoReturn


class NotJson(ValueError):
    """Its text is what is wrong."""


def _refuse_token(token: str) -> NoReturn:
    # NaN and the infinities, which Python reads and JSON does not have.
    raise NotJson(f"Non-standard token '{token}'")


_JSON = json.JSONDecoder(parse_constant=_refuse_token)
_VALUE = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


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
