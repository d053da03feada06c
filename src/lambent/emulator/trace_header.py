"""The trace an invocation belongs to, as the emulators have it: simply what the caller sent."""

from __future__ import annotations

from lambent.domain.trace import continue_trace

_LONGEST = 4096


def trace_header(sent: str | None, function_arn: str) -> str:
    """The caller's to the letter, as the originals pass it on; a new one where there is none."""
    if sent and len(sent) <= _LONGEST and sent.isascii() and sent.isprintable():
        return sent
    return continue_trace(None, function_arn)
