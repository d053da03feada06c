"""What a runtime posts for an invocation, and what the platform says in its place.

https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from lambent.domain.invocation import ErrorType
from lambent.domain.quotas import RESPONSE_PAYLOAD_BYTES
from lambent.execution_environment.apis.runtime_http import error_body

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.protocol.http import HttpRequest

# Read as JSON in the event loop, only to learn an error's type: megabytes would hold it up.
_MAX_DESCRIPTION_BYTES = 64 * 1024
_PLATFORM_ERROR_TYPE = re.compile(r"(?:Runtime|Function)\.[A-Z][a-zA-Z]{1,63}")


@dataclass(slots=True, kw_only=True)
class Answer:
    """What the runtime posted for an invocation."""

    payload: bytes
    error_type: str | None = None  # None for a response
    # Monotonic seconds: it began to come in; None when it was here all at once.
    began: float | None = field(default=None, compare=False)
    streamed_bytes: int = 0  # of a response that went out while it came

    @property
    def produced_bytes(self) -> int:
        return self.streamed_bytes or len(self.payload)

    @property
    def is_error(self) -> bool:
        return self.error_type is not None


def is_over_limit(request: HttpRequest, limit_bytes: int) -> bool:
    return request.is_too_large or len(request.body) > limit_bytes


def response_answer(request: HttpRequest, limit_bytes: int) -> Answer:
    if is_over_limit(request, limit_bytes):
        return too_large(limit_bytes)
    if request.trailers:
        answer = stream_answer(request.trailers)
        if answer.is_error:
            return answer
    return Answer(payload=request.body)


def stream_answer(trailers: Mapping[str, str]) -> Answer:
    """A streamed response whose function failed in the middle says so in its trailers."""
    error_type = trailers.get("lambda-runtime-function-error-type")
    if error_type is not None:
        return Answer(payload=_trailer_body(trailers), error_type=error_type)
    return Answer(payload=b"")


def truncated() -> Answer:
    message = "The runtime ended its connection before the end of its response."
    error_type = ErrorType.TRUNCATED_RESPONSE
    return Answer(payload=error_body(error_type, message), error_type=error_type)


def _trailer_body(trailers: Mapping[str, str]) -> bytes:
    try:
        return base64.b64decode(
            trailers.get("lambda-runtime-function-error-body", ""), validate=True
        )
    except (binascii.Error, ValueError):
        return b"{}"


def error_answer(request: HttpRequest, limit_bytes: int) -> Answer:
    if is_over_limit(request, limit_bytes):
        return too_large(limit_bytes)
    error_type = request.headers.get("lambda-runtime-function-error-type")
    return Answer(payload=request.body, error_type=error_type or _error_type_of(request.body))


def platform_error(request: HttpRequest) -> Answer:
    """An error of the runtime's own, with a type the platform's lines may show."""
    error = error_answer(request, RESPONSE_PAYLOAD_BYTES)
    return replace(error, error_type=platform_error_type(error.error_type or ""))


def _error_type_of(body: bytes) -> str:
    """Python's client names the type in the body only."""
    if len(body) > _MAX_DESCRIPTION_BYTES:
        return ErrorType.UNKNOWN
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return ErrorType.UNKNOWN
    found = document.get("errorType") if isinstance(document, dict) else None
    return found if isinstance(found, str) else ErrorType.UNKNOWN


def platform_error_type(error_type: str) -> str:
    """The type an INIT_REPORT line shows: one of Lambda's families, whatever the runtime said."""
    if _PLATFORM_ERROR_TYPE.fullmatch(error_type):
        return error_type
    return "Function.Unknown" if error_type.startswith("Function.") else ErrorType.UNKNOWN


def too_large(limit_bytes: int) -> Answer:
    """A response over the limit, in AWS's recorded words."""
    message = f"Response payload size exceeded maximum allowed payload size ({limit_bytes} bytes)."
    return Answer(
        payload=error_body(ErrorType.RESPONSE_SIZE_TOO_LARGE, message),
        error_type=ErrorType.RESPONSE_SIZE_TOO_LARGE,
    )
