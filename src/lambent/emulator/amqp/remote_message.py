"""A request as a client of functions sends it, and what the reply to it says.

What `message` reads and writes on the other side.
"""

from __future__ import annotations

import base64
import binascii
import json
from typing import TYPE_CHECKING, NamedTuple

from lambent.domain.arn import LATEST
from lambent.domain.errors import ServiceError
from lambent.domain.invocation import InvocationResult
from lambent.emulator.amqp.message import (
    ERROR_TYPE,
    EXECUTED_VERSION,
    FUNCTION_ERROR,
    LOG_RESULT,
)

if TYPE_CHECKING:
    from aiormq.abc import DeliveredMessage
    from pamqp.common import FieldTable

    from lambent.emulator.call import Call

# An error's type is looked for in so much; an error may have 6 MB.
_MOST_ERROR_BYTES = 256 * 1024


class Answer(NamedTuple):
    result: InvocationResult
    executed_version: str


def request_headers(call: Call) -> FieldTable:
    """Spelled as lambda-runtime-api-daemon wants them, which knows the first two."""
    invocation = call.invocation
    headers: FieldTable = {"X-Amzn-Trace-Id": invocation.trace_header}
    if invocation.client_context is not None:
        encoded = base64.b64encode(invocation.client_context.encode()).decode()
        headers["X-Amz-Client-Context"] = encoded
    if invocation.tenant_id is not None:
        headers["X-Amz-Tenant-Id"] = invocation.tenant_id
    if call.qualifier is not None:
        headers["X-Amz-Qualifier"] = call.qualifier
    if call.wants_log_tail:
        headers["X-Amz-Log-Type"] = "Tail"
    return headers


def read_answer(message: DeliveredMessage) -> Answer:
    """Raises ServiceError for the answer to a request that no function saw."""
    given = message.header.properties.headers or {}
    headers = {name.lower(): value for name, value in given.items() if isinstance(value, str)}
    if code := headers.get(ERROR_TYPE.lower()):
        raise ServiceError(code, _member(message.body, "errorMessage") or code)
    is_function_error = FUNCTION_ERROR.lower() in headers
    result = InvocationResult(
        payload=message.body,
        is_function_error=is_function_error,
        error_type=_member(message.body, "errorType") if is_function_error else None,
        log_tail=_log_tail(headers.get(LOG_RESULT.lower(), "")),
    )
    return Answer(result, headers.get(EXECUTED_VERSION.lower(), LATEST))


def _member(document: bytes, name: str) -> str | None:
    """A text in an error's JSON; None where there is none."""
    if len(document) > _MOST_ERROR_BYTES:
        return None
    try:
        found = json.loads(document)
    except (ValueError, RecursionError):
        return None
    value = found.get(name) if isinstance(found, dict) else None
    return value if isinstance(value, str) else None


def _log_tail(encoded: str) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError):
        return b""
