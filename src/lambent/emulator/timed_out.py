"""The answer to a call whose function took too long, as the two originals have it.

What people wrote for them may compare that one body; the words are the same in all three.
"""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Literal

from lambent.domain.invocation import ErrorType, InvocationResult, error_payload

TimeOutAnswer = Literal["aws", "rie", "daemon"]
TIME_OUT_ANSWERS: tuple[TimeOutAnswer, ...] = ("aws", "rie", "daemon")

_WORDS = re.compile(r"Task timed out after [0-9.]+ seconds")


def as_original(result: InvocationResult, answer: TimeOutAnswer) -> InvocationResult:
    """`result`, in the body that AWS's emulator (`rie`) or lambda-runtime-api-daemon would have."""
    if result.error_type != ErrorType.TIMED_OUT or answer == "aws":
        return result
    message = _message(result.payload)
    if message is None:  # the function's own words, by this type's name
        return result
    if answer == "daemon":
        return replace(result, payload=error_payload("TimeoutError", message))
    words = _WORDS.search(message)
    return replace(result, payload=(words[0] if words else message).encode())


def _message(payload: bytes) -> str | None:
    try:
        error = json.loads(payload)
    except (ValueError, RecursionError):
        return None
    return str(error.get("errorMessage", "")) if isinstance(error, dict) else None
