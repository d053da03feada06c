"""What a function's answer is as an HTTP response: payload format 2.0, and what is inferred.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING

from lambent.protocol.http import HttpResponse
from lambent.protocol.http_head import safe_headers
from lambent.protocol.json_text import NotJson, compact_json, members_of, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

JSON_TYPE = "application/json"
Headers = list[tuple[str, str]]

_MEMBERS = ("body", "cookies", "headers", "isBase64Encoded", "statusCode")
# Of everything but the body: as JSON, more than the 64 KiB that headers may have together.
_MAX_HEAD_BYTES = 256 * 1024
# A function cannot speak for the connection; AWS moves these out of the way in place of sending them.
_REMAPPED = frozenset({"connection", "content-length", "date", "server", "www-authenticate"})
_OURS = frozenset({"x-amzn-requestid", "x-amzn-trace-id"})


class MalformedResponse(ValueError):
    """Raised for an answer with a statusCode that is no HTTP response all the same."""


def read_response(payload: bytes) -> HttpResponse:
    """The response that a function's whole answer means. Raises MalformedResponse.

    Without a statusCode the answer is the body, and JSON; so is what is not JSON at all, which
    functions of custom runtimes and those that stream may answer.
    """
    try:
        if payload.lstrip().startswith(b"{"):
            members = members_of(payload, _MEMBERS)
            if "statusCode" in members:
                return _response(members)
        return _inferred(_plain(payload))
    except (NotJson, RecursionError):
        return _inferred(payload)


def _response(members: dict[str, bytes]) -> HttpResponse:
    body = members.pop("body", b"null")
    if sum(map(len, members.values())) > _MAX_HEAD_BYTES:
        raise MalformedResponse("status, headers and cookies are too long")
    document = {name: read_json(value) for name, value in members.items()}
    status, headers = read_head(document, default_type=JSON_TYPE)
    is_base64 = document.get("isBase64Encoded") is True
    return HttpResponse(status=status, headers=headers, body=_body(body, is_base64=is_base64))


def _plain(value: bytes) -> bytes:
    """What a text says, and any other JSON without its spaces: so AWS writes it anew."""
    if not value.lstrip().startswith(b'"'):
        return compact_json(value)
    text = read_json(value)
    return text.encode("utf-8", "replace") if isinstance(text, str) else value


def read_head(document: Mapping[str, object], *, default_type: str) -> tuple[int, Headers]:
    """Status and headers, with a content type in any case. Raises MalformedResponse."""
    status = _status(document.get("statusCode", 200))
    headers = [*_headers(document.get("headers")), *_cookies(document)]
    if not any(name == "content-type" for name, _ in headers):
        headers.append(("content-type", default_type))
    try:
        return status, safe_headers(headers)
    except ValueError as error:
        raise MalformedResponse(str(error)) from None


def _inferred(body: bytes) -> HttpResponse:
    return HttpResponse(status=200, headers=[("content-type", JSON_TYPE)], body=body)


def _status(value: object) -> int:
    """Strings are taken as well: so AWS has answered."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) == 3:
        value = int(value)
    # Nothing below 200 is the end of an answer.
    if not isinstance(value, int) or isinstance(value, bool) or not 200 <= value <= 599:
        raise MalformedResponse(f"statusCode is {str(value)[:32]!r}, and not 200 to 599")
    return value


def _headers(given: object) -> Iterator[tuple[str, str]]:
    if given is None:
        return
    if not isinstance(given, dict):
        raise MalformedResponse("headers are no object")
    for name, value in given.items():
        lower = name.lower()
        if value is None or lower in _OURS:
            continue
        sent = f"x-amzn-remapped-{lower}" if lower in _REMAPPED else lower
        yield sent, _text(lower, value)


def _text(name: str, value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise MalformedResponse(f"the value of the header {name[:64]} is no text")


def _cookies(document: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    given = document.get("cookies")
    if given is None:
        return
    if not isinstance(given, list):
        raise MalformedResponse("cookies are no list")
    for cookie in given:
        if not isinstance(cookie, str):
            raise MalformedResponse("a cookie is no text")
        yield "set-cookie", cookie


def _body(body: bytes, *, is_base64: bool) -> bytes:
    """Of its JSON; an object or a list is sent as JSON: so AWS has answered."""
    if body == b"null":
        return b""
    plain = _plain(body)
    if not (is_base64 and body.startswith(b'"')):
        return plain
    try:
        # Some encoders break lines.
        return base64.b64decode(b"".join(plain.split()), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedResponse("the body is not base64") from None
