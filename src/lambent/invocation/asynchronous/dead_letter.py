"""What a dead letter says beside the event itself.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html#invocation-dlq
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from lambent.domain.asynchronous_event import Condition

if TYPE_CHECKING:
    from collections.abc import Mapping

    from lambent.domain.asynchronous_event import Outcome

_MESSAGE_BYTES = 1024
# What SQS does not take in a message or an attribute:
# https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html
_UNSENDABLE = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def dead_letter_attributes(outcome: Outcome) -> Mapping[str, str]:
    """The message's attributes: RequestID, ErrorCode, and ErrorMessage, cut to 1 KB."""
    return {
        "RequestID": outcome.event.request_id,
        "ErrorCode": str(outcome.status_code),
        "ErrorMessage": _cut(_error_message(outcome)),
    }


def _error_message(outcome: Outcome) -> str:
    if outcome.condition is Condition.ZERO_RESERVED_CONCURRENCY:
        return (
            "Function not invoked. Function is configured with zero reserved concurrent executions"
        )
    if outcome.response_payload is not None:
        return _message_in(outcome.response_payload)
    if outcome.condition is Condition.FUNCTION_NOT_FOUND:
        return f"Function not found: {outcome.event.qualified_arn}"
    return "Rate Exceeded." if outcome.status_code == 429 else str(outcome.condition)


def _message_in(payload: bytes) -> str:
    """The errorMessage of what a function answered, or else all of it: runtimes are free there."""
    try:
        answer = json.loads(payload)
    except (ValueError, RecursionError):
        answer = None
    message = answer.get("errorMessage") if isinstance(answer, dict) else None
    return message if isinstance(message, str) else payload.decode(errors="replace")


def _cut(message: str) -> str:
    sendable = _UNSENDABLE.sub("\N{REPLACEMENT CHARACTER}", message)
    return sendable.encode()[:_MESSAGE_BYTES].decode(errors="ignore")
