"""What a function's answer is as an HTTP response: payload format 2.0, and what is inferred.

https://docs.aws.amazon.com/lambda/latest/dg/urls-invocation.html#urls-response-payload
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from typing import TYPE_CHECKING

from lambent.protocol.http import HttpResponse
from lambent.protocol.http_head import safe_headers
from lambent.protocol.json_text import NotJson, read_json

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

JSON_TYPE = "application/json"
Headers = list[tuple[str, str]]

# Everything between the strings of a JSON text that may stand there for readers only.
_STRING_OR_SPACE = re.compile(rb'("[^"\\]*(?:\\.[^"\\]*)*")|[ \t\r\n]+', re.DOTALL)
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
        document = read_json(payload)
    except (NotJson, RecursionError):
        return _inferred(payload)
    if isinstance(document, str):
        return _inferred(document.encode("utf-8", "replace"))
    if not isinstance(document, dict) or "statusCode" not in document:
        # AWS writes it anew, without the spaces that Python's runtime puts in.
        return _inferred(_STRING_OR_SPACE.sub(rb"\1", payload))
    status, headers = read_head(document, default_type=JSON_TYPE)
    return HttpResponse(status=status, headers=headers, body=_body(document))


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
        raise MalformedResponse("statusCode is no status of HTTP's")
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
        yield sent, _text(value)


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    if isinstance(value, bool | int | float):
        return json.dumps(value)
    raise MalformedResponse("the value of a header is no text")


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


def _body(document: Mapping[str, object]) -> bytes:
    body = document.get("body")
    if body is None:
        return b""
    if not isinstance(body, str):
        # An object or a list is sent as JSON: so AWS has answered.
        text = json.dumps(body, ensure_ascii=False, separators=(",", ":"))
        return text.encode("utf-8", "replace")
    if document.get("isBase64Encoded") is not True:
        return body.encode("utf-8", "replace")
    try:
        # Some encoders break lines.
        return base64.b64decode("".join(body.split()), validate=True)
    except (binascii.Error, ValueError):
        raise MalformedResponse("the body is not base64") from None
