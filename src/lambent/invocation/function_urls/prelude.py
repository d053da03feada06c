"""The prelude of a streamed HTTP response: status, headers and cookies as JSON, eight NULs, a body.

`awslambda.HttpResponseStream.from` of AWS's Node.js runtime writes it, as do web frameworks'
adapters. It comes in pieces of any size.
https://docs.aws.amazon.com/lambda/latest/dg/config-rs-write-functions.html
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from lambent.invocation.function_urls.response import MalformedResponse, read_head
from lambent.protocol.json_text import NotJson, read_json

if TYPE_CHECKING:
    from lambent.invocation.function_urls.response import Headers

CONTENT_TYPE = "application/vnd.awslambda.http-integration-response"
MAX_BYTES = 64 * 1024  # AWS documents no limit; heads of HTTP that are longer are taken nowhere
_SEPARATOR = bytes(8)
# What AWS's runtime says of a stream that nobody has given a type.
BYTES_TYPE = "application/octet-stream"

Read = Callable[[], Awaitable[bytes]]


def is_prelude_type(content_type: str) -> bool:
    """Whether what has this content type begins with a prelude."""
    return content_type.partition(";")[0].strip().lower() == CONTENT_TYPE


async def read_prelude(first: bytes, read: Read) -> tuple[int, Headers, bytes]:
    """Status, headers and as much of the body as was read with them.

    `first` is the first piece, and `read` gives the next, nothing at the end. Raises MalformedResponse, also at an end that
    comes before the prelude's.
    """
    held = bytearray(first)
    end = held.find(_SEPARATOR)
    while end < 0 and len(held) < MAX_BYTES + len(_SEPARATOR):
        piece = await read()
        if not piece:
            raise MalformedResponse(
                "the response ended before its prelude did: whoever writes it has to write() before end()"
            )
        searched = max(0, len(held) - len(_SEPARATOR) + 1)
        held += piece
        end = held.find(_SEPARATOR, searched)
    if not 0 <= end <= MAX_BYTES:
        raise MalformedResponse("the prelude is too long")
    status, headers = _read_document(bytes(held[:end]))
    return status, headers, bytes(held[end + len(_SEPARATOR) :])


def _read_document(encoded: bytes) -> tuple[int, Headers]:
    try:
        document = read_json(encoded)
    except (NotJson, RecursionError):
        raise MalformedResponse("the prelude is not JSON") from None
    if not isinstance(document, dict):
        raise MalformedResponse("the prelude is no object")
    return read_head(document, default_type=BYTES_TYPE)
