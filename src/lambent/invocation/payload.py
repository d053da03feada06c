"""Checks of what a caller sends with an invocation, with AWS's own refusals."""

from __future__ import annotations

import base64
import binascii
import json
from codecs import BOM_UTF8

from lambent.domain.errors import ServiceError, invalid_parameter_value
from lambent.domain.quotas import CLIENT_CONTEXT_BYTES, REQUEST_PAYLOAD_BYTES


class NonStandardToken(ValueError):
    """Raised for NaN and the infinities, which Python reads and JSON does not have."""


def _refuse_token(token: str) -> None:
    raise NonStandardToken(token)


_JSON = json.JSONDecoder(parse_constant=_refuse_token)
_VALUE = "(JSON String, Number, Array, Object or token 'null', 'true' or 'false')"


def _read_json(encoded: bytes) -> object:
    """Raises ValueError or RecursionError for what is no JSON in UTF-8."""
    return _JSON.decode(encoded.removeprefix(BOM_UTF8).decode())


def checked_event(payload: bytes) -> bytes:
    """The event a function gets: the payload as it came, or `{}` for none.

    Raises RequestTooLargeException over 6 MB and InvalidRequestContentException for no JSON.
    """
    if not payload:
        return b"{}"
    if len(payload) > REQUEST_PAYLOAD_BYTES:
        raise ServiceError(
            "RequestTooLargeException",
            f"Request must be smaller than {REQUEST_PAYLOAD_BYTES} bytes "
            "for the InvokeFunction operation",
        )
    try:
        _read_json(payload)
    except UnicodeDecodeError as error:
        raise _not_json(_undecodable(error)) from None
    except NonStandardToken as error:
        raise _not_json(f"Non-standard token '{error}'") from None
    except json.JSONDecodeError as error:
        raise _not_json(_complaint(error)) from None
    except (ValueError, RecursionError):
        raise _not_json("Document is nested too deeply or has a number too long to read") from None
    return payload


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


def _not_json(complaint: str) -> ServiceError:
    return ServiceError(
        "InvalidRequestContentException",
        "Could not parse request body into json: Could not parse payload into json: " + complaint,
    )


def checked_tenant_id(tenant_id: str | None, *, is_tenant_isolated: bool) -> str | None:
    """The tenant an invocation is for; None for a function without tenant isolation.

    Raises InvalidParameterValueException unless a tenant is named exactly where there are tenants.
    https://docs.aws.amazon.com/lambda/latest/dg/tenant-isolation-troubleshooting.html
    """
    if is_tenant_isolated and not tenant_id:
        raise invalid_parameter_value(
            "The invoked function is enabled with tenancy configuration. "
            "Add a valid tenant ID in your request and try again."
        )
    if tenant_id is not None and not is_tenant_isolated:
        # AWS documents the case, and not its words.
        raise invalid_parameter_value(
            "The invoked function is not enabled with tenancy configuration. "
            "Remove the tenant ID from your request and try again."
        )
    return tenant_id


def checked_client_context(encoded: str | None) -> str | None:
    """The caller's client context as one line of JSON, or None.

    Re-encoded, so that nothing but JSON in ASCII can reach the runtime's header.
    """
    if not encoded:
        return None
    try:
        if len(encoded) > CLIENT_CONTEXT_BYTES:
            raise ValueError
        document = _read_json(base64.b64decode(encoded, validate=True))
        if not isinstance(document, dict):
            raise ValueError
    except (binascii.Error, ValueError, RecursionError):
        raise ServiceError(
            "InvalidRequestContentException",
            "Client context must be a valid Base64-encoded JSON object.",
        ) from None
    return json.dumps(document, separators=(",", ":"))
