"""One invocation: what is asked of a function, and what came of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable


class ErrorType(StrEnum):
    """Lambda's own error types; people's code matches on these strings."""

    EXIT_ERROR = "Runtime.ExitError"
    INVALID_ENTRYPOINT = "Runtime.InvalidEntrypoint"
    UNKNOWN = "Runtime.Unknown"
    EXTENSION_CRASH = "Extension.Crash"
    EXTENSION_EXIT_ERROR = "Extension.ExitError"
    EXTENSION_INIT_ERROR = "Extension.InitError"
    EXTENSION_LAUNCH_ERROR = "Extension.LaunchError"
    TRUNCATED_RESPONSE = "Runtime.TruncatedResponse"
    RESPONSE_SIZE_TOO_LARGE = "Function.ResponseSizeTooLarge"
    TIMED_OUT = "Sandbox.Timedout"
    SANDBOX_FAILURE = "Sandbox.Failure"


class IncomingResponse(Protocol):
    """What a function streams, while it does."""

    content_type: str
    is_whole: bool  # at the end: the runtime has ended it itself

    async def read(self) -> bytes:
        """The next piece; empty at the end."""

    def close(self) -> None:
        """Nobody reads on; the function is let go on."""


# Not frozen, as Caller is not.
@dataclass(slots=True, kw_only=True)
class Invocation:
    """What the runtime is told in one `next` answer."""

    request_id: str
    invoked_arn: str  # with the qualifier exactly as the caller gave it
    payload: bytes
    trace_header: str
    client_context: str | None = None  # JSON, decoded from the caller's base64
    tenant_id: str | None = None  # of a function with tenant isolation, and of no other
    content_type: str = "application/json"
    # Gets a response that is streamed; without it, and for all others, the result has the whole.
    on_stream: Callable[[IncomingResponse], None] | None = None


# Not frozen, as Caller is not.
@dataclass(slots=True, kw_only=True)
class InvocationResult:
    """What came of it. An error of the function's is a result, not an exception."""

    payload: bytes
    is_function_error: bool = False
    error_type: str | None = None  # Lambda's own, or the runtime's word; None for a response
    log_tail: bytes = b""
    duration_ms: float = 0.0  # of the function's code


def error_payload(error_type: str, message: str) -> bytes:
    """The body Lambda itself answers for a function that could not."""
    return json.dumps({"errorType": error_type, "errorMessage": message}).encode()


def invocation_error_payload(error_type: str, request_id: str, message: str) -> bytes:
    """The same, of what became of one invocation."""
    return error_payload(error_type, f"RequestId: {request_id} Error: {message}")
