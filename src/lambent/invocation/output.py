"""What came of an invocation as the outputs of Invoke and InvokeWithResponseStream."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

from lambent.invocation.response_stream import ResponseEvents

if TYPE_CHECKING:
    from lambent.domain.invocation import InvocationResult
    from lambent.invocation.response_stream import ResponseStream


def invoke_output(
    result: InvocationResult, executed_version: str, *, wants_log_tail: bool
) -> dict[str, Any]:
    """Of an invocation whose caller waited for the end."""
    output = {"StatusCode": 200, "Payload": result.payload, "ExecutedVersion": executed_version}
    if result.is_function_error:
        output["FunctionError"] = "Unhandled"
    if wants_log_tail:
        output["LogResult"] = base64.b64encode(result.log_tail).decode()
    return output


def stream_output(
    stream: ResponseStream, executed_version: str, *, wants_log_tail: bool
) -> dict[str, Any]:
    """Of one whose response is read while it comes."""
    return {
        "StatusCode": 200,
        "ExecutedVersion": executed_version,
        "ResponseStreamContentType": stream.content_type,
        "EventStream": ResponseEvents(stream, wants_log_tail=wants_log_tail),
    }
